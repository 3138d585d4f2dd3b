#include "jail/filter_program.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <vector>

#include "jail/seccomp_policy.h"

namespace codeapi {
namespace {

#ifdef __x86_64__
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#else
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#endif

std::string Bytes(const std::vector<sock_filter>& code) {
  return {reinterpret_cast<const char*>(code.data()), code.size() * sizeof(sock_filter)};
}

seccomp_data Call(int number, std::uint64_t argument = 0) {
  seccomp_data out{};
  out.nr = number;
  out.arch = kArchitecture;
  for (auto& a : out.args) a = argument;
  return out;
}

class FilterProgramTest : public ::testing::Test {
 protected:
  FilterProgramTest() {
    auto compiled = CompileFilters();
    if (compiled) filters_ = std::move(*compiled);
    joined_ = JoinForListener(filters_.deny, filters_.allow);
  }
  // What the kernel makes of two filters: the stricter verdict.
  std::uint32_t Both(const seccomp_data& call) const {
    const std::uint32_t deny = RunFilter(AsProgram(filters_.deny), call);
    const std::uint32_t allow = RunFilter(AsProgram(filters_.allow), call);
    if (deny == SECCOMP_RET_ALLOW) return allow;
    return allow == SECCOMP_RET_KILL_PROCESS ? allow : deny;
  }
  std::uint32_t Joined(const seccomp_data& call) const { return RunFilter(AsProgram(joined_), call); }

  SeccompFilters filters_;
  std::string joined_;
};

TEST_F(FilterProgramTest, ReadsTheFiltersAsTheyWereMeant) {
  EXPECT_EQ(Both(Call(SYS_getpid)), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Both(Call(SYS_keyctl)), SECCOMP_RET_ERRNO | EPERM);
  EXPECT_EQ(Both(Call(9'999)), SECCOMP_RET_ERRNO | ENOSYS);
  EXPECT_EQ(Both(Call(SYS_sync)), SECCOMP_RET_ERRNO | 0u);
  EXPECT_EQ(Both(Call(SYS_reboot)), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(Both(Call(SYS_socket, 2)), SECCOMP_RET_ERRNO | EPERM);
  EXPECT_EQ(Both(Call(SYS_socket, 1)), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Both(Call(SYS_ioctl, TIOCSTI | 1ull << 32)), SECCOMP_RET_ERRNO | EPERM);
  seccomp_data foreign = Call(SYS_getpid);
  foreign.arch = AUDIT_ARCH_I386;
  EXPECT_EQ(Both(foreign), SECCOMP_RET_KILL_PROCESS);
}

// The joined filter asks exactly where the two refuse with an errno, and decides alike everywhere else.
TEST_F(FilterProgramTest, TheJoinedFilterAsksWhereTheTwoRefuse) {
  ASSERT_NE(joined_, "");
  int asked = 0, allowed = 0, killed = 0;
  for (int number = -1; number < 1200; ++number) {
    for (const std::uint64_t argument :
         {0ull, 1ull, 2ull, 6ull, 12ull, 15ull, 22ull, 0x5401ull, 0x5412ull, 0x40086602ull, 0x10000000ull,
          0xffffffffull, 1ull << 32, 1ull << 32 | 1, 0x1002ull, ~0ull}) {
      const seccomp_data call = Call(number, argument);
      const std::uint32_t both = Both(call), joined = Joined(call);
      const bool refused =
          (both & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO && (both & SECCOMP_RET_DATA) != 0;
      ASSERT_EQ(joined, refused ? SECCOMP_RET_USER_NOTIF : both) << number << " " << argument;
      asked += refused;
      allowed += both == SECCOMP_RET_ALLOW;
      killed += both == SECCOMP_RET_KILL_PROCESS;
    }
  }
  EXPECT_GT(asked, 1000);
  EXPECT_GT(allowed, 1000);
  EXPECT_GT(killed, 100);
}

TEST_F(FilterProgramTest, ForeignCallsAreKilledByTheJoinedFilterToo) {
  seccomp_data call = Call(SYS_getpid);
  call.arch = AUDIT_ARCH_I386;
  EXPECT_EQ(Joined(call), SECCOMP_RET_KILL_PROCESS);
#ifdef __x86_64__
  EXPECT_EQ(Joined(Call(0x40000000 | SYS_getpid)), SECCOMP_RET_KILL_PROCESS);
#endif
}

TEST_F(FilterProgramTest, WhatNoCompilerWritesKills) {
  const auto run = [](std::vector<sock_filter> code) {
    const std::string bytes = Bytes(code);
    return RunFilter(AsProgram(bytes), Call(1));
  };
  const sock_filter allow{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  EXPECT_EQ(run({allow}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(run({}), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(run({{BPF_LD | BPF_W | BPF_ABS, 0, 0, sizeof(seccomp_data)}, allow}), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(run({{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0xfffffffc}, allow}), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(run({{BPF_LD | BPF_H | BPF_ABS, 0, 0, 0}, allow}), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(run({{BPF_ST, 0, 0, 0}, allow}), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(run({{BPF_JMP | BPF_JA, 0, 0, 1}, allow}), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(run({{BPF_JMP | BPF_JA, 0, 0, 0xffffffff}, allow}), SECCOMP_RET_KILL_PROCESS);
}

TEST_F(FilterProgramTest, WhatIsTooLongForTheKernelIsNotMade) {
  const sock_filter allow{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  const std::vector<sock_filter> half(BPF_MAXINSNS / 2, allow);
  std::vector<sock_filter> more = half;
  more.push_back(allow);
  EXPECT_EQ(JoinForListener(Bytes(half), Bytes(half)).size(), BPF_MAXINSNS * sizeof(sock_filter));
  EXPECT_EQ(JoinForListener(Bytes(half), Bytes(more)), "");
}

}  // namespace
}  // namespace codeapi
