// Whether a cell's program does anything, as its init sees it.
#pragma once

#include <cstdint>

namespace codeapi {

/// What was seen of all tasks of the PID namespace but those of its first process.
struct ActivitySnapshot {
  bool runs = false;           ///< one runs, is about to, or waits for a disk or for its fork's exec
  bool starts = false;         ///< one of these has only just begun: it has used little CPU time so far
  std::uint32_t tasks = 0;     ///< how many were seen
  std::uint64_t switches = 0;  ///< differs when a task has run, come or gone in between
};

/// Looks at each task's state in /proc, which must be the namespace's own; `to_the_end` or until one runs.
ActivitySnapshot LookAtProgram(bool to_the_end);

/// Whether there was a moment, since the call, in which every task slept (or was stopped, or a zombie). Tasks
/// are looked at one after the other, and one can wake another and fall asleep in between; so when there are
/// several, a second look must find them all as the first one left them. False when nothing can be seen.
bool ProgramSleeps();

/// Whether a task that has only just begun runs: what it is there for, it has yet to do.
bool ProgramStarts();

}  // namespace codeapi
