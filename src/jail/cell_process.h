// Starting the init of a new cell.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/result.h"
#include "base/unique_fd.h"

namespace codeapi {

/// A freshly started cell init and the jailer's ends of its streams. All descriptors are non-blocking.
struct CellProcess {
  pid_t pid = -1;
  UniqueFd pidfd;    ///< readable when init has ended
  UniqueFd control;  ///< see cell_wire.h
  UniqueFd out;      ///< the program's stdout, reading end
  UniqueFd err;      ///< and stderr
};

/// Starts init (an open executable) by clone3 in new mount, PID, network, IPC and UTS namespaces. The caller
/// must be single-threaded and inside the template root. Init does nothing until it receives a CellSetup, so
/// there is time to put it into its cgroup.
Result<CellProcess> StartCellInit(int init_fd);

}  // namespace codeapi
