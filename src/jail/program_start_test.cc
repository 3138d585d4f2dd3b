// What becomes of a program that the kernel does not execute, for real, in children that start as root.

#include "jail/program_start.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "jail/filter_program.h"
#include "jail/seccomp_policy.h"
#include "jail/testing.h"

namespace codeapi {
namespace {

using testing::ChildResult;

class ProgramStartTest : public ::testing::Test {
 protected:
  // Its exit status, and all that arrives on stderr and through the report pipe.
  ChildResult Run(std::vector<std::string> argv, bool compiled) {
    auto filters = CompileFilters();
    EXPECT_TRUE(filters);
    return testing::RunInChild([&](int out) {
      ProgramStart start;
      start.argv = Pointers(argv);
      start.env = {nullptr};
      start.limits.fill({RLIMIT_CORE, 0});
      start.compiled = compiled;
      start.spec.uid = 212'345;
      start.spec.gid = 212'345;
      start.spec.stdin_fd = ::fcntl(::open("/dev/null", O_RDWR | O_CLOEXEC), F_DUPFD_CLOEXEC, 40);
      start.spec.stdout_fd = start.spec.stderr_fd = ::fcntl(out, F_DUPFD_CLOEXEC, 40);
      start.spec.keep_fd = ::fcntl(out, F_DUPFD_CLOEXEC, 40);
      start.spec.limits = start.limits.data();
      start.spec.limit_count = start.limits.size();
      start.spec.working_directory = "/";
      start.spec.allow = AsProgram(filters->allow);
      start.spec.deny = AsProgram(filters->deny);
      RunProgram(start);
    });
  }
};

TEST_F(ProgramStartTest, Executes) {
  const ChildResult child = Run({"/bin/echo", "a b", ""}, false);
  EXPECT_TRUE(child.exited_with(0));
  EXPECT_EQ(child.output, "a b \n");
}

TEST_F(ProgramStartTest, AMissingInterpreterIsReportedToInit) {
  const ChildResult child = Run({"/none/such"}, false);
  EXPECT_TRUE(child.exited_with(126)) << child.status;
  StartFailure failure;
  ASSERT_EQ(child.output.size(), sizeof failure);
  std::memcpy(&failure, child.output.data(), sizeof failure);
  EXPECT_EQ(failure.step, LockdownStep::kExec);
  EXPECT_EQ(failure.error, ENOENT);
}

// It is a stranger's compiler output: that it cannot be executed is no fault of the sandbox.
TEST_F(ProgramStartTest, WhatACompilerMadeIsTheProgramsOwnFault) {
  ChildResult child = Run({"/none/such"}, true);
  EXPECT_TRUE(child.exited_with(126)) << child.status;
  EXPECT_EQ(child.output, "the compiled program cannot be executed: No such file or directory\n");
  child = Run({"/etc/passwd"}, true);
  EXPECT_TRUE(child.exited_with(126)) << child.status;
  EXPECT_EQ(child.output, "the compiled program cannot be executed: Permission denied\n");
}

TEST_F(ProgramStartTest, PointersEndWithNull) {
  std::vector<std::string> strings = {"a", ""};
  const auto pointers = Pointers(strings);
  ASSERT_EQ(pointers.size(), 3u);
  EXPECT_STREQ(pointers[0], "a");
  EXPECT_STREQ(pointers[1], "");
  EXPECT_EQ(pointers[2], nullptr);
}

}  // namespace
}  // namespace codeapi
