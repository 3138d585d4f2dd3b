#include "jail/cpus.h"

#include <sched.h>

namespace codeapi {

std::vector<std::uint32_t> UsableCpus() {
  cpu_set_t set;
  std::vector<std::uint32_t> out;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) {
    for (std::uint32_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &set)) out.push_back(cpu);
    }
  }
  // More CPUs than the set has room for: one is there.
  if (out.empty()) out.push_back(0);
  return out;
}

void BindToCpus(const std::vector<std::uint32_t>& cpus) {
  if (cpus.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const std::uint32_t cpu : cpus) {
    if (cpu < CPU_SETSIZE) CPU_SET(cpu, &set);
  }
  ::sched_setaffinity(0, sizeof set, &set);
}

}  // namespace codeapi
