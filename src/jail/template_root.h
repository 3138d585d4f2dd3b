// The read-only tree that every cell sees as `/`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace codeapi {

struct TemplateOptions {
  std::string source;           ///< directory whose /usr, /lib… are shown; empty: the host's own
  std::uint32_t cpus = 1;       ///< how many CPUs /proc/cpuinfo and /proc/stat show
  bool private_mounts = false;  ///< cells will be given files of their own (private_root.h)
  bool keep_proc = false;       ///< show the caller's /proc, without which rootless cells may not mount one
};

/// Moves the calling process, for good, into a mount namespace of its own whose root is the template:
/// read-only /usr (bind-mounted, with its sub-mounts), a synthetic /etc, a minimal /dev, and empty mount
/// points for what each cell adds. The host's tree is detached: afterwards no path leads to it, so whatever
/// is needed from it must be open before. Needs CAP_SYS_ADMIN and a single-threaded process. Cells' mount
/// namespaces are copies of this one. Returns what EnterPrivateRoot() needs, nothing without
/// `private_mounts`.
Result<std::vector<std::string>> EnterTemplateRoot(const TemplateOptions& options);

}  // namespace codeapi
