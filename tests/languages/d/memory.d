void main() {
  ubyte[][] blocks;
  while (true) {
    auto block = new ubyte[16 << 20];
    block[] = 1;
    blocks ~= block;
  }
}
