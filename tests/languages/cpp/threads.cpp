#include <atomic>
#include <iostream>
#include <thread>
#include <vector>

int main() {
  std::atomic<int> total = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; i++)
      threads.emplace_back([&] {
        for (int n = 0; n < 1000; n++) total++;
      });
  }
  std::cout << total << "\n";
}
