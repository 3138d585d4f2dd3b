// What a program is started with, from init's side of the fork to the exec.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "jail/lockdown.h"

namespace codeapi {

/// Everything the child needs, laid out before the fork: it may not allocate.
struct ProgramStart {
  std::vector<char*> argv, env;
  std::array<ResourceLimit, 9> limits;
  LockdownSpec spec;
  bool compiled =
      false;  ///< argv[0] is what a compiler has made: that it cannot be executed is its own fault
};

/// As execve wants them. They point into `strings`.
std::vector<char*> Pointers(std::vector<std::string>& strings);

/// In the child: locks down and executes, or reports a StartFailure through the pipe and exits. What a
/// compiler has made and the kernel refuses to execute is told on stderr instead, with exit status 126, as a
/// shell does. Async-signal-safe.
[[noreturn]] void RunProgram(const ProgramStart& start);

}  // namespace codeapi
