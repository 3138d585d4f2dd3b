// The one way to open a path that a program could have written.
//
// A guest can put a symlink, a fifo or a mount where a file was, between any two looks at it (Judge0's
// CVE-2024-28185 and -28189 are that mistake twice). So no code of ours opens such a path by name: it goes
// through openat2, which walks it in one step and refuses to leave the directory, to follow any symlink, or
// to cross into /proc's magic links (attacks 29, 30).
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace codeapi {

/// A directory and everything beneath it. Errors are errno values. Not thread-safe.
class BeneathDir {
 public:
  /// Takes a descriptor of the directory. The directory itself must be one the caller trusts.
  explicit BeneathDir(UniqueFd dir) : dir_(std::move(dir)) {}

  /// Opens `path` relative to the directory. O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK and O_NOCTTY are always added,
  /// so that a fifo, a device or a lease cannot hold the caller up. ELOOP for any symlink on the way
  /// (ENOTDIR for one at its end where a directory is asked for), EXDEV for a way out, EAGAIN for a file
  /// under lease or renames that do not end.
  std::expected<UniqueFd, int> Open(const std::string& path, int flags, unsigned mode = 0) const;

  /// As Open, for an entry of the directory that `dir_fd` (opened through this class) names.
  static std::expected<UniqueFd, int> OpenIn(int dir_fd, const char* path, int flags, unsigned mode = 0);

  /// Makes the missing directories above `path`, mode 0700, owned by `uid`:`gid`, and returns the innermost,
  /// or this one when `path` has no slash.
  std::expected<UniqueFd, int> MakeParents(const std::string& path, std::uint32_t uid,
                                           std::uint32_t gid) const;

  int fd() const { return dir_.get(); }

 private:
  UniqueFd dir_;
};

}  // namespace codeapi
