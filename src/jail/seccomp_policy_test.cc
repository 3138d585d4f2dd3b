// The filters as the kernel runs them: every case is a child that loads both and makes the call. The children
// are root with every capability, so what is refused is refused by the filter and by nothing else. Calls get
// arguments that the kernel itself would refuse with another error.

#include "jail/seccomp_policy.h"

#include <asm/unistd.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "jail/testing.h"

namespace codeapi {
namespace {

using testing::ChildResult;
using testing::RunInChild;

struct Call {
  const char* name;
  long number;
  long a = -1, b = -1, c = -1, d = -1, e = -1, f = -1;
};

class SeccompTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto compiled = CompileFilters();
    ASSERT_TRUE(compiled) << compiled.error().message;
    filters_ = new SeccompFilters(std::move(*compiled));
  }
  static void TearDownTestSuite() { delete std::exchange(filters_, nullptr); }

  static void Load(const std::string& bytes) {
    sock_fprog program{static_cast<unsigned short>(bytes.size() / sizeof(sock_filter)),
                       reinterpret_cast<sock_filter*>(const_cast<char*>(bytes.data()))};
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) ::_exit(98);
  }

  // As the lock-down does it.
  static void LoadBoth() {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(97);
    Load(filters_->deny);
    Load(filters_->allow);
  }

  // What each call answers: its errno, or 0.
  static std::vector<int> Errors(const std::vector<Call>& calls) {
    const ChildResult child = RunInChild([&](int out) {
      LoadBoth();
      for (const Call& call : calls) {
        const int error =
            ::syscall(call.number, call.a, call.b, call.c, call.d, call.e, call.f) < 0 ? errno : 0;
        testing::Report(out, {reinterpret_cast<const char*>(&error), sizeof error});
      }
    });
    EXPECT_TRUE(child.exited_with(0)) << child.status;
    std::vector<int> errors(child.output.size() / sizeof(int));
    std::memcpy(errors.data(), child.output.data(), errors.size() * sizeof(int));
    errors.resize(calls.size(), -1);
    return errors;
  }

  static void ExpectAll(int expected, const std::vector<Call>& calls) {
    const std::vector<int> errors = Errors(calls);
    for (std::size_t i = 0; i < calls.size(); ++i) EXPECT_EQ(errors[i], expected) << calls[i].name;
  }

  template <typename Body>
  static void ExpectKilled(const char* what, Body body) {
    const ChildResult child = RunInChild([&](int out) {
      LoadBoth();
      body();
      testing::Report(out, "survived");
    });
    EXPECT_TRUE(WIFSIGNALED(child.status) && WTERMSIG(child.status) == SIGSYS) << what << " " << child.status;
    EXPECT_EQ(child.output, "") << what;
  }

  static SeccompFilters* filters_;
};
SeccompFilters* SeccompTest::filters_ = nullptr;

#define CALL(name) {#name, SYS_##name}

TEST_F(SeccompTest, CompilingGivesTheSameEveryTime) {
  const auto again = CompileFilters();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->allow, filters_->allow);
  EXPECT_EQ(again->deny, filters_->deny);
  for (const std::string* filter : {&filters_->allow, &filters_->deny}) {
    EXPECT_EQ(filter->size() % sizeof(sock_filter), 0u);
    EXPECT_GT(filter->size(), 0u);
    EXPECT_LE(filter->size() / sizeof(sock_filter), std::size_t{BPF_MAXINSNS});
  }
}

TEST_F(SeccompTest, ForbiddenCallsAnswerEperm) {
  ExpectAll(EPERM, {CALL(ptrace),
                    CALL(process_vm_readv),
                    CALL(process_vm_writev),
                    CALL(kcmp),
                    CALL(pidfd_getfd),
                    CALL(process_madvise),
                    CALL(process_mrelease),
                    CALL(unshare),
                    CALL(setns),
                    CALL(mount),
                    CALL(umount2),
                    CALL(pivot_root),
                    CALL(chroot),
                    CALL(fsopen),
                    CALL(fsconfig),
                    CALL(fsmount),
                    CALL(fspick),
                    CALL(move_mount),
                    CALL(mount_setattr),
                    CALL(open_tree),
                    CALL(bpf),
                    CALL(perf_event_open),
                    CALL(userfaultfd),
                    CALL(keyctl),
                    CALL(add_key),
                    CALL(request_key),
                    CALL(fanotify_init),
                    CALL(fanotify_mark),
                    CALL(seccomp),
                    CALL(vmsplice),
                    CALL(acct),
                    CALL(adjtimex),
                    CALL(clock_adjtime),
                    CALL(clock_settime),
                    CALL(settimeofday),
                    CALL(sethostname),
                    CALL(setdomainname),
                    CALL(syslog),
                    CALL(quotactl),
                    CALL(vhangup),
                    CALL(name_to_handle_at),
                    CALL(open_by_handle_at),
                    CALL(ioprio_set),
                    CALL(mbind),
                    CALL(set_mempolicy),
                    CALL(migrate_pages),
                    CALL(move_pages)});
}

TEST_F(SeccompTest, WhatIsNotListedDoesNotExist) {
  ExpectAll(ENOSYS, {CALL(clone3),
                     CALL(io_uring_setup),
                     CALL(io_uring_enter),
                     CALL(io_uring_register),
                     CALL(io_setup),
                     CALL(remap_file_pages),
                     CALL(splice),
                     CALL(tee),
                     CALL(memfd_secret),
                     CALL(landlock_create_ruleset),
                     {"futex_waitv", 449},
                     {"cachestat", 451},
                     {"listmount", 458},
                     {"a number of the future", 9'999}});
}

TEST_F(SeccompTest, WhatRuntimesNeedPasses) {
  const long anonymous = MAP_PRIVATE | MAP_ANONYMOUS, all = PROT_READ | PROT_WRITE | PROT_EXEC;
  const auto path = [](const char* text) { return reinterpret_cast<long>(text); };
  int fds[2];
  ExpectAll(0, {CALL(getpid),
                CALL(getuid),
                CALL(sched_yield),
                {"openat", SYS_openat, AT_FDCWD, path("/dev/null"), O_RDONLY},
                {"memfd_create", SYS_memfd_create, path("name"), 0},
                {"mmap rwx", SYS_mmap, 0, 4096, all, anonymous, -1, 0},
                {"pipe2", SYS_pipe2, reinterpret_cast<long>(fds), O_CLOEXEC},
                {"eventfd2", SYS_eventfd2, 0, 0},
                {"epoll_create1", SYS_epoll_create1, 0},
                {"unix socket", SYS_socket, AF_UNIX, SOCK_STREAM, 0},
                {"unix pair", SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, reinterpret_cast<long>(fds)},
                {"no_new_privs", SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0},
                {"kill nobody", SYS_kill, 0, 0},
                {"membarrier query", SYS_membarrier, 0, 0, 0}});
  // Their own errors, so they got through.
  ExpectAll(EFAULT, {{"own processors", SYS_sched_setaffinity, 0, 8, 0}});
  ExpectAll(EINVAL, {{"fchmodat2", 452, AT_FDCWD, path("/dev/null"), 0, -1}});
}

// The kernel would write back what the whole machine has in memory; it would also say EBADF.
TEST_F(SeccompTest, NothingIsWrittenBackForTheWholeMachine) {
  ExpectAll(0, {CALL(sync), CALL(syncfs)});
}

TEST_F(SeccompTest, ProcessesAndThreadsCanBeMade) {
  const ChildResult child = RunInChild([](int out) {
    LoadBoth();
    const long pid = ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) ::_exit(7);
    const int status = testing::WaitFor(static_cast<pid_t>(pid));
    testing::Report(out, std::to_string(WEXITSTATUS(status)));
  });
  EXPECT_EQ(child.output, "7");
  ExpectAll(EINVAL, {{"a thread without shared signal handlers", SYS_clone, CLONE_THREAD, 0, 0, 0, 0}});
}

// Attack 52, and attack 49: the kernel looks at the low 32 bits only, so the filter must too.
TEST_F(SeccompTest, NoNamespaceIsMadeWhateverTheUpperBits) {
  for (const long flag : {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER,
                          CLONE_NEWPID, CLONE_NEWNET}) {
    ExpectAll(EPERM, {{"clone", SYS_clone, flag | SIGCHLD, 0, 0, 0, 0},
                      {"clone with more", SYS_clone, flag | CLONE_VM | SIGCHLD, 0, 0, 0, 0},
                      {"clone with upper bits", SYS_clone, flag | SIGCHLD | 1l << 40, 0, 0, 0, 0}});
  }
}

TEST_F(SeccompTest, OnlyUnixSockets) {
  std::vector<Call> sockets;
  const auto add = [&](long family) {
    sockets.push_back({"socket", SYS_socket, family, SOCK_DGRAM, 0});
    sockets.push_back({"socketpair", SYS_socketpair, family, SOCK_DGRAM, 0, 0});
  };
  for (long family = 0; family < 64; ++family) {
    if (family != AF_UNIX) add(family);
  }
  add(-1);
  add(1l << 31 | AF_UNIX);
  add(0x10001);
  // Attack 49: the family is an int, so these are AF_INET and AF_NETLINK to the kernel.
  add(AF_INET | 1l << 32);
  add(AF_NETLINK | 0x7fffffffl << 32);
  ExpectAll(EPERM, sockets);
  ExpectAll(0, {{"AF_UNIX with upper bits", SYS_socket, AF_UNIX | 1l << 32, SOCK_STREAM, 0}});
}

TEST_F(SeccompTest, NobodyTypesIntoATerminal) {
  const long tioclinux = 0x541C;
  ExpectAll(EPERM, {{"TIOCSTI", SYS_ioctl, -1, TIOCSTI, 0},
                    {"TIOCSTI with upper bits", SYS_ioctl, -1, TIOCSTI | 1l << 32, 0},
                    {"TIOCLINUX", SYS_ioctl, -1, tioclinux, 0},
                    {"TIOCLINUX with upper bits", SYS_ioctl, -1, tioclinux | 0xffl << 48, 0}});
  ExpectAll(EBADF, {{"TCGETS", SYS_ioctl, -1, TCGETS, 0}, {"FIONREAD", SYS_ioctl, -1, FIONREAD, 0}});
}

// Attacks 20 and 43: requests to file systems, devices and namespaces say what a file without them says.
TEST_F(SeccompTest, OnlyIoctlsOfTerminalsPass) {
  std::vector<Call> calls;
  for (const long request : {0x80086601l, 0x40086602l, 0x801c581fl, 0xc020660bl, 0x40049409l, 0xc0189436l, 1l,
                             2l, 0xb701l, 0x8912l, 0x8933l, 0xff0bl, 0x5254l, 0x1260l, 0l, -1l}) {
    calls.push_back({"ioctl", SYS_ioctl, -1, request, 0});
    calls.push_back({"ioctl with upper bits", SYS_ioctl, -1, request | 1l << 32, 0});
  }
  ExpectAll(ENOTTY, calls);
  ExpectAll(EPERM,
            {{"TIOCSETD", SYS_ioctl, -1, TIOCSETD, 0}, {"with more", SYS_ioctl, -1, TIOCSETD | 1l << 40, 0}});
  ExpectAll(EBADF, {{"TIOCGPTN", SYS_ioctl, -1, TIOCGPTN, 0},
                    {"FIONBIO", SYS_ioctl, -1, FIONBIO, 0},
                    {"FIOCLEX", SYS_ioctl, -1, FIOCLEX, 0},
                    {"TIOCGWINSZ", SYS_ioctl, -1, TIOCGWINSZ, 0}});
}

TEST_F(SeccompTest, NoLockWithPriorityInheritance) {
  std::vector<Call> calls;
  for (const long command : {6l, 7l, 8l, 11l, 12l, 13l}) {
    for (const long flags : {0l, 128l, 256l, 384l, 1l << 32}) {
      calls.push_back({"futex", SYS_futex, 0, command | flags, 0, 0, 0, 0});
    }
  }
  ExpectAll(ENOSYS, calls);
  ExpectAll(EFAULT,
            {{"wait", SYS_futex, 0, 128, 0, 0, 0, 0}, {"requeue", SYS_futex, 0, 128 | 4, 0, 0, 0, 0}});
}

TEST_F(SeccompTest, NoUrgentBytesAndNoSocketFilters) {
  const long more = 1l << 32;
  ExpectAll(EOPNOTSUPP, {{"sendto", SYS_sendto, -1, 0, 0, MSG_OOB, 0, 0},
                         {"sendmsg", SYS_sendmsg, -1, 0, MSG_OOB | MSG_DONTWAIT},
                         {"sendmmsg", SYS_sendmmsg, -1, 0, 0, MSG_OOB},
                         {"recvfrom", SYS_recvfrom, -1, 0, 0, MSG_OOB | MSG_PEEK | more, 0, 0},
                         {"recvmsg", SYS_recvmsg, -1, 0, MSG_OOB},
                         {"recvmmsg", SYS_recvmmsg, -1, 0, 0, MSG_OOB, 0}});
  ExpectAll(EPERM,
            {{"SO_ATTACH_FILTER", SYS_setsockopt, -1, SOL_SOCKET, SO_ATTACH_FILTER, 0, 0},
             {"SO_ATTACH_BPF", SYS_setsockopt, -1, SOL_SOCKET | more, SO_ATTACH_BPF | more, 0, 0},
             {"SO_ATTACH_REUSEPORT_CBPF", SYS_setsockopt, -1, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, 0, 0},
             {"SO_ATTACH_REUSEPORT_EBPF", SYS_setsockopt, -1, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, 0, 0}});
  ExpectAll(EBADF, {{"sendto", SYS_sendto, -1, 0, 0, MSG_NOSIGNAL, 0, 0},
                    {"recvmsg", SYS_recvmsg, -1, 0, MSG_DONTWAIT},
                    {"SO_REUSEADDR", SYS_setsockopt, -1, SOL_SOCKET, SO_REUSEADDR, 0, 0},
                    {"the same number elsewhere", SYS_setsockopt, -1, 6, SO_ATTACH_FILTER, 0, 0}});
}

// Attack 10, and attack 46 for PR_SET_SECCOMP: the caller's code, compiled into the kernel.
TEST_F(SeccompTest, OnlyWhatAProcessMayKnowAndChangeAboutItself) {
  sock_filter allow_all{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  const sock_fprog program{1, &allow_all};
  const long code = reinterpret_cast<long>(&program), more = 1l << 32;
  std::vector<Call> calls = {
      {"PR_SET_SECCOMP", SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, code, 0, 0},
      {"with upper bits", SYS_prctl, PR_SET_SECCOMP | more, SECCOMP_MODE_FILTER, code, 0, 0}};
  for (const long option : {24l, 28l, 35l, 53l, 59l, 62l, 65l, 67l, 78l, 0x59616d61l, 9'999l}) {
    calls.push_back({"prctl", SYS_prctl, option, 0, 0, 0, 0});
  }
  ExpectAll(ENOSYS, calls);
  ExpectAll(0, {{"PR_SET_NAME", SYS_prctl, PR_SET_NAME | more, reinterpret_cast<long>("name"), 0, 0, 0},
                {"PR_SET_CHILD_SUBREAPER", SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0}});
}

// Attack 61: merged pages tell what other cells hold.
TEST_F(SeccompTest, NoPageIsMergedWithOtherCells) {
  ExpectAll(EINVAL, {{"madvise", SYS_madvise, 0, 0, MADV_MERGEABLE},
                     {"madvise with upper bits", SYS_madvise, 0, 0, MADV_MERGEABLE | 1l << 32}});
  ExpectAll(0, {{"another advice", SYS_madvise, 0, 0, MADV_DONTNEED}});
}

// Attack 61.
TEST_F(SeccompTest, NobodyIsSignalledWhatOthersDoInSharedDirectories) {
  ExpectAll(EPERM, {{"F_NOTIFY", SYS_fcntl, -1, F_NOTIFY, 0},
                    {"F_NOTIFY with upper bits", SYS_fcntl, -1, F_NOTIFY | 1l << 32, 0}});
  ExpectAll(EBADF, {{"F_GETFD", SYS_fcntl, -1, F_GETFD, 0}, {"F_SETLK", SYS_fcntl, -1, F_SETLK, 0}});
}

TEST_F(SeccompTest, ThePersonalityIsAskedForAndNotChanged) {
  ExpectAll(0, {{"query", SYS_personality, 0xffffffff},
                {"query with upper bits", SYS_personality, -1},
                {"the usual one", SYS_personality, 0}});
  ExpectAll(ENOSYS, {{"no address randomisation", SYS_personality, ADDR_NO_RANDOMIZE},
                     {"read implies exec", SYS_personality, READ_IMPLIES_EXEC},
                     {"with upper bits", SYS_personality, ADDR_NO_RANDOMIZE | 1l << 32}});
}

TEST_F(SeccompTest, AttacksOnTheMachineKill) {
  std::vector<Call> calls = {CALL(reboot),     CALL(init_module), CALL(finit_module), CALL(delete_module),
                             CALL(kexec_load), CALL(swapon),      CALL(swapoff)};
#ifdef __x86_64__
  for (const Call& call : {Call CALL(iopl), Call CALL(ioperm), Call CALL(kexec_file_load)})
    calls.push_back(call);
#endif
  for (const Call& call : calls) {
    ExpectKilled(call.name, [&] { ::syscall(call.number, -1, -1, -1, -1, -1, -1); });
  }
}

#ifdef __x86_64__
// Attack 48: other calling conventions have other numbers, which no rule of ours names.
TEST_F(SeccompTest, ForeignCallingConventionsKill) {
  constexpr long kX32 = 0x40000000;
  for (const long number : {long{SYS_getpid}, long{SYS_read}, long{SYS_execve}, 512l, 547l}) {
    ExpectKilled("x32", [&] { ::syscall(kX32 | number, -1, -1, -1); });
  }
  ExpectKilled("int 0x80", [] {
    long number = 20;  // getpid of i386
    asm volatile("int $0x80" : "+a"(number) : : "memory", "r8", "r9", "r10", "r11");
  });
}
#endif

TEST(SystemCallName, IsForPeople) {
  EXPECT_EQ(SystemCallName(SYS_keyctl), "keyctl");
  EXPECT_EQ(SystemCallName(470), "listns");
  EXPECT_EQ(SystemCallName(9'999), "unknown");
  EXPECT_EQ(SystemCallName(-1), "unknown");
}

TEST(DecidingArgument, IsKnownForCallsOfWhichSomePass) {
  EXPECT_EQ(DecidingArgument("ioctl"), 1u);
  EXPECT_EQ(DecidingArgument("prctl"), 0u);
  EXPECT_EQ(DecidingArgument("keyctl"), std::nullopt);
}

// Every thread of the process, or the others would go on.
TEST_F(SeccompTest, TheWholeProcessIsKilled) {
  const ChildResult child = RunInChild([](int out) {
    LoadBoth();
    const long pid = ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
      ::syscall(SYS_reboot, -1, -1, -1, -1);
      ::_exit(0);
    }
    const int status = testing::WaitFor(static_cast<pid_t>(pid));
    testing::Report(out, WIFSIGNALED(status) ? "killed" : "ended");
  });
  EXPECT_EQ(child.output, "killed");
}

}  // namespace
}  // namespace codeapi
