// The filters as the kernel runs them: every case is a child that loads both and makes the call. The children
// are root with every capability, so what is refused is refused by the filter and by nothing else. Calls get
// arguments that the kernel itself would refuse with another error.
#pragma once

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "jail/seccomp_policy.h"
#include "jail/testing.h"

namespace codeapi {

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
    const testing::ChildResult child = testing::RunInChild([&](int out) {
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
    const testing::ChildResult child = testing::RunInChild([&](int out) {
      LoadBoth();
      body();
      testing::Report(out, "survived");
    });
    EXPECT_TRUE(WIFSIGNALED(child.status) && WTERMSIG(child.status) == SIGSYS) << what << " " << child.status;
    EXPECT_EQ(child.output, "") << what;
  }

  static inline SeccompFilters* filters_ = nullptr;
};

/// A call with the worst arguments, by its name.
#define CALL(name) {#name, SYS_##name}

}  // namespace codeapi
