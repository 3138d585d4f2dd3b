// A root whose files are the cell's own, so that locks and watches on them reach no other cell (attack 61):
// an overlay over each mount of the template. Pages stay shared, since an overlay reads the file beneath it;
// names do not, so what a program looks up first costs more than in a shared root.
#pragma once

#include <string>
#include <vector>

#include "jail/cell_mounts.h"

namespace codeapi {

/// Puts an overlay that shows the directory `path` below `at`, read-only, at `target`. `at` is empty or the
/// place of a root that is being built; there must be a kEmptyLayer in it.
MountStatus MountOwnLayer(const std::string& at, const std::string& path, const std::string& target);

/// Moves the calling process into overlays over `mounts`, which FindRootMounts() found. Must run as root in
/// the cell's own mount namespace, before anything else is mounted there.
MountStatus EnterPrivateRoot(const std::vector<std::string>& mounts);

/// An empty directory on a file system of its own, which the template has for this and no cell sees: an
/// overlay that cannot be written to needs two layers, of which none may be inside the other.
inline constexpr const char* kEmptyLayer = "/run/empty";

}  // namespace codeapi
