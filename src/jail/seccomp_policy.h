// The system call filters of every program.
//
// Theory of operation. Two filters are stacked; the kernel runs both and the stricter verdict wins.
//
//   allow  an allow-list: what the runtimes need. Known calls that need a privilege, or reach other processes
//   or the
//          kernel's inner parts, answer EPERM; anything else, including calls newer than this list, answers
//          ENOSYS, as on an older kernel, and libraries fall back. A few calls that no runtime ever probes
//          kill the process. Foreign architectures and x32 numbers kill it too (attack 48).
//   deny   default-allow, with masked denials: arguments that the kernel takes as `int` are compared on 32
//   bits, so
//          a value with upper bits set meets the same verdict (attack 49). They live in a filter of their own
//          because inside one filter an unconditional allow wins over a conditional denial.
//
// In logging mode a cell's init makes one filter of both that asks it before it refuses; see
// filter_program.h.
//
// Both are compiled once, when the jailer starts, by libseccomp; a cell receives the finished BPF.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace codeapi {

/// Compiled filters: arrays of struct sock_filter as bytes.
struct SeccompFilters {
  std::string allow;
  std::string deny;
};

/// Compiles both filters for this machine's architecture. `may_choose_cpus`: programs may bind themselves to
/// some CPUs, which is only safe where they may use all that the machine has. kInternal when libseccomp
/// refuses.
Result<SeccompFilters> CompileFilters(bool may_choose_cpus = true);

/// Compiles the filter of the jailer itself, which its cells' inits, its zygotes and their programs inherit:
/// what programs may call, and what making cells takes. Everything else is answered ENOSYS, but not by an
/// ERRNO verdict: that of a tracer that is not there weighs less than each verdict of the filters above, so
/// that programs, and who listens to what they are refused, see no difference. Sockets are AF_UNIX.
/// kInternal when libseccomp refuses.
Result<std::string> CompileJailerFilter();

/// The name of a system call of this machine's architecture, for people; "unknown" for numbers without one.
std::string SystemCallName(int number);

/// Which argument the filters look at for the call of this name; nullopt when they do not.
std::optional<unsigned> DecidingArgument(std::string_view name);

}  // namespace codeapi
