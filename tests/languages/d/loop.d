void main() {
  import core.atomic;
  shared int n;
  while (true) atomicOp!"+="(n, 1);
}
