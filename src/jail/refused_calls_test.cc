// The real thing: children locked down with a listener that this process answers.

#include "jail/refused_calls.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <vector>

#include "jail/filter_program.h"
#include "jail/seccomp_policy.h"
#include "jail/testing.h"

namespace codeapi {
namespace {

struct Call {
  long number;
  long a = -1, b = -1, c = -1;
};

// In the child: the errno of each call, written to `out`.
void MakeCalls(const std::vector<Call>& calls, int out) {
  for (const Call& call : calls) {
    const int error = ::syscall(call.number, call.a, call.b, call.c, 0, 0, 0) < 0 ? errno : 0;
    testing::Report(out, {reinterpret_cast<const char*>(&error), sizeof error});
  }
}

class RefusedCallsTest : public ::testing::Test {
 protected:
  RefusedCallsTest() {
    auto compiled = CompileFilters();
    if (compiled) filters_ = std::move(*compiled);
    refused_ = std::make_unique<RefusedCalls>(filters_.deny, filters_.allow);
  }

  // Forks a child that locks itself down and then runs `body(1)`, 1 being the pipe that out_ reads.
  void Start(bool listening, const std::function<void(int)>& body, uid_t uid = 212'777) {
    int report[2], out[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report), 0);
    ASSERT_EQ(::pipe2(out, O_CLOEXEC), 0);
    report_.reset(report[0]);
    out_.reset(out[0]);
    UniqueFd theirs(report[1]), written(out[1]);
    pid_ = testing::Fork();
    ASSERT_GE(pid_, 0);
    if (pid_ != 0) return;
    LockdownSpec spec;
    spec.uid = spec.gid = uid;
    spec.stdin_fd = ::fcntl(::open("/dev/null", O_RDWR), F_DUPFD, 40);
    spec.stdout_fd = spec.stderr_fd = ::fcntl(written.get(), F_DUPFD, 50);
    spec.keep_fd = ::fcntl(theirs.get(), F_DUPFD, 60);
    spec.working_directory = "/";
    spec.deny = AsProgram(filters_.deny);
    spec.allow = AsProgram(filters_.allow);
    if (listening) spec.listening = AsProgram(refused_->filter());
    if (const LockdownStep step = LockDown(spec); step != LockdownStep::kNone) {
      const std::string name = LockdownStepName(step);
      testing::Report(kLockdownReportFd, name);
      ::_exit(99);
    }
    ::close(kLockdownReportFd);
    body(1);
    ::_exit(0);
  }

  // Answers until the child has ended and closed its pipe; returns what it wrote.
  std::string Serve() {
    std::string all;
    while (true) {
      pollfd fds[2] = {{out_.get(), POLLIN, 0}, {refused_->fd(), POLLIN, 0}};
      if (::poll(fds, 2, -1) < 0) continue;
      if (fds[1].revents != 0) refused_->Answer(fds[1].revents);
      if (fds[0].revents == 0) continue;
      char buffer[4096];
      const ssize_t n = ::read(out_.get(), buffer, sizeof buffer);
      if (n <= 0) break;
      all.append(buffer, static_cast<std::size_t>(n));
    }
    status_ = testing::WaitFor(std::exchange(pid_, -1));
    return all;
  }

  std::vector<int> Errors(bool listening, const std::vector<Call>& calls) {
    Start(listening, [&](int out) { MakeCalls(calls, out); });
    if (listening) refused_->Listen(ReceiveDescriptor(report_.get()));
    EXPECT_EQ(refused_->fd() >= 0, listening);
    const std::string bytes = Serve();
    EXPECT_EQ(status_, 0);
    std::vector<int> errors(bytes.size() / sizeof(int));
    std::memcpy(errors.data(), bytes.data(), errors.size() * sizeof(int));
    return errors;
  }

  ~RefusedCallsTest() override {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    testing::WaitFor(pid_);
  }

  SeccompFilters filters_;
  std::unique_ptr<RefusedCalls> refused_;
  UniqueFd report_, out_;
  pid_t pid_ = -1;
  int status_ = 0;
};

const std::vector<Call> kMixed = {{SYS_keyctl},
                                  {SYS_getpid},
                                  {9'999},
                                  {SYS_socket, 2, 1, 0},
                                  {SYS_keyctl, 3},
                                  {SYS_sync},
                                  {SYS_socket, 1, 1, 0},
                                  {435},
                                  {SYS_prctl, 22, 2},
                                  {470},
                                  {SYS_madvise, 0, 0, 12},
                                  {SYS_ioctl, 0, 0x40086602},
                                  {SYS_ioctl, 0, 0x5412}};

TEST_F(RefusedCallsTest, EachCallGetsTheSameAnswerAsWithoutAListener) {
  const std::vector<int> enforced = Errors(false, kMixed), listened = Errors(true, kMixed);
  EXPECT_EQ(enforced, (std::vector<int>{EPERM, 0, ENOSYS, EPERM, EPERM, 0, 0, ENOSYS, ENOSYS, ENOSYS, EINVAL,
                                        ENOTTY, EPERM}));
  EXPECT_EQ(listened, enforced);
}

TEST_F(RefusedCallsTest, CallsAreCountedInTheOrderOfTheirFirstRefusal) {
  Errors(true, kMixed);
  const std::vector<RefusedCall> counts = refused_->Take();
  std::vector<std::pair<int, std::uint64_t>> found;
  for (const RefusedCall& call : counts) found.emplace_back(call.number, call.count);
  EXPECT_EQ(found, (std::vector<std::pair<int, std::uint64_t>>{{SYS_keyctl, 2},
                                                               {9'999, 1},
                                                               {SYS_socket, 1},
                                                               {435, 1},
                                                               {SYS_prctl, 1},
                                                               {470, 1},
                                                               {SYS_madvise, 1},
                                                               {SYS_ioctl, 2}}));
  EXPECT_EQ(counts[0].error, EPERM);
  EXPECT_EQ(counts[0].arguments[0], ~0ull);
  EXPECT_EQ(counts[2].arguments[0], 2u);
  EXPECT_EQ(counts.back().error, ENOTTY);
  EXPECT_EQ(counts.back().arguments[1], 0x40086602u);
}

TEST_F(RefusedCallsTest, TheTableIsBounded) {
  std::vector<Call> calls;
  for (int i = 0; i < 300; ++i) calls.push_back({5'000 + i});
  calls.push_back({5'000});
  EXPECT_EQ(Errors(true, calls), std::vector<int>(301, ENOSYS));
  const std::vector<RefusedCall> counts = refused_->Take();
  ASSERT_EQ(counts.size(), RefusedCall::kMost);
  EXPECT_EQ(counts.front().count, 2u);
  EXPECT_EQ(counts.back().number, RefusedCall::kOthers);
  EXPECT_EQ(counts.back().count, 300 - (RefusedCall::kMost - 1));
}

// Whoever waits for an answer can be killed, and is not waited for.
TEST_F(RefusedCallsTest, AKilledCallerIsForgotten) {
  Start(true, [](int) { ::syscall(SYS_keyctl, -1, -1, -1); });
  refused_->Listen(ReceiveDescriptor(report_.get()));
  pollfd asked{refused_->fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&asked, 1, -1), 1);
  ASSERT_NE(asked.revents & POLLIN, 0);
  ASSERT_EQ(::kill(pid_, SIGKILL), 0);
  const int status = testing::WaitFor(std::exchange(pid_, -1));
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  refused_->Answer(asked.revents);  // returns
  pollfd gone{refused_->fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&gone, 1, -1), 1);
  refused_->Answer(gone.revents);
  EXPECT_EQ(refused_->fd(), -1);
  EXPECT_TRUE(refused_->Take().empty());
}

// A signal may come before the call was taken up: then it is made again, and counted once.
TEST_F(RefusedCallsTest, ASignalDoesNotRepeatACall) {
  Start(true, [](int out) {
    struct sigaction quiet{};
    quiet.sa_handler = [](int) {};
    quiet.sa_flags = SA_RESTART;
    ::sigaction(SIGUSR1, &quiet, nullptr);
    MakeCalls({{SYS_keyctl}}, out);
  });
  refused_->Listen(ReceiveDescriptor(report_.get()));
  pollfd asked{refused_->fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&asked, 1, -1), 1);
  ASSERT_EQ(::kill(pid_, SIGUSR1), 0);
  const std::string bytes = Serve();
  int error = 0;
  ASSERT_EQ(bytes.size(), sizeof error);
  std::memcpy(&error, bytes.data(), sizeof error);
  EXPECT_EQ(error, EPERM);
  const std::vector<RefusedCall> counts = refused_->Take();
  ASSERT_EQ(counts.size(), 1u);
  EXPECT_EQ(counts[0].count, 1u);
}

TEST_F(RefusedCallsTest, AttacksOnTheMachineKillHereToo) {
  Start(true, [](int) { ::syscall(SYS_reboot, -1, -1, -1, -1); });
  refused_->Listen(ReceiveDescriptor(report_.get()));
  Serve();
  EXPECT_TRUE(WIFSIGNALED(status_) && WTERMSIG(status_) == SIGSYS);
  EXPECT_TRUE(refused_->Take().empty());
}

TEST_F(RefusedCallsTest, AFailedLockDownLeavesItsReportInTheSocket) {
  Start(true, [](int) {}, 0);
  EXPECT_FALSE(ReceiveDescriptor(report_.get()));
  EXPECT_EQ(testing::ReadToEnd(report_.get()), "set uid and gid");
}

}  // namespace
}  // namespace codeapi
