// A program's interpreter that is started before there is a program, and waits for it.
//
// Theory of operation. Init starts the interpreter as it starts any program, through the same lock-down and
// with the same command line, environment and descriptors, but traces its main thread. An interpreter spends
// most of its start on itself, and only then looks for its program. The first system call that names a path
// in the workspace is where it is left stopped, before the kernel has looked at anything; when the program is
// there, init lets go of it, and the call is made. Nothing of ours is in the process, neither before nor
// after: no library, no variable, no descriptor. What it can tell is how old it is.
//
// Some interpreters look for a file of settings, or whether their program is there at all, long before they
// are done with themselves. Such looks they are allowed when their result is the same for every program that
// is bound to a waiting interpreter: there is no such file, and an empty program stands where the program
// will be.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "jail/program_start.h"

namespace codeapi {

/// What an interpreter may look at before it has to wait. Absolute paths in the workspace.
struct EarlyLooks {
  std::string workspace;             ///< without a slash at its end
  std::string program;               ///< may be opened once; empty: may not
  std::vector<std::string> missing;  ///< of which there are none
};

/// At most one in its life. Not thread-safe: all calls come from one thread, the one that Start() was called
/// by.
class WaitingProgram {
 public:
  WaitingProgram() = default;
  ~WaitingProgram() { End(); }
  WaitingProgram(const WaitingProgram&) = delete;
  WaitingProgram& operator=(const WaitingProgram&) = delete;

  /// Forks, and returns when the interpreter waits. False when it cannot be traced or ended first; what it
  /// reported over start.spec.keep_fd says why. The child is given to `become`.
  bool Start(
      const ProgramStart& start, const EarlyLooks& looks,
      void (*become)(const ProgramStart&) = [](const ProgramStart& s) { RunProgram(s); });

  /// Whether there is one: it may have been killed all the same.
  bool waits() const { return pid_ > 0; }
  /// Readable when it has ended; -1 when there is none.
  int pidfd() const { return pidfd_.get(); }

  /// Memory that nobody shares with it, in bytes; 0: not known.
  std::uint64_t memory() const;
  /// CPU time that it has used, in microseconds.
  std::uint64_t cpu_us() const;

  /// Lets it go on. It is an ordinary child from then on, and no longer this object's. Its process id, or -1
  /// when it has ended.
  pid_t Release();

  /// Kills and reaps it, if there is one.
  void End();

 private:
  bool Trace(const EarlyLooks& looks);
  bool AwaitStop(int& status) const;
  bool Touches(EarlyLooks& looks) const;
  std::string PeekPath(std::uint64_t address) const;

  pid_t pid_ = -1;
  UniqueFd pidfd_;
};

}  // namespace codeapi
