// Whether a cell's program does anything, as its init sees it.
#pragma once

#include <cstdint>

namespace codeapi {

/// What was seen of all processes of the PID namespace but its first.
struct ActivitySnapshot {
  bool runs = false;           ///< a task runs, is about to, or waits for a disk or for its fork's exec
  std::uint32_t tasks = 0;     ///< seen, up to the first that runs
  std::uint64_t switches = 0;  ///< differs when a task has run, come or gone in between
};

/// Looks at each task's state in /proc, which must be the namespace's own.
ActivitySnapshot LookAtProgram();

/// Whether there was a moment, since the call, in which every task slept (or was stopped, or a zombie). Tasks
/// are looked at one after the other, and one can wake another and fall asleep in between; so when there are
/// several, a second look must find them all as the first one left them. False when nothing can be seen.
bool ProgramSleeps();

}  // namespace codeapi
