// Landlock: one more layer around the program's file accesses, where the kernel has it.
//
// The mount tree already shows a program nothing it may not see. Landlock holds should that ever fail: a path
// that appears in the tree by mistake, a directory descriptor that leaks in (attack 58), a bug in the
// kernel's handling of read-only mounts (attacks 29, 31). It lets the program read and execute what it sees,
// write only below its workspace, and, where the kernel knows how, make no TCP connection (attack 56), reach
// no abstract socket and signal no process outside its own cell (attacks 8, 60).
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"

namespace codeapi {

/// The newest Landlock ABI this kernel has; 0 when it has none.
int LandlockAbi();

/// Whether a program may reach abstract sockets of init's. Landlock can tell them apart only by whether their
/// maker is restricted too; what else there are belong to other network namespaces.
enum class AbstractSockets { kOwn, kInits };

/// A ruleset for the program, for LockdownSpec::landlock_fd. Must be called in the cell's mount namespace,
/// when the workspace is mounted. An empty descriptor when the kernel has no Landlock.
Result<UniqueFd> MakeLandlockRuleset(AbstractSockets sockets = AbstractSockets::kOwn);

}  // namespace codeapi
