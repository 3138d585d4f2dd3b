import std.array, std.range, std.stdio;

void main() {
  auto line = "x".replicate(1023);
  foreach (i; 0 .. 5 << 10) writeln(line);
}
