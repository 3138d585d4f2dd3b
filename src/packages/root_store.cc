#include "packages/root_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "base/ids.h"
#include "base/unique_fd.h"
#include "packages/files.h"

namespace codeapi {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBuildPrefix = ".build-";
constexpr const char* kManifest = "/packages.json";

bool Complete(const std::string& root) {
  return ::access((root + kManifest).c_str(), F_OK) == 0;
}

// <address> is 1, <address>.2 is 2; 0: another root.
int Generation(const std::string& name, const std::string& address) {
  if (name == address) return 1;
  if (!name.starts_with(address + ".")) return 0;
  return static_cast<int>(std::strtol(name.c_str() + address.size() + 1, nullptr, 10));
}

// The roots of all mounts that processes of this machine have: cells show theirs by bind mounts.
std::set<std::string> MountedRoots() {
  std::set<std::string> out;
  std::error_code ec;
  for (const fs::directory_entry& process : fs::directory_iterator("/proc", ec)) {
    const std::string pid = process.path().filename();
    if (pid.find_first_not_of("0123456789") != pid.npos) continue;
    const auto mounts = ReadWholeFile("/proc/" + pid + "/mountinfo");
    if (!mounts) continue;
    for (std::size_t at = 0; (at = mounts->find("/roots/", at)) != mounts->npos; ++at) {
      const std::size_t begin = at + 7;
      out.insert(mounts->substr(begin, mounts->find_first_of("/ ", begin) - begin));
    }
  }
  return out;
}

// A root is complete only when a crash of the machine cannot lose a part of it.
Result<void> SyncTree(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::syncfs(fd.get()) != 0) return FailErrno("write " + path + " to the disk");
  return {};
}

}  // namespace

std::optional<std::string> ResolveRoot(const std::string& link) {
  std::error_code ec;
  const fs::path target = fs::canonical(link, ec);
  if (ec || !Complete(target)) return std::nullopt;
  return target.string();
}

std::optional<std::string> RootStore::Current() const {
  return ResolveRoot(current_link());
}

std::vector<std::string> RootStore::Names() const {
  std::vector<std::string> out;
  std::error_code ec;
  for (const fs::directory_entry& entry : fs::directory_iterator(roots(), ec))
    out.push_back(entry.path().filename());
  return out;
}

std::optional<std::string> RootStore::Find(const std::string& address) const {
  std::optional<std::string> best;
  int newest = 0;
  for (const std::string& name : Names()) {
    const int generation = Generation(name, address);
    if (generation > newest && Complete(roots() + "/" + name)) {
      newest = generation;
      best = roots() + "/" + name;
    }
  }
  return best;
}

Result<std::string> RootStore::BeginBuild() const {
  for (const std::string& name : Names()) {
    if (!name.starts_with(kBuildPrefix)) continue;
    if (auto removed = RemoveTree(roots() + "/" + name); !removed) return std::unexpected(removed.error());
  }
  std::string build = roots() + "/" + kBuildPrefix + NewId();
  if (auto made = MakeDirectories(build); !made) return std::unexpected(made.error());
  ::chmod(build.c_str(), 0755);
  return build;
}

Result<std::string> RootStore::Publish(const std::string& build, const std::string& address) const {
  if (auto synced = SyncTree(build); !synced) return std::unexpected(synced.error());
  int generation = 1;
  for (const std::string& name : Names()) generation = std::max(generation, Generation(name, address) + 1);
  std::string target = roots() + "/" + address + (generation > 1 ? fmt::format(".{}", generation) : "");
  // A directory is never renamed over one that is not empty.
  if (::rename(build.c_str(), target.c_str()) == 0) return target;
  const int error = errno;
  if ((error == EEXIST || error == ENOTEMPTY) && Complete(target)) return target;
  return FailErrno("rename " + build + " to " + target, error);
}

Result<void> RootStore::Switch(const std::string& root) const {
  const std::string made = current_link() + "." + NewId();
  // Relative, so that the directory can be mounted anywhere.
  const std::string target = "roots/" + fs::path(root).filename().string();
  if (::symlink(target.c_str(), made.c_str()) != 0) return FailErrno("make " + made);
  if (::rename(made.c_str(), current_link().c_str()) == 0) return {};
  const int error = errno;
  ::unlink(made.c_str());
  return FailErrno("make " + current_link(), error);
}

Result<std::vector<std::string>> RootStore::Prune() const {
  const std::string current = fs::path(Current().value_or("")).filename();
  const std::set<std::string> mounted = MountedRoots();
  std::vector<std::string> removed;
  for (const std::string& name : Names()) {
    if (name == current || mounted.contains(name)) continue;
    // First out of sight, so that a half removed tree is never taken for a root.
    const std::string doomed = roots() + "/" + kBuildPrefix + NewId();
    if (::rename((roots() + "/" + name).c_str(), doomed.c_str()) != 0) return FailErrno("rename " + name);
    if (auto gone = RemoveTree(doomed); !gone) return std::unexpected(gone.error());
    removed.push_back(name);
  }
  return removed;
}

}  // namespace codeapi
