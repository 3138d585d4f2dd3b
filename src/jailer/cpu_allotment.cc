#include "jailer/cpu_allotment.h"

#include <algorithm>
#include <utility>

namespace codeapi {

CpuAllotment::CpuAllotment(const std::vector<std::uint32_t>& cpus, std::uint32_t per_program)
    : per_program_(per_program) {
  for (const std::uint32_t number : cpus) cpus_.push_back({number});
}

std::vector<std::uint32_t> CpuAllotment::Take() {
  if (per_program_ >= cpus_.size()) return {};
  std::ranges::sort(cpus_, {}, [](const Cpu& cpu) { return std::pair(cpu.programs, cpu.number); });
  std::vector<std::uint32_t> out;
  for (std::uint32_t i = 0; i < per_program_; ++i) {
    ++cpus_[i].programs;
    out.push_back(cpus_[i].number);
  }
  return out;
}

void CpuAllotment::Return(const std::vector<std::uint32_t>& taken) {
  for (const std::uint32_t number : taken) --std::ranges::find(cpus_, number, &Cpu::number)->programs;
}

}  // namespace codeapi
