// What a cell mounts for itself on top of the template root.
#pragma once

#include <cstdint>
#include <string>

#include "base/unique_fd.h"
#include "jail/cell_messages.h"

namespace codeapi {

/// Where things are, in the root as cells see it.
inline constexpr const char* kWorkspacePath = "/mnt/data";
inline constexpr const char* kSyntheticDir =
    "/etc/cell";                                    ///< stand-ins for files of /proc, made by the template
inline constexpr const char* kStagingDir = "/run";  ///< empty; the tmpfs passes through it

/// A failed step: errno and a phrase. error == 0 means success.
struct MountStatus {
  int error = 0;
  std::string step;
  explicit operator bool() const { return error == 0; }
};

/// The descriptors of the cell's own file system that init keeps.
struct CellFilesystem {
  UniqueFd workspace;  ///< /mnt/data
  UniqueFd meminfo;    ///< the file behind /proc/meminfo, for writing
};

/// Mounts the one tmpfs of the cell and binds its directories to /mnt/data, /tmp and /dev/shm, and files that
/// name its user over /etc/passwd and /etc/group. Must run as root in the cell's own mount namespace.
MountStatus MountWorkspace(const CellSetup& setup, CellFilesystem& out);

/// Mounts /proc (own processes only) and covers what tells of the host.
MountStatus MountProc();

/// Text for /proc/meminfo of a machine with `total` bytes.
std::string MeminfoText(std::uint64_t total);

}  // namespace codeapi
