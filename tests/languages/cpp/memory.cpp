#include <vector>

int main() {
  std::vector<std::vector<char>> blocks;
  while (true) blocks.emplace_back(16 << 20, 1);
}
