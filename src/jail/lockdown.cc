#include "jail/lockdown.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <initializer_list>

namespace codeapi {
namespace {

bool SetDescriptors(const LockdownSpec& spec) {
  // The sources are all above 3 (init sees to that), so no dup2 overwrites one that is still needed.
  if (::dup2(spec.stdin_fd, 0) < 0 || ::dup2(spec.stdout_fd, 1) < 0 || ::dup2(spec.stderr_fd, 2) < 0)
    return false;
  if (::dup3(spec.keep_fd, kLockdownReportFd, O_CLOEXEC) < 0) return false;
  return ::syscall(SYS_close_range, kLockdownReportFd + 1, ~0U, 0) == 0;
}

bool SetLimits(const LockdownSpec& spec) {
  for (std::size_t i = 0; i < spec.limit_count; ++i) {
    const auto resource = static_cast<__rlimit_resource>(spec.limits[i].resource);
    // Without CAP_SYS_RESOURCE no limit rises above the hard limit that the service was started with.
    rlimit now{};
    if (::getrlimit(resource, &now) != 0) return false;
    const rlim_t value = spec.limits[i].value < now.rlim_max ? spec.limits[i].value : now.rlim_max;
    const rlimit limit{value, value};
    if (::setrlimit(resource, &limit) != 0) return false;
  }
  return true;
}

// When the kernel has to choose, the program goes first.
bool SetOomScore() {
  const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool ok = ::write(fd, "1000", 4) == 4;
  ::close(fd);
  return ok;
}

bool SetIdentity(const LockdownSpec& spec) {
  // No program is root. To the kernel -1 means "leave it as it is", which is root as well.
  for (const std::uint32_t id : {spec.uid, spec.gid}) {
    if (id == 0 || id == ~0U) {
      errno = EINVAL;
      return false;
    }
  }
  // Raw calls: glibc's wrappers signal every thread of the process, and there is only this one.
  return (spec.keep_groups || ::syscall(SYS_setgroups, 0, nullptr) == 0) &&
         ::syscall(SYS_setresgid, spec.gid, spec.gid, spec.gid) == 0 &&
         ::syscall(SYS_setresuid, spec.uid, spec.uid, spec.uid) == 0;
}

bool DropCapabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  return ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 &&
         ::syscall(SYS_capset, &header, none) == 0;
}

// Before the uid changes: dropping from the bounding set needs CAP_SETPCAP.
bool EmptyBoundingSet() {
  for (int cap = 0; cap <= 63; ++cap) {
    if (::prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 && ::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
      return false;
  }
  return true;
}

// Raw calls: glibc refuses to touch the two signals it uses itself, and whoever started the service may have
// left even those ignored.
void ResetSignals() {
  // The kernel's struct sigaction: handler, flags, restorer, mask. All zero is the default action.
  const unsigned long default_action[4] = {};
  for (int sig = 1; sig < 65; ++sig)
    ::syscall(SYS_rt_sigaction, sig, default_action, nullptr, std::size_t{8});
}

bool LoadFilter(const FilterProgram& program) {
  sock_fprog prog{program.length, const_cast<sock_filter*>(program.code)};
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == 0;
}

// The socket's other end is in the process that will listen.
bool SendDescriptor(int socket, int fd) {
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  __builtin_memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) == 1;
}

bool LoadListeningFilter(const FilterProgram& program) {
  // Once a call is being answered, only a fatal signal interrupts it; an alarm would have it made, and
  // counted, again and again. Kernels before 5.19 do not know that flag.
  constexpr unsigned kWaitKillable = 1u << 5;
  sock_fprog prog{program.length, const_cast<sock_filter*>(program.code)};
  long listener = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                            SECCOMP_FILTER_FLAG_NEW_LISTENER | kWaitKillable, &prog);
  if (listener < 0 && errno == EINVAL) {
    listener = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
  }
  if (listener < 0) return false;
  const bool sent = SendDescriptor(kLockdownReportFd, static_cast<int>(listener));
  ::close(static_cast<int>(listener));
  return sent;
}

bool LoadFilters(const LockdownSpec& spec) {
  if (spec.listening.length > 0) return LoadListeningFilter(spec.listening);
  return LoadFilter(spec.deny) && LoadFilter(spec.allow);
}

}  // namespace

const char* LockdownStepName(LockdownStep step) {
  switch (step) {
    case LockdownStep::kNone:
      return "none";
    case LockdownStep::kSession:
      return "setsid";
    case LockdownStep::kDescriptors:
      return "set descriptors";
    case LockdownStep::kLimits:
      return "set resource limits";
    case LockdownStep::kOomScore:
      return "set oom_score_adj";
    case LockdownStep::kIdentity:
      return "set uid and gid";
    case LockdownStep::kCapabilities:
      return "drop capabilities";
    case LockdownStep::kNoNewPrivileges:
      return "set no_new_privs";
    case LockdownStep::kLandlock:
      return "enforce Landlock";
    case LockdownStep::kWorkingDirectory:
      return "enter the working directory";
    case LockdownStep::kFilter:
      return "load the system call filter";
    case LockdownStep::kExec:
      return "exec";
  }
  return "unknown";
}

LockdownStep LockDown(const LockdownSpec& spec) {
  // Signals: init blocks SIGCHLD and may ignore others; a program starts with everything at its default.
  ResetSignals();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);

  if (::setsid() < 0) return LockdownStep::kSession;
  // The files in /proc of a process that is not dumpable belong to the host's root, which a rootless init is
  // not; see below for why it is done again.
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  if (!SetOomScore()) return LockdownStep::kOomScore;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return LockdownStep::kNoNewPrivileges;
  if (spec.landlock_fd >= 0 && ::syscall(SYS_landlock_restrict_self, spec.landlock_fd, 0u) != 0) {
    return LockdownStep::kLandlock;
  }
  if (!SetDescriptors(spec)) return LockdownStep::kDescriptors;
  if (!SetLimits(spec)) return LockdownStep::kLimits;
  ::umask(077);
  // Speculation controls are best effort: not every CPU knows them, and none is promised (attack 59).
  ::prctl(PR_SET_SPECULATION_CTRL, PR_SPEC_STORE_BYPASS, PR_SPEC_FORCE_DISABLE, 0, 0);
  ::prctl(PR_SET_SPECULATION_CTRL, PR_SPEC_INDIRECT_BRANCH, PR_SPEC_FORCE_DISABLE, 0, 0);
  if (!EmptyBoundingSet()) return LockdownStep::kCapabilities;
  if (!SetIdentity(spec)) return LockdownStep::kIdentity;
  if (!DropCapabilities()) return LockdownStep::kCapabilities;
  // The change of ids took it away, and the program's own /proc/self would be closed to it.
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  if (::chdir(spec.working_directory) != 0) return LockdownStep::kWorkingDirectory;
  if (!LoadFilters(spec)) return LockdownStep::kFilter;
  return LockdownStep::kNone;
}

}  // namespace codeapi
