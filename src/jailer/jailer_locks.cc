#include "jailer/jailer_locks.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <iterator>

#include "jail/filter_program.h"
#include "jail/seccomp_policy.h"

namespace codeapi {
namespace {

// What each one is for. tests/locks/test_jailer.py holds the running jailer to this list.
constexpr NeededCapability kNeeded[] = {
    {CAP_SYS_ADMIN, "sys_admin", "namespaces, mounts and host names of cells, setns of zygotes"},
    {CAP_SYS_CHROOT, "sys_chroot", "zygotes enter the mount namespace of a cell"},
    {CAP_SYS_PTRACE, "sys_ptrace", "zygotes enter the namespaces of an init that is not dumpable"},
    {CAP_SETUID, "setuid", "programs become the user of their cell"},
    {CAP_SETGID, "setgid", "and its group, without any other"},
    {CAP_SETPCAP, "setpcap", "the bounding sets of inits and programs are emptied"},
    {CAP_CHOWN, "chown", "inputs and pipes are given to the program"},
    {CAP_DAC_OVERRIDE, "dac_override", "init reads outputs that only the program's user may read"},
    {CAP_KILL, "kill", "init ends processes of the program's user"},
    {CAP_SYS_RESOURCE, "sys_resource",
     "the floor of a program's oom_score_adj; limits above a service's own"},
};
// Before the first cell: device nodes for the template root.
constexpr int kForTemplate = CAP_MKNOD;
// In a user namespace each cell has one of its own, and the kernel (5.12) lets only who could have given
// files capabilities map the outer one's root there.
constexpr int kForUserNamespaces = CAP_SETFCAP;

using Words = std::array<std::uint32_t, 2>;

void Set(Words& words, int capability) {
  words.at(static_cast<std::size_t>(capability / 32)) |= 1u << (capability % 32);
}

bool Has(const Words& words, int capability) {
  return (words.at(static_cast<std::size_t>(capability / 32)) >> (capability % 32) & 1) != 0;
}

Result<void> Keep(const Words& wanted) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return FailErrno("read the jailer's capabilities");
  for (int cap = 0; cap <= 63; ++cap) {
    if (Has(wanted, cap) || ::prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 1) continue;
    if (::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
      return FailErrno(fmt::format("give up capability {} for good", cap));
  }
  for (std::size_t i = 0; i < std::size(data); ++i) {
    data[i].permitted &= wanted.at(i);
    data[i].effective = data[i].permitted;
    data[i].inheritable = 0;
  }
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
      ::syscall(SYS_capset, &header, data) != 0) {
    return FailErrno("give up the jailer's other capabilities");
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return FailErrno("set no_new_privs");
  return {};
}

Result<void> LoadFilter() {
  const auto filter = CompileJailerFilter();
  if (!filter) return std::unexpected(filter.error());
  const FilterProgram program = AsProgram(*filter);
  const sock_fprog code{program.length, const_cast<sock_filter*>(program.code)};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &code) != 0)
    return FailErrno("load the jailer's system call filter");
  return {};
}

}  // namespace

std::span<const NeededCapability> JailerCapabilities() {
  return kNeeded;
}

Result<void> KeepJailerCapabilities(JailerPart part) {
  Words wanted{};
  for (const NeededCapability& needed : kNeeded) Set(wanted, needed.number);
  if (part == JailerPart::kLauncher) Set(wanted, kForTemplate);
  if (part == JailerPart::kRootless) Set(wanted, kForUserNamespaces);
  return Keep(wanted);
}

Result<std::string> LockJailer(JailerPart part) {
  if (auto kept = KeepJailerCapabilities(part); !kept) return std::unexpected(kept.error());
  if (auto loaded = LoadFilter(); !loaded) return std::unexpected(loaded.error());
  return fmt::format("{} capabilities, no_new_privs, a system call filter",
                     std::size(kNeeded) + (part == JailerPart::kRootless ? 1 : 0));
}

}  // namespace codeapi
