#include "jail/private_root.h"

#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace codeapi {
namespace {

// Any directory of the template will do: it is covered until the pivot only.
constexpr const char* kNewRoot = "/mnt";

}  // namespace

MountStatus MountOwnLayer(const std::string& at, const std::string& path, const std::string& target) {
  const std::string layers = "lowerdir=" + at + path + ":" + at + kEmptyLayer;
  // What has device nodes has nothing to execute.
  const unsigned long flags = path == "/dev" ? MS_NOEXEC : MS_NODEV;
  if (::mount("root", target.c_str(), "overlay", MS_RDONLY | MS_NOSUID | flags, layers.c_str()) != 0)
    return {errno, "mount an overlay over " + path};
  return {};
}

MountStatus EnterPrivateRoot(const std::vector<std::string>& mounts) {
  for (const std::string& path : mounts) {
    const MountStatus status = MountOwnLayer("", path, path == "/" ? kNewRoot : kNewRoot + path);
    if (!status) return status;
  }
  // pivot_root(".", ".") stacks the old root on the new one; detaching "." then removes the old one.
  if (::chdir(kNewRoot) != 0 || ::syscall(SYS_pivot_root, ".", ".") != 0 || ::umount2(".", MNT_DETACH) != 0 ||
      ::chdir("/") != 0) {
    return {errno, "enter the private root"};
  }
  return {};
}

}  // namespace codeapi
