// On which CPUs a process may run.
#pragma once

#include <cstdint>
#include <vector>

namespace codeapi {

/// The kernel's numbers of the CPUs that the calling process may run on; at least one.
std::vector<std::uint32_t> UsableCpus();

/// Keeps the calling process, and whatever it starts, on these CPUs; empty: changes nothing. A program cannot
/// undo it. When they have been taken away meanwhile nothing changes: the program then runs anywhere, with no
/// more CPU time than before.
void BindToCpus(const std::vector<std::uint32_t>& cpus);

}  // namespace codeapi
