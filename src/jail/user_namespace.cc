#include "jail/user_namespace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace codeapi {
namespace {

bool HasSysAdmin() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  return ::syscall(SYS_capget, &header, data) == 0 && (data[0].effective & (1u << CAP_SYS_ADMIN)) != 0;
}

bool WriteFile(const char* path, const char* text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const auto size = static_cast<ssize_t>(std::strlen(text));
  const bool ok = ::write(fd, text, static_cast<std::size_t>(size)) == size;
  const int error = errno;
  ::close(fd);
  errno = error;
  return ok;
}

std::string FirstLine(const char* path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// The switches that distributions have for user namespaces.
std::string WhyRefused() {
  if (FirstLine("/proc/sys/user/max_user_namespaces") == "0")
    return "sysctl user.max_user_namespaces is 0; set it to 65536";
  if (FirstLine("/proc/sys/kernel/unprivileged_userns_clone") == "0")
    return "sysctl kernel.unprivileged_userns_clone is 0; set it to 1";
  if (FirstLine("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1")
    return "AppArmor keeps user namespaces from ordinary users; set sysctl "
           "kernel.apparmor_restrict_unprivileged_userns to 0 or give codeapi-jailer a profile with "
           "`userns,`";
  return "the host or its container runtime forbids it (in a container: allow unshare in its seccomp "
         "profile)";
}

}  // namespace

Result<CellPrivilege> FindCellPrivilege() {
  if (HasSysAdmin()) return CellPrivilege::kRoot;
  if (::geteuid() != 0) return CellPrivilege::kRootless;
  return Fail(ErrorCode::kSetupFailed,
              "this root lacks CAP_SYS_ADMIN: give the container that capability, or start codeapi as an "
              "ordinary user");
}

UserNamespaceMap MakeUserNamespaceMap(uid_t inside_uid, gid_t inside_gid, uid_t outside_uid,
                                      gid_t outside_gid) {
  UserNamespaceMap map;
  fmt::format_to_n(map.uid.data(), map.uid.size() - 1, "{} {} 1\n", inside_uid, outside_uid);
  fmt::format_to_n(map.gid.data(), map.gid.size() - 1, "{} {} 1\n", inside_gid, outside_gid);
  return map;
}

bool WriteUserNamespaceMap(const UserNamespaceMap& map) {
  // The files of a process that is not dumpable belong to the host's root.
  if (::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) return false;
  // user_namespaces(7): one's own group may be mapped only by who has given up setgroups.
  return WriteFile("/proc/self/setgroups", "deny") && WriteFile("/proc/self/gid_map", map.gid.data()) &&
         WriteFile("/proc/self/uid_map", map.uid.data());
}

bool KeepCapabilitiesOverExec() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  for (auto& word : data) word.inheritable = word.permitted;
  if (::syscall(SYS_capset, &header, data) != 0) return false;
  for (unsigned cap = 0; cap < 64; ++cap) {
    const bool held = (data[cap / 32].permitted >> (cap % 32)) & 1;
    if (held && ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) != 0) return false;
  }
  return true;
}

Result<void> EnterUserNamespace() {
  const auto map = MakeUserNamespaceMap(0, 0, ::geteuid(), ::getegid());
  if (::unshare(CLONE_NEWUSER) != 0) {
    const int error = errno;
    return FailErrno("make a user namespace (" + WhyRefused() + ")", error, ErrorCode::kSetupFailed);
  }
  const bool mapped = WriteUserNamespaceMap(map);
  const int error = errno;
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (!mapped) return FailErrno("map the user namespace's ids", error, ErrorCode::kSetupFailed);
  // Some hosts let anybody make the namespace and then take its capabilities away.
  if (!HasSysAdmin())
    return Fail(ErrorCode::kSetupFailed, "a user namespace without capabilities: " + WhyRefused());
  return {};
}

std::vector<std::string> RootlessLimits() {
  std::vector<std::string> out = {
      "rootless: programs run as the service's own user to the kernel, which namespaces keep apart but no "
      "user "
      "id does",
      "rootless: a sealed input can be changed by the program inside its own cell; such changes are not kept",
      "rootless: a program can make itself a later choice of the kernel's out-of-memory killer",
  };
  const int groups = ::getgroups(0, nullptr);
  std::vector<gid_t> list(static_cast<std::size_t>(std::max(groups, 0)));
  if (groups > 0 && ::getgroups(groups, list.data()) == groups &&
      std::ranges::any_of(list, [](gid_t group) { return group != ::getegid(); })) {
    out.push_back(
        "rootless: programs keep the service user's other groups, which cannot be dropped; start it without "
        "any");
  }
  return out;
}

}  // namespace codeapi
