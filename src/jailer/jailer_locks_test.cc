// The locks, in a child that takes them and tries what they forbid.
#include "jailer/jailer_locks.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

#include "base/unique_fd.h"
#include "jail/filter_program.h"
#include "jail/seccomp_policy.h"

namespace codeapi {
namespace {

// What a locked child says of itself; exit status 1 when it cannot be locked.
int InLockedChild(const std::function<int()>& what) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto locked = LockJailer(JailerPart::kRoot);
    if (!locked) std::fprintf(stderr, "%s\n", locked.error().message.c_str());
    ::_exit(locked ? what() : 1);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

int ErrnoOf(long result) {
  return result < 0 ? errno : 0;
}

TEST(JailerLocks, WhatCellsCostIsPossible) {
  EXPECT_EQ(
      InLockedChild([] {
        return ErrnoOf(::unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS));
      }),
      0);
  EXPECT_EQ(
      InLockedChild([] {
        if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
          return 2;
        return ErrnoOf(::mount("test", "/mnt", "tmpfs", 0, nullptr));
      }),
      0);
}

TEST(JailerLocks, OtherCallsAreUnknown) {
  for (const auto request : {PTRACE_ATTACH, PTRACE_SEIZE, PTRACE_POKEDATA, PTRACE_SETREGSET}) {
    EXPECT_EQ(InLockedChild([request] { return ErrnoOf(::ptrace(request, 1, nullptr, nullptr)); }), ENOSYS)
        << request;
  }
  EXPECT_EQ(InLockedChild([] { return ErrnoOf(::syscall(SYS_bpf, 0, nullptr, 0)); }), ENOSYS);
  EXPECT_EQ(InLockedChild([] { return ErrnoOf(::syscall(SYS_kexec_load, 0, 0, nullptr, 0)); }), ENOSYS);
  EXPECT_EQ(InLockedChild([] { return ErrnoOf(::syscall(SYS_fsopen, "tmpfs", 0)); }), ENOSYS);
  EXPECT_EQ(InLockedChild([] { return ErrnoOf(::syscall(SYS_keyctl, 0, 0, 0, 0, 0)); }), ENOSYS);
}

TEST(JailerLocks, AChildMayAskToBeTraced) {
  EXPECT_EQ(InLockedChild([] { return ErrnoOf(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }), 0);
}

TEST(JailerLocks, SocketsAreLocal) {
  EXPECT_EQ(InLockedChild([] { return ErrnoOf(::socket(AF_UNIX, SOCK_STREAM, 0)); }), 0);
  for (const int family : {AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_VSOCK, AF_ALG}) {
    EXPECT_EQ(InLockedChild([family] { return ErrnoOf(::socket(family, SOCK_RAW, 0)); }), ENOSYS) << family;
  }
}

TEST(JailerLocks, NoCapabilityComesBack) {
  EXPECT_EQ(InLockedChild([] { return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 2; }), 0);
  EXPECT_EQ(InLockedChild([] {
              for (int cap = 0; cap < 64; ++cap) {
                bool kept = false;
                for (const NeededCapability& needed : JailerCapabilities())
                  kept = kept || needed.number == cap;
                if (!kept && ::prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1) return 2;
              }
              return 0;
            }),
            0);
}

// Landlock would forbid it to all programs.
TEST(JailerLocks, FilesMoveBetweenDirectories) {
  EXPECT_EQ(InLockedChild([] {
              char place[] = "/tmp/jailer-locks.XXXXXX";
              if (::mkdtemp(place) == nullptr || ::chdir(place) != 0) return 2;
              const UniqueFd file(::open("file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
              if (!file || ::mkdir("a", 0700) != 0) return 3;
              const int linked = ErrnoOf(::link("file", "a/linked"));
              const int moved = ErrnoOf(::rename("file", "a/file"));
              for (const char* name : {"a/linked", "a/file", "file"}) ::unlink(name);
              ::rmdir("a");
              ::rmdir(place);
              return linked != 0 ? linked : moved;
            }),
            0);
}

// Or programs would see another errno, and listeners never hear of it.
TEST(JailerLocks, TheFiltersOfProgramsWeighMore) {
  const auto filter = CompileJailerFilter();
  ASSERT_TRUE(filter);
  seccomp_data call{};
#ifdef __x86_64__
  call.arch = AUDIT_ARCH_X86_64;
#else
  call.arch = AUDIT_ARCH_AARCH64;
#endif
  for (int number = 0; number < 500; ++number) {
    call.nr = number;
    const std::uint32_t verdict = RunFilter(AsProgram(*filter), call) & SECCOMP_RET_ACTION_FULL;
    EXPECT_TRUE(verdict == SECCOMP_RET_ALLOW || verdict == SECCOMP_RET_TRACE) << SystemCallName(number);
  }
}

TEST(JailerLocks, WhatProgramsMayCallIsNotUnknown) {
  const auto jailer = CompileJailerFilter();
  const auto programs = CompileFilters();
  ASSERT_TRUE(jailer && programs);
  seccomp_data call{};
#ifdef __x86_64__
  call.arch = AUDIT_ARCH_X86_64;
#else
  call.arch = AUDIT_ARCH_AARCH64;
#endif
  call.args[0] = AF_UNIX;
  for (call.nr = 0; call.nr < 500; ++call.nr) {
    if (RunFilter(AsProgram(programs->allow), call) != SECCOMP_RET_ALLOW) continue;
    EXPECT_EQ(RunFilter(AsProgram(*jailer), call), SECCOMP_RET_ALLOW) << SystemCallName(call.nr);
  }
}

}  // namespace
}  // namespace codeapi
