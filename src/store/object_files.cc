#include "store/object_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace codeapi::object_files {

std::string MetaName(const std::string& id) {
  return id + std::string(kMetaSuffix);
}
std::string Name(const ObjectKey& key) {
  return "object " + key.session + "/" + key.id;
}

std::unexpected<Error> IoError(const std::string& what, int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EIO:
    case EROFS:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return FailErrno(what, error, ErrorCode::kUnavailable);
    default:
      return FailErrno(what, error);
  }
}

std::unexpected<Error> OpenError(const std::string& what, int error) {
  if (error == ENOENT) return FailErrno(what, error, ErrorCode::kNotFound);
  return IoError(what, error);
}

UniqueFd OpenAt(int directory, const std::string& name, int flags) {
  int fd = -1;
  do {
    fd = ::openat(directory, name.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600);
  } while (fd < 0 && errno == EINTR);
  return UniqueFd(fd);
}

Result<void> WriteAll(int fd, std::span<const char> data, const std::string& what) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return IoError("write " + what);
    data = data.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

bool Exists(int directory, const std::string& name) {
  struct stat status{};
  return ::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

}  // namespace codeapi::object_files
