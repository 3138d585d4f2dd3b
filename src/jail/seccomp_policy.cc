#include "jail/seccomp_policy.h"

#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include "base/unique_fd.h"

namespace codeapi {
namespace {

// What CPython, Node, bash, compilers and the tools between them use. Grouped as the kernel's manual does.
constexpr const char* kAllowed[] = {
    // files and directories
    "access",
    "chdir",
    "chmod",
    "chown",
    "close",
    "close_range",
    "copy_file_range",
    "creat",
    "dup",
    "dup2",
    "dup3",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fallocate",
    "fchdir",
    "fchmod",
    "fchmodat",
    "fchown",
    "fchownat",
    "fcntl",
    "fdatasync",
    "fgetxattr",
    "flistxattr",
    "flock",
    "fremovexattr",
    "fsetxattr",
    "fstat",
    "fstatfs",
    "fsync",
    "ftruncate",
    "futimesat",
    "getcwd",
    "getdents",
    "getdents64",
    "getxattr",
    "inotify_add_watch",
    "inotify_init",
    "inotify_init1",
    "inotify_rm_watch",
    "lchown",
    "lgetxattr",
    "link",
    "linkat",
    "listxattr",
    "llistxattr",
    "lremovexattr",
    "lseek",
    "lsetxattr",
    "lstat",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "newfstatat",
    "open",
    "openat",
    "openat2",
    "pread64",
    "preadv",
    "preadv2",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "read",
    "readahead",
    "readlink",
    "readlinkat",
    "readv",
    "removexattr",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "sendfile",
    "setxattr",
    "splice",
    "stat",
    "statfs",
    "statx",
    "symlink",
    "symlinkat",
    "sync",
    "sync_file_range",
    "syncfs",
    "tee",
    "truncate",
    "umask",
    "unlink",
    "unlinkat",
    "utime",
    "utimensat",
    "utimes",
    "write",
    "writev",
    // waiting and pipes
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "eventfd",
    "eventfd2",
    "ioctl",
    "pipe",
    "pipe2",
    "poll",
    "ppoll",
    "pselect6",
    "select",
    "signalfd",
    "signalfd4",
    "timerfd_create",
    "timerfd_gettime",
    "timerfd_settime",
    // memory
    "brk",
    "madvise",
    "membarrier",
    "memfd_create",
    "mincore",
    "mlock",
    "mlock2",
    "mlockall",
    "mmap",
    "mprotect",
    "mremap",
    "msync",
    "munlock",
    "munlockall",
    "munmap",
    "pkey_alloc",
    "pkey_free",
    "pkey_mprotect",
    // processes, threads and signals
    "alarm",
    "arch_prctl",
    "clone",
    "execve",
    "execveat",
    "exit",
    "exit_group",
    "fork",
    "futex",
    "get_robust_list",
    "getitimer",
    "kill",
    "nanosleep",
    "pause",
    "pidfd_open",
    "pidfd_send_signal",
    "prctl",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigqueueinfo",
    "rt_sigreturn",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "rt_tgsigqueueinfo",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "sched_getaffinity",
    "sched_getattr",
    "sched_getparam",
    "sched_getscheduler",
    "sched_rr_get_interval",
    "sched_setattr",
    "sched_setparam",
    "sched_setscheduler",
    "sched_yield",
    "set_robust_list",
    "set_tid_address",
    "setitimer",
    "sigaltstack",
    "tgkill",
    "timer_create",
    "timer_delete",
    "timer_getoverrun",
    "timer_gettime",
    "timer_settime",
    "tkill",
    "vfork",
    "wait4",
    "waitid",
    // identity and limits; what needs a capability fails without one
    "capget",
    "capset",
    "getegid",
    "geteuid",
    "getgid",
    "getgroups",
    "getpgid",
    "getpgrp",
    "getpid",
    "getppid",
    "getpriority",
    "getresgid",
    "getresuid",
    "getrlimit",
    "getrusage",
    "getsid",
    "gettid",
    "getuid",
    "prlimit64",
    "setfsgid",
    "setfsuid",
    "setgid",
    "setgroups",
    "setpgid",
    "setpriority",
    "setregid",
    "setresgid",
    "setresuid",
    "setreuid",
    "setrlimit",
    "setsid",
    "setuid",
    // time and system
    "clock_getres",
    "clock_gettime",
    "clock_nanosleep",
    "get_mempolicy",
    "getcpu",
    "getrandom",
    "gettimeofday",
    "sysinfo",
    "time",
    "times",
    "uname",
    // sockets: the deny filter leaves AF_UNIX only
    "accept",
    "accept4",
    "bind",
    "connect",
    "getpeername",
    "getsockname",
    "getsockopt",
    "listen",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "setsockopt",
    "shutdown",
    "socket",
    "socketpair",
    // System V and POSIX IPC, in the cell's own namespace
    "mq_getsetattr",
    "mq_notify",
    "mq_open",
    "mq_timedreceive",
    "mq_timedsend",
    "mq_unlink",
    "msgctl",
    "msgget",
    "msgrcv",
    "msgsnd",
    "semctl",
    "semget",
    "semop",
    "semtimedop",
    "shmat",
    "shmctl",
    "shmdt",
    "shmget",
};

// Known, and forbidden: a program that probes for them gets the answer an unprivileged process would expect.
constexpr const char* kRefused[] = {
    // other processes (attack 45)
    "kcmp",
    "pidfd_getfd",
    "process_madvise",
    "process_mrelease",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    // namespaces and mounts (attacks 43, 44)
    "chroot",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "mount",
    "mount_setattr",
    "move_mount",
    "open_tree",
    "pivot_root",
    "setns",
    "umount2",
    "unshare",
    // large kernel surface that no program here needs (attack 46)
    "add_key",
    "bpf",
    "fanotify_init",
    "fanotify_mark",
    "keyctl",
    "lookup_dcookie",
    "perf_event_open",
    "request_key",
    "seccomp",
    "userfaultfd",
    "vmsplice",
    // the machine (attack 47)
    "acct",
    "adjtimex",
    "clock_adjtime",
    "clock_settime",
    "modify_ldt",
    "quotactl",
    "quotactl_fd",
    "setdomainname",
    "sethostname",
    "settimeofday",
    "syslog",
    "vhangup",
    // files by handle (attack 50)
    "name_to_handle_at",
    "open_by_handle_at",
    // scheduling beyond the cell's share (attack 11) and memory placement
    "ioprio_set",
    "mbind",
    "migrate_pages",
    "move_pages",
    "sched_setaffinity",
    "set_mempolicy",
    "set_mempolicy_home_node",
};

// No runtime ever probes these: whoever calls them is attacking the machine.
constexpr const char* kKilled[] = {
    "delete_module",   "finit_module", "init_module", "ioperm",  "iopl",
    "kexec_file_load", "kexec_load",   "reboot",      "swapoff", "swapon",
};

constexpr std::uint32_t kMask32 = 0xffffffff;

// "Argument `index`, on the bits of `mask`, is `value`."
scmp_arg_cmp Masked(unsigned index, std::uint32_t mask, std::uint32_t value) {
  return {index, SCMP_CMP_MASKED_EQ, mask, value};
}

class Filter {
 public:
  explicit Filter(std::uint32_t default_action) : context_(seccomp_init(default_action)) {
    if (context_ == nullptr) {
      Record(-ENOMEM, "seccomp_init");
      return;
    }
    Record(seccomp_attr_set(context_, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS),
           "bad-architecture action");
    Record(seccomp_attr_set(context_, SCMP_FLTATR_CTL_OPTIMIZE, 2), "binary tree");
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;
  ~Filter() {
    if (context_ != nullptr) seccomp_release(context_);
  }

  // A name this libseccomp does not know does not exist on this architecture: the default then applies.
  template <typename... Compare>
  void Add(std::uint32_t action, const char* name, Compare... compare) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR || number < 0 || context_ == nullptr) return;
    const std::array<scmp_arg_cmp, sizeof...(Compare)> list{compare...};
    Record(seccomp_rule_add_array(context_, action, number, list.size(), list.data()), name);
  }

  Result<std::string> Export() {
    if (error_ != 0) return FailErrno("seccomp: " + where_, -error_);
    UniqueFd fd(::memfd_create("filter", MFD_CLOEXEC));
    if (!fd) return FailErrno("memfd_create");
    if (const int rc = seccomp_export_bpf(context_, fd.get()); rc != 0)
      return FailErrno("seccomp_export_bpf", -rc);
    std::string out(static_cast<std::size_t>(::lseek(fd.get(), 0, SEEK_END)), '\0');
    if (::pread(fd.get(), out.data(), out.size(), 0) != static_cast<ssize_t>(out.size())) {
      return FailErrno("read the compiled filter");
    }
    return out;
  }

 private:
  void Record(int rc, const char* where) {
    if (rc == 0 || rc == -EEXIST || error_ != 0) return;
    error_ = rc;
    where_ = where;
  }
  scmp_filter_ctx context_;
  int error_ = 0;
  std::string where_;
};

Result<std::string> CompileAllow() {
  Filter filter(SCMP_ACT_ERRNO(ENOSYS));
  for (const char* name : kAllowed) filter.Add(SCMP_ACT_ALLOW, name);
  for (const char* name : kRefused) filter.Add(SCMP_ACT_ERRNO(EPERM), name);
  for (const char* name : kKilled) filter.Add(SCMP_ACT_KILL_PROCESS, name);
  // Asking for the personality, or setting the one it already has, is harmless; ADDR_NO_RANDOMIZE is not.
  filter.Add(SCMP_ACT_ALLOW, "personality", Masked(0, kMask32, 0xffffffff));
  filter.Add(SCMP_ACT_ALLOW, "personality", Masked(0, kMask32, 0));
  return filter.Export();
}

// "Not AF_UNIX" on 32 bits: any bit but the lowest is set, or none is.
void OnlyUnixSockets(Filter& filter, const char* name) {
  static_assert(AF_UNIX == 1);
  for (int bit = 1; bit < 32; ++bit) {
    const std::uint32_t mask = 1u << bit;
    filter.Add(SCMP_ACT_ERRNO(EPERM), name, Masked(0, mask, mask));
  }
  filter.Add(SCMP_ACT_ERRNO(EPERM), name, Masked(0, kMask32, 0));
}

Result<std::string> CompileDeny() {
  Filter filter(SCMP_ACT_ALLOW);
  // Attack 56: no network family, not even to ask the kernel about the network.
  OnlyUnixSockets(filter, "socket");
  OnlyUnixSockets(filter, "socketpair");
  // Attacks 43 and 52: no new namespace. CLONE_NEWTIME is part of the signal number here and needs clone3.
  for (const std::uint32_t flag : {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER,
                                   CLONE_NEWPID, CLONE_NEWNET}) {
    filter.Add(SCMP_ACT_ERRNO(EPERM), "clone", Masked(0, flag, flag));
  }
  // Attack 55: no typing into somebody's terminal.
  constexpr std::uint32_t kTioclinux = 0x541C;
  for (const std::uint32_t request : {static_cast<std::uint32_t>(TIOCSTI), kTioclinux}) {
    filter.Add(SCMP_ACT_ERRNO(EPERM), "ioctl", Masked(1, kMask32, request));
  }
  return filter.Export();
}

}  // namespace

Result<SeccompFilters> CompileFilters() {
  auto allow = CompileAllow();
  if (!allow) return std::unexpected(allow.error());
  auto deny = CompileDeny();
  if (!deny) return std::unexpected(deny.error());
  return SeccompFilters{std::move(*allow), std::move(*deny)};
}

}  // namespace codeapi
