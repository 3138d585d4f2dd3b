#include "jail/root_mounts.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include "jail/private_root.h"

namespace codeapi {
namespace {

struct Mount {
  std::uint64_t id = 0, parent = 0;
  std::string point;  // white space and backslashes are escaped with a backslash
};

std::vector<Mount> MountTable() {
  std::vector<Mount> out;
  std::ifstream table("/proc/self/mountinfo");
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields(line);
    Mount mount;
    std::string device, root;
    fields >> mount.id >> mount.parent >> device >> root >> mount.point;
    out.push_back(std::move(mount));
  }
  return out;
}

// Mount points in the root at `at`, without that, in the order of their names: each after what it is in. What
// the root covers has mount points of such names too, so it is the mounts they are in that count.
std::set<std::string> MountPoints(const std::string& at) {
  const std::vector<Mount> table = MountTable();
  std::set<std::uint64_t> inside;
  for (const Mount& mount : table) {
    if (mount.point == at) inside = {mount.id};  // the last one covers those before
  }
  std::set<std::string> out;
  for (std::size_t before = 0; before != inside.size();) {
    before = inside.size();
    for (const Mount& mount : table) {
      if (!inside.contains(mount.parent)) continue;
      inside.insert(mount.id);
      out.insert(mount.point.substr(at.size()));
    }
  }
  return out;
}

Error Refuse(const std::string& why) {
  return {ErrorCode::kSetupFailed, "CODEAPI_ROOT_SHARING=private is not possible here: " + why};
}

Result<void> MakeEmptyLayer(const std::string& at) {
  if (::mount("empty", (at + "/run").c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "mode=0755,nr_inodes=4") != 0 ||
      ::mkdir((at + kEmptyLayer).c_str(), 0755) != 0) {
    return FailErrno("make an empty layer");
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> FindRootMounts(const std::string& at) {
  // Of devices it is the directory that cells get an overlay of.
  std::vector<std::string> out = {"/", "/dev"};
  for (const std::string& point : MountPoints(at)) {
    if (point.starts_with("/dev/")) continue;
    struct stat st{};
    if (point.find_first_of("\\:,") != std::string::npos)
      return std::unexpected(Refuse("there is something mounted at " + point));
    if (::stat((at + point).c_str(), &st) != 0 || !S_ISDIR(st.st_mode))
      return std::unexpected(Refuse("there is a single file mounted at " + point));
    out.push_back(point);
  }
  if (out.size() == 2) return std::unexpected(Refuse("/proc does not tell what is mounted"));
  if (auto made = MakeEmptyLayer(at); !made) return std::unexpected(made.error());
  const std::string target = at + "/mnt";
  for (const std::string& path : out) {
    if (const MountStatus status = MountOwnLayer(at, path, target); !status)
      return std::unexpected(Refuse(status.step + ": " + std::strerror(status.error)));
    if (::umount2(target.c_str(), 0) != 0) return FailErrno("unmount the overlay over " + path);
  }
  return out;
}

}  // namespace codeapi
