// Which CPUs each running program gets, where it may use fewer than there are.
#pragma once

#include <cstdint>
#include <vector>

namespace codeapi {

/// Shares the machine's CPUs out, a few to each program. A program that may burn one CPU's time but sees
/// eight starts eight threads that stand in each other's way; bound to one it sees, and is told, one. Those
/// with the fewest programs are taken first, so that programs spread over the machine.
class CpuAllotment {
 public:
  /// `cpus` are the kernel's numbers of those this process may use.
  CpuAllotment(const std::vector<std::uint32_t>& cpus, std::uint32_t per_program);

  /// The CPUs of one more program. Empty: all of them, nothing is bound.
  std::vector<std::uint32_t> Take();

  /// Gives back what Take() gave.
  void Return(const std::vector<std::uint32_t>& taken);

 private:
  struct Cpu {
    std::uint32_t number;
    std::uint32_t programs = 0;
  };
  std::vector<Cpu> cpus_;
  std::uint32_t per_program_;
};

}  // namespace codeapi
