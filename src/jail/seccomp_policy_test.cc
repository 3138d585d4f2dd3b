// Which calls pass, by number. What is decided by argument: seccomp_arguments_test.cc.

#include "jail/seccomp_policy.h"

#include <asm/unistd.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "jail/seccomp_fixture.h"

namespace codeapi {
namespace {

using testing::ChildResult;
using testing::RunInChild;

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
