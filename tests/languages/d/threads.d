import core.atomic, core.thread, std.stdio;

shared int total;

void main() {
  Thread[] threads;
  foreach (i; 0 .. 4)
    threads ~= new Thread({
      foreach (n; 0 .. 1000) atomicOp!"+="(total, 1);
    }).start();
  foreach (thread; threads) thread.join();
  writeln(total);
}
