// Which system calls the allow-list filter knows, by what becomes of them. See seccomp_policy.h.
#pragma once

namespace codeapi {

// clang-format off: one name a line would hide the groups
// What CPython, Node, bash, compilers and the tools between them use. Grouped as the kernel's manual does.
inline constexpr const char* kAllowedCalls[] = {
    // files and directories
    "access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range", "creat", "dup", "dup2",
    "dup3", "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchown",
    "fchownat", "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock", "fremovexattr", "fsetxattr",
    "fstat", "fstatfs", "fsync", "ftruncate", "futimesat", "getcwd", "getdents", "getdents64", "getxattr",
    "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "lchown", "lgetxattr", "link",
    "linkat", "listxattr", "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat", "mkdir", "mkdirat",
    "mknod", "mknodat", "newfstatat", "open", "openat", "openat2", "pread64", "preadv", "preadv2",
    "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv",
    "removexattr", "rename", "renameat", "renameat2", "rmdir", "sendfile", "setxattr", "splice", "stat",
    "statfs", "statx", "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "tee", "truncate",
    "umask", "unlink", "unlinkat", "utime", "utimensat", "utimes", "write", "writev",
    // waiting and pipes
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd",
    "eventfd2", "ioctl", "pipe", "pipe2", "poll", "ppoll", "pselect6", "select", "signalfd", "signalfd4",
    "timerfd_create", "timerfd_gettime", "timerfd_settime",
    // memory
    "brk", "madvise", "membarrier", "memfd_create", "mincore", "mlock", "mlock2", "mlockall", "mmap",
    "mprotect", "mremap", "msync", "munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free",
    "pkey_mprotect",
    // processes, threads and signals
    "alarm", "arch_prctl", "clone", "execve", "execveat", "exit", "exit_group", "fork", "futex",
    "get_robust_list", "getitimer", "kill", "nanosleep", "pause", "pidfd_open", "pidfd_send_signal",
    "prctl", "restart_syscall", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
    "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo",
    "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr",
    "sched_getparam", "sched_getscheduler", "sched_rr_get_interval", "sched_setattr", "sched_setparam",
    "sched_setscheduler", "sched_yield", "set_robust_list", "set_tid_address", "setitimer", "sigaltstack",
    "tgkill", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime", "tkill",
    "vfork", "wait4", "waitid",
    // identity and limits; what needs a capability fails without one
    "capget", "capset", "getegid", "geteuid", "getgid", "getgroups", "getpgid", "getpgrp", "getpid",
    "getppid", "getpriority", "getresgid", "getresuid", "getrlimit", "getrusage", "getsid", "gettid",
    "getuid", "prlimit64", "setfsgid", "setfsuid", "setgid", "setgroups", "setpgid", "setpriority",
    "setregid", "setresgid", "setresuid", "setreuid", "setrlimit", "setsid", "setuid",
    // time and system
    "clock_getres", "clock_gettime", "clock_nanosleep", "get_mempolicy", "getcpu", "getrandom",
    "gettimeofday", "sysinfo", "time", "times", "uname",
    // sockets: the deny filter leaves AF_UNIX only
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen",
    "recvfrom", "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown", "socket",
    "socketpair",
    // System V and POSIX IPC, in the cell's own namespace
    "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink", "msgctl",
    "msgget", "msgrcv", "msgsnd", "semctl", "semget", "semop", "semtimedop", "shmat", "shmctl", "shmdt",
    "shmget",
};

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
    "ioprio_set", "mbind", "migrate_pages", "move_pages", "sched_setaffinity", "set_mempolicy",
    "set_mempolicy_home_node",
};

// No runtime ever probes these: whoever calls them is attacking the machine.
inline constexpr const char* kKilledCalls[] = {
    "delete_module", "finit_module", "init_module", "ioperm", "iopl", "kexec_file_load", "kexec_load",
    "reboot", "swapoff", "swapon",
};
// clang-format on

}  // namespace codeapi
