#include <iostream>

int main() {
  int sum = 0;
  for (int n; std::cin >> n;) sum += n;
  std::cout << sum << "\n";
}
