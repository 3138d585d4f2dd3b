// Runs the programs that do the work: apt, mmdebstrap, npm, pip.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace codeapi {

struct ProgramRun {
  std::vector<std::string> argv;                              ///< argv[0] is looked up in PATH
  std::string directory;                                      ///< where it runs; empty: here
  std::map<std::string, std::string> environment = {};        ///< beyond this process's own
  std::function<void(std::string_view line)> on_line = {};    ///< each line of its output, stderr included
  std::function<void(std::string_view line)> on_status = {};  ///< each line it writes to descriptor 3
};

/// Runs a program to its end, with nothing on standard input, and returns everything it printed. It dies with
/// this process. kInternal when it does not exit with 0: the message has its name, how it ended and the last
/// lines it printed; kNotFound when it is not installed.
Result<std::string> RunProgram(const ProgramRun& run);

/// Whether `name` is a program in PATH.
bool HaveProgram(const std::string& name);

}  // namespace codeapi
