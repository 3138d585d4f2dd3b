// What init does from a program's start to the end of everything it started.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>

#include "base/unique_fd.h"
#include "jail/cell_messages.h"
#include "jail/init_channel.h"
#include "jail/refused_calls.h"
#include "jail/tool_channel.h"

namespace codeapi {

/// Waits for the end of a program, and meanwhile obeys the jailer and serves the program's calls. Must be PID
/// 1 of the program's namespace. Not thread-safe.
class ProgramWatch {
 public:
  explicit ProgramWatch(InitChannel& channel) : channel_(channel) {}

  /// Once, before the first program is started. An errno, or 0.
  int Open();

  /// Of the programs to come. Either may be null.
  void Serve(RefusedCalls* refused, ToolChannel* tools) {
    refused_ = refused;
    tools_ = tools;
  }

  /// Returns when `main`, started at `started_us`, and all else in the namespace have ended. False when the
  /// jailer is gone.
  bool UntilTheEnd(pid_t main, std::uint64_t started_us);

  /// How it ended, of the last program.
  CellExit& exit() { return exit_; }
  /// Whether the jailer has ended it.
  bool killed() const { return killed_; }

 private:
  int Poll(bool more);
  bool OnMessage();
  bool ServeTools(int ready);
  bool ReapSome();
  void ReapRest();
  void Count(const rusage& usage);

  InitChannel& channel_;
  RefusedCalls* refused_ = nullptr;
  ToolChannel* tools_ = nullptr;
  UniqueFd signal_fd_;
  std::vector<pollfd> fds_;
  pid_t main_pid_ = -1;
  std::uint64_t started_us_ = 0;
  bool main_ended_ = false, killed_ = false;
  CellExit exit_;
};

}  // namespace codeapi
