#include <iostream>
#include <string>

int main() {
  for (int i = 0; i < 5 << 10; i++) std::cout << std::string(1023, 'x') << "\n";
}
