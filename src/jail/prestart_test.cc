// Interpreters that wait, for real, but without a cell around them.

#include "jail/prestart.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jail/testing.h"

namespace codeapi {
namespace {

// Only what these tests need of RunProgram: they are not about the lock-down.
void Become(const ProgramStart& start) {
  ::dup2(start.spec.stdout_fd, STDOUT_FILENO);
  ::execve(start.argv[0], start.argv.data(), start.env.data());
}

class WaitingProgramTest : public ::testing::Test {
 protected:
  WaitingProgramTest() {
    int fds[2];
    EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
    output_.reset(fds[0]);
    written_.reset(fds[1]);
    looks_.workspace = directory_.path();
  }

  bool Start(std::vector<std::string> argv, void (*become)(const ProgramStart&) = Become) {
    ProgramStart start;
    start.argv = Pointers(argv);
    start.env = {nullptr};
    start.spec.stdout_fd = written_.get();
    const bool started = waiting_.Start(start, looks_, become);
    written_.reset();
    return started;
  }
  bool Shell(const std::string& script) { return Start({"/bin/sh", "-c", script}); }

  /// Lets go of it, and its exit status.
  int Finish() {
    const pid_t pid = waiting_.Release();
    EXPECT_GT(pid, 0);
    EXPECT_FALSE(waiting_.waits());
    return pid > 0 ? testing::WaitFor(pid) : -1;
  }

  std::string In(const std::string& name) const { return directory_ / name; }

  testing::TempDir directory_;
  UniqueFd output_, written_;
  EarlyLooks looks_;
  WaitingProgram waiting_;
};

TEST_F(WaitingProgramTest, FindsWhatCameAfterItWasStarted) {
  ASSERT_TRUE(Start({"/bin/cat", In("main")}));
  EXPECT_TRUE(waiting_.waits());
  testing::WriteFile(In("main"), "late");
  EXPECT_EQ(Finish(), 0);
  EXPECT_EQ(testing::ReadToEnd(output_.get()), "late");
}

TEST_F(WaitingProgramTest, DoesAllThatComesBefore) {
  ASSERT_TRUE(Shell("echo before; . " + In("main")));
  char buffer[64];
  ASSERT_EQ(::read(output_.get(), buffer, sizeof buffer), 7);
  testing::WriteFile(In("main"), "echo after");
  EXPECT_EQ(Finish(), 0);
  EXPECT_EQ(testing::ReadToEnd(output_.get()), "after\n");
}

TEST_F(WaitingProgramTest, IsNotTracedAnyMore) {
  ASSERT_TRUE(Start({"/bin/sh", In("main")}));
  testing::WriteFile(In("main"),
                     "grep TracerPid /proc/self/status /proc/$$/status | cut -f2; ls /proc/self/fd | wc -l");
  EXPECT_EQ(Finish(), 0);
  EXPECT_EQ(testing::ReadToEnd(output_.get()).substr(0, 4), "0\n0\n");
}

TEST_F(WaitingProgramTest, MissingFilesMayBeLookedFor) {
  looks_.missing = {In("settings")};
  ASSERT_TRUE(Shell("[ -e " + In("settings") + " ] || echo none; . " + In("main")));
  testing::WriteFile(In("main"), "echo late");
  EXPECT_EQ(Finish(), 0);
  EXPECT_EQ(testing::ReadToEnd(output_.get()), "none\nlate\n");
}

TEST_F(WaitingProgramTest, TheProgramMayBeOpenedOnce) {
  testing::WriteFile(In("main"), "");
  looks_.program = In("main");
  ASSERT_TRUE(
      Shell("read x < " + In("main") + "; echo \"<$x>\"; read x < " + In("main") + "; echo \"<$x>\""));
  testing::WriteFile(In("main"), "late\n");
  EXPECT_EQ(Finish(), 0);
  EXPECT_EQ(testing::ReadToEnd(output_.get()), "<>\n<late>\n");
}

TEST_F(WaitingProgramTest, APathFromTheWorkingDirectoryIsAStop) {
  ASSERT_EQ(::chdir(directory_.path().c_str()), 0);
  ASSERT_TRUE(Start({"/bin/cat", "main"}));
  testing::WriteFile(In("main"), "late");
  EXPECT_EQ(Finish(), 0);
  ASSERT_EQ(::chdir("/"), 0);
  EXPECT_EQ(testing::ReadToEnd(output_.get()), "late");
}

TEST_F(WaitingProgramTest, AnotherDirectoryThatBeginsAlikeIsNone) {
  EXPECT_FALSE(Start({"/bin/cat", In("").substr(0, In("").size() - 1) + "base/main"}))
      << "it ends, and never waits";
  EXPECT_FALSE(waiting_.waits());
}

TEST_F(WaitingProgramTest, OneThatEndsBeforeItWaitsIsNone) {
  EXPECT_FALSE(Start({"/bin/true"}));
  EXPECT_FALSE(waiting_.waits());
  EXPECT_EQ(waiting_.Release(), -1);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "it was reaped";
}

TEST_F(WaitingProgramTest, OneThatIsNotExecutedIsNone) {
  EXPECT_FALSE(Start({"/none/such"}));
  EXPECT_FALSE(waiting_.waits());
}

TEST_F(WaitingProgramTest, ItsEndIsNoticed) {
  ASSERT_TRUE(Start({"/bin/cat", In("main")}));
  pollfd end{waiting_.pidfd(), POLLIN, 0};
  EXPECT_EQ(::poll(&end, 1, 0), 0);
  waiting_.End();
  EXPECT_FALSE(waiting_.waits());
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "it was reaped";
}

TEST_F(WaitingProgramTest, OneThatWasKilledIsNotLetGo) {
  ASSERT_TRUE(Shell("echo $$; . " + In("main")));
  char buffer[64] = {};
  ASSERT_GT(::read(output_.get(), buffer, sizeof buffer - 1), 0);
  ASSERT_EQ(::kill(std::atoi(buffer), SIGKILL), 0);
  pollfd end{waiting_.pidfd(), POLLIN, 0};
  ASSERT_EQ(::poll(&end, 1, -1), 1);
  EXPECT_EQ(waiting_.Release(), -1);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "it was reaped";
}

TEST_F(WaitingProgramTest, SaysWhatItTakes) {
  ASSERT_TRUE(Start({"/bin/cat", In("main")}));
  EXPECT_GT(waiting_.memory(), 0u);
  EXPECT_GT(waiting_.cpu_us(), 0u);
  waiting_.End();
  EXPECT_EQ(waiting_.memory(), 0u);
  EXPECT_EQ(waiting_.cpu_us(), 0u);
}

}  // namespace
}  // namespace codeapi
