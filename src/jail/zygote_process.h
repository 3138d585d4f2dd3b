// Zygotes: interpreters that have loaded what programs want, and fork a program into a cell (zygote_module.cc
// says how). This is the jailer's side.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "jail/seccomp_policy.h"
#include "jail/zygote_wire.h"

namespace codeapi {

/// The shared object that is loaded into every zygote.
std::string_view ZygoteModule();

/// A zygote to be started.
struct ZygoteSpec {
  std::vector<std::string> argv;  ///< of its programs, all of it
  std::vector<std::string> env;   ///< of its programs, NAME=value
  bool data = false;              ///< loads what works with data, too
};

/// A zygote that has been started. Its descriptors do not block.
struct ZygoteProcess {
  pid_t pid = -1;
  UniqueFd pidfd;   ///< readable when it has ended
  UniqueFd socket;  ///< see zygote_wire.h; it ends when this is closed
  UniqueFd output;  ///< what it prints: nothing, if all is well
};

/// Starts an interpreter in a copy of the mount namespace, with files of its own on a tmpfs over /tmp. It
/// says when it is ready. The caller must be single-threaded and inside the template root, and reaps it.
Result<ZygoteProcess> StartZygote(const ZygoteSpec& spec, const SeccompFilters& filters);

/// Asks for a program. `fds` as ForkFd and ZygoteFork have it; they are copied. kUnavailable when it is gone,
/// or too much is asked for at once: start the program in another way.
Result<void> AskZygote(int socket, const ZygoteFork& fork, std::span<const int> fds);

/// What it has loaded, by the first parts of names. kUnavailable when there is no message yet;
/// kSetupFailed when it is gone, or is not fit to fork.
Result<std::vector<std::string>> ReadZygoteReady(int socket);

}  // namespace codeapi
