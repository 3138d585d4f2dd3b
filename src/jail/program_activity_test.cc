#include "jail/program_activity.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "jail/testing.h"

namespace codeapi {
namespace {

// Runs `body` as the first process of a PID namespace with a /proc of its own, as init runs.
template <typename Body>
std::string AsInit(Body body) {
  const auto child = testing::RunInChild([&](int out) {
    if (::unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) return testing::Report(out, "no namespaces");
    const pid_t init = ::fork();
    if (init == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
      if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
          ::mount("proc", "/proc", "proc", 0, "hidepid=2") != 0) {
        ::_exit(1);
      }
      testing::Report(out, body());
      ::_exit(0);  // and everything it has started goes with it
    }
    testing::WaitFor(init);
  });
  return child.output;
}

pid_t StartProgram(void (*what)()) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  if (::setresuid(65'534, 65'534, 65'534) != 0) ::_exit(1);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  what();
  ::_exit(0);
}

void Sleep() {
  while (true) ::pause();
}
void Spin() {
  for (volatile unsigned i = 0;; i = i + 1) continue;
}

// Ends only when it is so.
void Until(bool (*holds)()) {
  while (!holds()) continue;
}
bool Busy() {
  return LookAtProgram(true).runs;
}

TEST(ProgramActivity, WithoutAProgramNothingIsSeenToSleep) {
  EXPECT_EQ(
      AsInit([] { return std::to_string(ProgramSleeps()) + std::to_string(LookAtProgram(true).tasks); }),
      "00");
}

TEST(ProgramActivity, SleepersSleep) {
  EXPECT_EQ(AsInit([] {
              for (int i = 0; i < 3; ++i) StartProgram(Sleep);
              Until(ProgramSleeps);
              const ActivitySnapshot seen = LookAtProgram(true);
              return std::to_string(seen.tasks) + (seen.runs ? " run" : " sleep") +
                     (ProgramStarts() ? " and start" : "");
            }),
            "3 sleep");
}

TEST(ProgramActivity, OneThatComputesIsSeenAmongSleepers) {
  EXPECT_EQ(AsInit([] {
              StartProgram(Sleep);
              StartProgram(Spin);
              StartProgram(Sleep);
              Until(Busy);
              // It runs from now on; the others fall asleep.
              Until([] { return !ProgramStarts(); });
              return std::string(ProgramSleeps() ? "sleeps" : "runs");
            }),
            "runs");
}

TEST(ProgramActivity, TheStoppedAndTheDeadDoNotRun) {
  EXPECT_EQ(AsInit([] {
              const pid_t stopped = StartProgram(Spin);
              const pid_t dead = StartProgram(Spin);
              Until(Busy);
              ::kill(stopped, SIGSTOP);
              ::kill(dead, SIGKILL);
              Until(ProgramSleeps);
              return std::to_string(LookAtProgram(true).tasks);
            }),
            "2");
}

TEST(ProgramActivity, WhoHasRunInBetweenHasSwitched) {
  EXPECT_EQ(AsInit([] {
              int fds[2];
              if (::pipe(fds) != 0) return std::string("no pipe");
              const pid_t pid = ::fork();
              if (pid == 0) {
                char byte;
                while (::read(fds[0], &byte, 1) == 1) continue;
                ::_exit(0);
              }
              Until(ProgramSleeps);
              const auto before = LookAtProgram(true), still = LookAtProgram(true);
              if (::write(fds[1], "x", 1) != 1) return std::string("not written");
              Until(ProgramSleeps);
              const auto after = LookAtProgram(true);
              return std::string(before.switches == still.switches ? "same " : "differs ") +
                     (after.switches == before.switches ? "same" : "differs");
            }),
            "same differs");
}

}  // namespace
}  // namespace codeapi
