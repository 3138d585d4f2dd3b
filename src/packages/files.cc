#include "packages/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/ids.h"
#include "base/unique_fd.h"
#include "packages/subprocess.h"

namespace codeapi {

Result<std::string> ReadWholeFile(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    return FailErrno("open " + path, errno, errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kInternal);
  std::string out;
  char buffer[65536];
  while (true) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("read " + path);
    if (n == 0) return out;
    out.append(buffer, static_cast<std::size_t>(n));
  }
}

Result<void> ReplaceFile(const std::string& path, std::string_view content, unsigned mode) {
  const std::string made = path + "." + NewId();
  UniqueFd fd(::open(made.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd) return FailErrno("make " + made);
  std::string_view rest = content;
  while (!rest.empty()) {
    const ssize_t n = ::write(fd.get(), rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  if (rest.empty() && ::fchmod(fd.get(), mode) == 0 && ::rename(made.c_str(), path.c_str()) == 0) return {};
  const int error = errno;
  ::unlink(made.c_str());
  return FailErrno("write " + path, error);
}

Result<void> MakeDirectories(const std::string& path) {
  std::error_code ec;
  std::filesystem::create_directories(path, ec);
  if (ec) return FailErrno("make " + path, ec.value());
  return {};
}

Result<void> RemoveTree(const std::string& path) {
  struct stat st{};
  if (::lstat(path.c_str(), &st) != 0) return {};
  // Unlike std::filesystem::remove_all, rm stays on one file system: a build that was killed in a container
  // may have left /proc mounted in its tree.
  const auto removed = RunProgram({.argv = {"rm", "-rf", "--one-file-system", "--", path}});
  if (!removed) return std::unexpected(removed.error());
  return {};
}

}  // namespace codeapi
