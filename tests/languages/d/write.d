import std.file;

void main() {
  std.file.write("out.txt", "written\n");
}
