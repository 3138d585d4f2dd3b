// What a cell's init gives up before it says that it is ready.
#pragma once

#include "jail/cell_mounts.h"

namespace codeapi {

/// Leaves the calling process the capabilities to change ids for the program, end it, and read and remove
/// what it left behind, and sets no_new_privs.
MountStatus DropInitPrivileges();

}  // namespace codeapi
