#include "jail/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace codeapi {
namespace {

constexpr int kTriesAfterRace = 128;

}  // namespace

std::expected<UniqueFd, int> BeneathDir::OpenIn(int dir_fd, const char* path, int flags, unsigned mode) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC | O_NOFOLLOW |
                                         ((flags & O_PATH) ? 0 : O_NONBLOCK | O_NOCTTY));
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  for (int again = 0;;) {
    const long fd = ::syscall(SYS_openat2, dir_fd, path, &how, sizeof how);
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    if (errno == EINTR) continue;
    // EAGAIN: a rename raced with the walk and the kernel could not tell whether the path stayed beneath. Or
    // somebody holds a lease on the file, and that lasts.
    if (errno != EAGAIN || ++again == kTriesAfterRace) return std::unexpected(errno);
  }
}

std::expected<UniqueFd, int> BeneathDir::Open(const std::string& path, int flags, unsigned mode) const {
  return OpenIn(dir_.get(), path.c_str(), flags, mode);
}

std::expected<UniqueFd, int> BeneathDir::MakeParents(const std::string& path, std::uint32_t uid,
                                                     std::uint32_t gid) const {
  auto current = OpenIn(dir_.get(), ".", O_RDONLY | O_DIRECTORY);
  std::size_t start = 0;
  for (std::size_t slash; current && (slash = path.find('/', start)) != std::string::npos;
       start = slash + 1) {
    const std::string segment = path.substr(start, slash - start);
    if (::mkdirat(current->get(), segment.c_str(), 0700) == 0) {
      if (::fchownat(current->get(), segment.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) != 0) {
        return std::unexpected(errno);
      }
    } else if (errno != EEXIST) {
      return std::unexpected(errno);
    }
    current = OpenIn(current->get(), segment.c_str(), O_RDONLY | O_DIRECTORY);
  }
  return current;
}

}  // namespace codeapi
