// Init's side of a start by a zygote: the program is there already, and waits in the cell for its streams.
#pragma once

#include <sys/types.h>

#include <optional>

#include "jail/program_start.h"

namespace codeapi {

/// Waits for the program that a zygote has been asked for over the other end of `link`. Its process id, or
/// nothing when it does not come: then start one yourself.
std::optional<pid_t> AwaitZygoteProgram(int link);

/// Gives it what it is to be started with, and on which CPUs (empty: as they are). From then on it is like a
/// program that init has forked, and reports over start.spec.keep_fd what went wrong. False when it is gone.
bool StartZygoteProgram(int link, const ProgramStart& start, const std::vector<std::uint32_t>& cpus);

}  // namespace codeapi
