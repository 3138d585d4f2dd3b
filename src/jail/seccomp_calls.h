// Which system calls the filters know, by what becomes of them. See seccomp_policy.h.
//
// What is in no list answers ENOSYS, and libraries fall back. Left out on purpose:
//
// - clone3: its flags are behind a pointer, where no filter sees them. Every C library falls back to clone.
// - io_uring_*, io_*: work that the kernel does without asking a filter; a long line of exploits (attack 46).
// - splice, tee: pipes that hold pages of the page cache. Dirty Pipe and its successors write through them
// into
//   files that are only readable, here into the host's own /usr (attack 46).
// - futex_wait and its like, futex_waitv, cachestat, mseal, map_shadow_stack, memfd_secret, rseq_slice_yield,
//   the *xattrat, file_getattr, file_setattr: young code that no runtime needs, since each has an older way
//   or can be missed. cachestat also tells which of the host's files are in memory, file_setattr makes files
//   immutable (attack 20).
// - statmount, listmount, listns, open_tree_attr, lsm_*, landlock_*: about mounts, namespaces and security
//   modules, none of which is a program's business (attacks 43, 44).
// - uretprobe, uprobe: newer kernels let these two through unseen by any filter and refuse them themselves.
// - uselib, ustat, sysfs, remap_file_pages, _sysctl and other fossils.
//
// Allowed although exploits have used it, because programs need it: passing descriptors over local sockets
// (multiprocessing, Node), System V and POSIX queues (handy for filling kernel memory, but so are pipes, and
// people learn from them), mincore and readahead (the kernel answers for a caller's own files only), ioctl
// and prctl as far as the lists at the end and seccomp_policy.cc let them through.
#pragma once

#include <linux/prctl.h>
#include <sys/ptrace.h>

#include <cstdint>
#include <string_view>
#include <utility>

namespace codeapi {

/// A call that the installed libseccomp may be too old to know by name. From 424 on every architecture has
/// the same numbers.
struct NumberedCall {
  const char* name;
  int number;
};

// clang-format off: one name a line would hide the groups
// What CPython, Node, bash, compilers and the tools between them use. Grouped as the kernel's manual does.
inline constexpr const char* kAllowedCalls[] = {
    // files and directories
    "access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range", "creat", "dup",
    "dup2", "dup3", "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat",
    "fchown", "fchownat", "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock", "fremovexattr",
    "fsetxattr", "fstat", "fstatfs", "fsync", "ftruncate", "futimesat", "getcwd", "getdents",
    "getdents64", "getxattr", "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch",
    "lchown", "lgetxattr", "link", "linkat", "listxattr", "llistxattr", "lremovexattr", "lseek",
    "lsetxattr", "lstat", "mkdir", "mkdirat", "mknod", "mknodat", "newfstatat", "open", "openat",
    "openat2", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead",
    "readlink", "readlinkat", "readv", "removexattr", "rename", "renameat", "renameat2", "rmdir",
    "sendfile", "setxattr", "stat", "statfs", "statx", "symlink", "symlinkat", "sync_file_range",
    "truncate", "umask", "unlink", "unlinkat", "utime", "utimensat", "utimes", "write", "writev",
    // waiting and pipes
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd",
    "eventfd2", "ioctl", "pipe", "pipe2", "poll", "ppoll", "pselect6", "select", "signalfd", "signalfd4",
    "timerfd_create", "timerfd_gettime", "timerfd_settime",
    // memory
    "brk", "madvise", "membarrier", "memfd_create", "mincore", "mlock", "mlock2", "mlockall", "mmap",
    "mprotect", "mremap", "msync", "munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free",
    "pkey_mprotect",
    // processes, threads and signals
    "alarm", "clone", "execve", "execveat", "exit", "exit_group", "fork", "futex", "get_robust_list",
    "getitimer", "kill", "nanosleep", "pause", "pidfd_open", "pidfd_send_signal", "restart_syscall",
    "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
    "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo", "sched_get_priority_max",
    "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam",
    "sched_getscheduler", "sched_rr_get_interval", "sched_setattr", "sched_setparam",
    "sched_setscheduler", "sched_yield", "set_robust_list", "set_tid_address", "setitimer", "sigaltstack",
    "tgkill", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime",
    "tkill", "vfork", "wait4", "waitid",
    // identity and limits; what needs a capability fails without one
    "capget", "capset", "getegid", "geteuid", "getgid", "getgroups", "getpgid", "getpgrp", "getpid",
    "getppid", "getpriority", "getresgid", "getresuid", "getrlimit", "getrusage", "getsid", "gettid",
    "getuid", "ioprio_get", "prlimit64", "setfsgid", "setfsuid", "setgid", "setgroups", "setpgid",
    "setpriority", "setregid", "setresgid", "setresuid", "setreuid", "setrlimit", "setsid", "setuid",
    // time and system
    "clock_getres", "clock_gettime", "clock_nanosleep", "get_mempolicy", "getcpu", "getrandom",
    "gettimeofday", "sysinfo", "time", "times", "uname",
    // sockets: the deny filter leaves AF_UNIX only
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen",
    "recvfrom", "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown",
    "socket", "socketpair",
    // System V and POSIX IPC, in the cell's own namespace
    "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink", "msgctl",
    "msgget", "msgrcv", "msgsnd", "semctl", "semget", "semop", "semtimedop", "shmat", "shmctl", "shmdt",
    "shmget",
};

// The same, newer than the libseccomp that is the oldest we build with.
inline constexpr NumberedCall kAllowedNewCalls[] = {
    {"fchmodat2", 452},  // fchmodat with flags; newer C libraries ask for it first
};

// Answered with success by the filter itself. A cell's files are in memory: there is nothing to write back.
// The kernel would write back the file systems of the whole machine, again and again, at others' cost.
inline constexpr const char* kPretendedCalls[] = {"sync", "syncfs"};

// Known, and forbidden: a program that probes for them gets the answer an unprivileged process would expect.
inline constexpr const char* kRefusedCalls[] = {
    // other processes (attack 45)
    "kcmp", "pidfd_getfd", "process_madvise", "process_mrelease", "process_vm_readv", "process_vm_writev",
    "ptrace",
    // namespaces and mounts (attacks 43, 44)
    "chroot", "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount",
    "open_tree", "pivot_root", "setns", "umount2", "unshare",
    // large kernel surface that no program here needs (attack 46)
    "add_key", "bpf", "fanotify_init", "fanotify_mark", "keyctl", "lookup_dcookie", "perf_event_open",
    "request_key", "seccomp", "userfaultfd", "vmsplice",
    // the machine (attack 47)
    "acct", "adjtimex", "clock_adjtime", "clock_settime", "modify_ldt", "quotactl", "quotactl_fd",
    "setdomainname", "sethostname", "settimeofday", "syslog", "vhangup",
    // files by handle (attack 50)
    "name_to_handle_at", "open_by_handle_at",
    // scheduling beyond the cell's share (attack 11) and memory placement
    "ioprio_set", "mbind", "migrate_pages", "move_pages", "set_mempolicy", "set_mempolicy_home_node",
};

// No runtime ever probes these: whoever calls them is attacking the machine.
inline constexpr const char* kKilledCalls[] = {
    "delete_module", "finit_module", "init_module", "ioperm", "iopl", "kexec_file_load", "kexec_load",
    "reboot", "swapoff", "swapon",
};

// The argument that decides about the calls of which some pass and some do not.
inline constexpr std::pair<const char*, unsigned> kDecidingArguments[] = {
    {"arch_prctl", 0}, {"clone", 0}, {"fcntl", 1}, {"futex", 1}, {"ioctl", 1}, {"madvise", 2},
    {"personality", 0}, {"prctl", 0}, {"prlimit64", 0}, {"recvfrom", 3}, {"recvmmsg", 3},
    {"recvmsg", 2}, {"sched_setaffinity", 0}, {"sched_setattr", 0}, {"sched_setparam", 0},
    {"sched_setscheduler", 0}, {"sendmmsg", 3}, {"sendmsg", 2}, {"sendto", 3}, {"setpriority", 1},
    {"setsockopt", 2}, {"socket", 0}, {"socketpair", 0},
};

// Names for the log of what is newer than the oldest libseccomp we build with.
inline constexpr NumberedCall kNewNames[] = {
    {"cachestat", 451}, {"fchmodat2", 452}, {"map_shadow_stack", 453}, {"futex_wake", 454},
    {"futex_wait", 455}, {"futex_requeue", 456}, {"statmount", 457}, {"listmount", 458},
    {"lsm_get_self_attr", 459}, {"lsm_set_self_attr", 460}, {"lsm_list_modules", 461},
    {"mseal", 462}, {"setxattrat", 463}, {"getxattrat", 464}, {"listxattrat", 465},
    {"removexattrat", 466}, {"open_tree_attr", 467}, {"file_getattr", 468}, {"file_setattr", 469},
    {"listns", 470},
};

// What passes by argument, compared as the kernel's int; every other value answers ENOSYS.

// Asking, and setting the personality a process already has. ADDR_NO_RANDOMIZE and READ_IMPLIES_EXEC would
// help an exploit (attack 48).
inline constexpr std::uint32_t kAllowedPersonalities[] = {0, 0xffffffff};

// What a process may ask and change about itself (attack 10). Not here, above all: PR_SET_SECCOMP (compiles
// the caller's code into the kernel, as SO_ATTACH_FILTER does), PR_SET_MM, PR_SET_MEMORY_MERGE (how fast a
// merged page is written tells what other cells hold: attack 61), PR_SET_SYSCALL_USER_DISPATCH,
// PR_SCHED_CORE, PR_SET_PTRACER, PR_SET_SECUREBITS, PR_SET_TSC.
inline constexpr std::uint32_t kAllowedPrctl[] = {
    PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_GET_KEEPCAPS, PR_SET_NAME,
    PR_GET_NAME, PR_GET_SECCOMP, PR_CAPBSET_READ, PR_GET_TSC, PR_GET_SECUREBITS, PR_SET_TIMERSLACK,
    PR_GET_TIMERSLACK, PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS,
    PR_GET_NO_NEW_PRIVS, PR_GET_TID_ADDRESS, PR_SET_THP_DISABLE, PR_GET_THP_DISABLE, PR_CAP_AMBIENT,
    PR_GET_SPECULATION_CTRL,
    PR_SVE_SET_VL, PR_SVE_GET_VL,  // arm64 mathematics
    PR_SET_VMA,                    // names of memory areas: malloc and V8
    0x41555856,                    // PR_GET_AUXV: what /proc/self/auxv says
};

// What making cells takes beyond what programs may call: namespaces, mounts by the old calls, and locks.
inline constexpr const char* kJailerCalls[] = {
    "clone3", "mount", "pivot_root", "sched_setaffinity", "seccomp", "sethostname", "setns", "umount2", "unshare",
};
inline constexpr NumberedCall kJailerNewCalls[] = {
    {"landlock_create_ruleset", 444}, {"landlock_add_rule", 445}, {"landlock_restrict_self", 446},
};
// Of what programs may call, what the jailer's filter looks at itself.
inline constexpr std::string_view kJailerCallsByArgument[] = {"socket", "socketpair"};
// What an init needs for an interpreter that waits (prestart.h), about a child that has asked for it: to be
// traced, to be looked at, to go on, to be let go. Not here: any way to a process that has not, or to write.
inline constexpr std::uint32_t kJailerPtrace[] = {
    PTRACE_TRACEME, PTRACE_PEEKDATA, PTRACE_CONT, PTRACE_DETACH, PTRACE_SYSCALL, PTRACE_SETOPTIONS,
    PTRACE_GET_SYSCALL_INFO,
};
// Lock-down, and a zygote that hides its environment.
inline constexpr std::uint32_t kJailerPrctl[] = {PR_CAPBSET_DROP, PR_SET_SPECULATION_CTRL, PR_SET_MM};

#ifdef __x86_64__
// Thread-local storage, and AMX for linear algebra. Not here: ARCH_MAP_VDSO_*, ARCH_SHSTK_*, ARCH_SET_CPUID.
inline constexpr std::uint32_t kAllowedArchPrctl[] = {
    0x1001, 0x1002, 0x1003, 0x1004,          // ARCH_SET_GS, ARCH_SET_FS, ARCH_GET_FS, ARCH_GET_GS
    0x1021, 0x1022, 0x1023, 0x1024, 0x1025,  // ARCH_GET_XCOMP_SUPP .. ARCH_REQ_XCOMP_GUEST_PERM
};
#endif
// clang-format on

}  // namespace codeapi
