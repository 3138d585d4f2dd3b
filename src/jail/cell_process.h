// Starting the init of a new cell.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "jail/user_namespace.h"

namespace codeapi {

/// A freshly started cell init and the jailer's ends of its streams. All descriptors are non-blocking.
struct CellProcess {
  pid_t pid = -1;
  UniqueFd pidfd;    ///< readable when init has ended
  UniqueFd control;  ///< see cell_wire.h
  UniqueFd out;      ///< the program's stdout, reading end
  UniqueFd err;      ///< and stderr
  UniqueFd link;     ///< for a zygote (zygote_wire.h): init has the other end
};

/// Starts init (an open executable) by clone3 in new mount, PID, network, IPC and UTS namespaces; before its
/// exec it moves itself into a cgroup by writing "0" to each of `join_fds`, or is born in the one of
/// `clone_into_fd` (-1: none). With `rootless` it gets a user namespace of its own as well, with these ids in
/// it, and the template root must show the /proc it was made with. The caller must be single-threaded and
/// inside the template root. Init does nothing until it receives a CellSetup. What fails between clone and
/// exec becomes its exit status: see CellStartFailure.
Result<CellProcess> StartCellInit(int init_fd, std::span<const int> join_fds, int clone_into_fd,
                                  const UserNamespaceMap* rootless = nullptr);

/// What went wrong, for an exit status of a process that did not become init; empty for any other status.
std::string CellStartFailure(int exit_status);

}  // namespace codeapi
