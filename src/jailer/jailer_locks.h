// What the jailer takes from itself before it makes its first cell.
//
// Theory of operation. The jailer is root, and what is left of that is what cells cost. It keeps the
// capabilities of the table in jailer_locks.cc, and the bounding set no others, so that nothing it starts has
// more: a cell's init (which gives up most of them before it takes an input), a zygote, a program (none). No
// exec can give any back (no_new_privs). A filter allows the system calls that cells and the making of cells
// need and no others.
//
// Landlock is not used here. Whoever is held by rules for files may not mount anything, and a cell is made of
// mounts. Even a ruleset without any, of scopes for signals and sockets, keeps all below it from moving files
// between directories (LANDLOCK_ACCESS_FS_REFER is denied unless every layer allows it), which programs do.
// The jailer's file tree is the template root, which it can only read.
#pragma once

#include <span>
#include <string>

#include "base/result.h"

namespace codeapi {

/// A capability, by the kernel's number and name, and what it is for.
struct NeededCapability {
  int number;
  const char* name;
  const char* why;
};

/// Those the jailer keeps, as root; one in a user namespace keeps CAP_SETFCAP too, which is worth nothing
/// outside of that.
std::span<const NeededCapability> JailerCapabilities();

/// Who locks itself. A launcher leaves its jailers what the template root takes.
enum class JailerPart { kRoot, kRootless, kLauncher };

/// Gives up every capability but those, in the bounding set too; what this process does not have it does not
/// get. Sets no_new_privs.
Result<void> KeepJailerCapabilities(JailerPart part);

/// Locks this jailer, which must be single-threaded and have entered the template root, for good. Returns
/// what it did, for people. After an error the process may be half-way.
Result<std::string> LockJailer(JailerPart part);

}  // namespace codeapi
