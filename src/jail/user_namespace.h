// User namespaces: how an ordinary user makes cells.
//
// Theory of operation. Without root nothing may be mounted and no other namespace made, except inside a user
// namespace, whose creator holds every capability over what belongs to it and none over anything else. So a
// rootless jailer first moves into one, where its own user is root, and builds the template root there. Each
// cell gets another one nested in it, for two reasons: the kernel counts process limits per user namespace,
// so that cells do not use up each other's (RLIMIT_NPROC, attack 1), and a cell's init then has power over
// its own cell only. The one user there is stands for the cell's user id inside it; a second one would need
// newuidmap and a range in /etc/subuid. Programs and their init are therefore the same user to the kernel:
// what keeps them apart is that a PID 1 takes no signal from its own namespace, that init is not dumpable,
// and that the program has no capabilities.
#pragma once

#include <sys/types.h>

#include <array>
#include <string>
#include <vector>

#include "base/result.h"

namespace codeapi {

/// How the calling process may make cells.
enum class CellPrivilege {
  kRoot,      ///< with capabilities of its own
  kRootless,  ///< as an ordinary user, in user namespaces
};

/// kRoot if this process has CAP_SYS_ADMIN, kRootless for an ordinary user. kSetupFailed for a root that
/// lacks the capability (as in an unprivileged container): its programs would be root outside of their cells.
Result<CellPrivilege> FindCellPrivilege();

/// The contents of the id map files of a namespace with one user and one group.
struct UserNamespaceMap {
  std::array<char, 48> uid{}, gid{};  ///< zero-terminated
};

/// Maps `inside` to `outside`, which is an id in the parent namespace.
UserNamespaceMap MakeUserNamespaceMap(uid_t inside_uid, gid_t inside_gid, uid_t outside_uid,
                                      gid_t outside_gid);

/// Writes the map of the calling process's own new user namespace, for which /proc must show this process.
/// Makes the process dumpable on the way. Async-signal-safe. False with errno set.
bool WriteUserNamespaceMap(const UserNamespaceMap& map);

/// Lets the next exec keep the capabilities that this process has now, which it otherwise does for root only.
/// Async-signal-safe. False with errno set.
bool KeepCapabilitiesOverExec();

/// Moves the calling process, which must be single-threaded, into a new user namespace in which its user is
/// root. kSetupFailed with what to change on the host when the kernel refuses.
Result<void> EnterUserNamespace();

/// What an ordinary user's cells cannot hold, one sentence each, for the operator.
std::vector<std::string> RootlessLimits();

}  // namespace codeapi
