import std.algorithm, std.conv, std.stdio;

void main() {
  writeln(stdin.byLine.map!(line => line.to!int).sum);
}
