#include "jail/cgroup_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>

#include "base/unique_fd.h"

namespace codeapi {
namespace {

constexpr std::string_view kPrefix = "codeapi.";

}  // namespace

Result<void> WriteCgroupFile(int dir, const char* file, const std::string& value) {
  UniqueFd fd(::openat(dir, file, O_WRONLY | O_CLOEXEC));
  if (!fd) return FailErrno(std::string("open cgroup file ") + file);
  if (::write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
    return FailErrno(std::string("write cgroup file ") + file);
  }
  return {};
}

std::string ReadCgroupFile(int dir, const char* file) {
  UniqueFd fd(::openat(dir, file, O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> buffer;
  const ssize_t n = fd ? ::read(fd.get(), buffer.data(), buffer.size()) : -1;
  return n > 0 ? std::string(buffer.data(), static_cast<std::size_t>(n)) : std::string();
}

std::uint64_t NumberIn(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::uint64_t FieldIn(std::string_view text, std::string_view name) {
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view line = text.substr(at, text.find('\n', at) - at);
    if (line.starts_with(name)) return NumberIn(line.substr(name.size()));
    at += line.size() + 1;
  }
  return 0;
}

std::vector<std::string> ChildGroups(int dir_fd) {
  std::vector<std::string> names;
  const int copy = ::openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* dir = copy < 0 ? nullptr : ::fdopendir(copy);
  if (dir == nullptr) {
    if (copy >= 0) ::close(copy);
    return names;
  }
  while (const dirent* entry = ::readdir(dir)) {
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  ::closedir(dir);
  return names;
}

bool RemoveGroupTree(int parent, const std::string& name) {
  UniqueFd dir(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir) return errno == ENOENT;
  for (const std::string& child : ChildGroups(dir.get())) ::unlinkat(dir.get(), child.c_str(), AT_REMOVEDIR);
  return ::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT;
}

std::string OwnGroupName() {
  return std::string(kPrefix) + std::to_string(::getpid());
}

void SweepDeadGroups(int parent) {
  for (const std::string& name : ChildGroups(parent)) {
    if (!name.starts_with(kPrefix)) continue;
    const auto pid = static_cast<pid_t>(NumberIn(std::string_view(name).substr(kPrefix.size())));
    if (pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH) RemoveGroupTree(parent, name);
  }
}

}  // namespace codeapi
