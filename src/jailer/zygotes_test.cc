#include "jailer/zygotes.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <deque>

namespace codeapi {
namespace {

// The other side of a zygote: what the jailer would have started. Its process does nothing but wait.
struct Other {
  UniqueFd socket, output;
  pid_t pid = -1;

  void SayReady(std::uint32_t threads = 1, std::uint32_t files = 0, const std::string& names = "json\nos") {
    std::string message(sizeof(ZygoteReady), '\0');
    ZygoteReady ready;
    ready.threads = threads;
    ready.files = files;
    std::memcpy(message.data(), &ready, sizeof ready);
    message += names;
    ASSERT_EQ(::send(socket.get(), message.data(), message.size(), 0), static_cast<ssize_t>(message.size()));
  }
  // Requests that have arrived.
  int Asked() {
    int count = 0;
    ZygoteFork fork;
    while (::recv(socket.get(), &fork, sizeof fork, MSG_DONTWAIT) == sizeof fork) ++count;
    return count;
  }
};

class ZygotesTest : public ::testing::Test {
 protected:
  ZygotesTest()
      : zygotes_(
            loop_, [this](const ZygoteSpec& spec) { return Start(spec); },
            [](ZygoteKind kind) {
              return ZygoteSpec{{"python3", kind.tools ? "run.py" : "main.py"}, {"A=b"}, kind.data};
            },
            [this](const std::string& why) { reasons_.push_back(why); },
            ZygoteRotation{3, std::chrono::seconds(600)}) {}

  Result<ZygoteProcess> Start(const ZygoteSpec& spec) {
    started_.push_back(spec);
    if (fail_) return Fail(ErrorCode::kSetupFailed, "no process");
    int sockets[2], pipe[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    EXPECT_EQ(::pipe2(pipe, O_CLOEXEC | O_NONBLOCK), 0);
    Other& other = others_.emplace_back();
    other.socket.reset(sockets[1]);
    other.output.reset(pipe[1]);
    // It must not keep the sockets of others open; when it has let go of everything, this pipe ends.
    int closed[2];
    EXPECT_EQ(::pipe(closed), 0);
    other.pid = ::fork();
    if (other.pid == 0) {
      ::syscall(SYS_close_range, 3, ~0U, 0);
      while (true) ::pause();
    }
    ::close(closed[1]);
    char byte;
    EXPECT_EQ(::read(closed[0], &byte, 1), 0);
    ::close(closed[0]);
    ZygoteProcess process;
    process.pid = other.pid;
    process.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, other.pid, 0)));
    process.socket.reset(sockets[0]);
    process.output.reset(pipe[0]);
    return process;
  }

  ~ZygotesTest() override {
    for (const Other& other : others_) ::kill(other.pid, SIGKILL);
    zygotes_.Stop();
    for (const Other& other : others_) ::waitpid(other.pid, nullptr, 0);
  }

  bool Fork(ZygoteProgram program) {
    const int fds[] = {0, 1};
    return zygotes_.Fork(program, {}, fds);
  }
  static ZygoteProgram Usual(ZygoteKind kind = {}) {
    return {kind, {"python3", kind.tools ? "run.py" : "main.py"}, {"A=b"}, {}};
  }

  EventLoop loop_;
  std::vector<std::string> reasons_;
  bool fail_ = false;
  std::vector<ZygoteSpec> started_;
  std::deque<Other> others_;
  Zygotes zygotes_;
};

TEST_F(ZygotesTest, StartsThoseForProgramsWithoutTools) {
  zygotes_.Start();
  ASSERT_EQ(started_.size(), 2u);
  EXPECT_FALSE(started_[0].data);
  EXPECT_TRUE(started_[1].data);
  EXPECT_EQ(zygotes_.ready(), 0u);
}

TEST_F(ZygotesTest, ForksWhenItIsReadyAndNotBefore) {
  zygotes_.Start();
  EXPECT_FALSE(Fork(Usual()));
  others_[0].SayReady();
  loop_.RunReady();
  EXPECT_EQ(zygotes_.ready(), 1u);
  EXPECT_TRUE(Fork(Usual()));
  EXPECT_EQ(others_[0].Asked(), 1);
  EXPECT_FALSE(Fork(Usual({.data = true})));
}

TEST_F(ZygotesTest, LeavesToAColdStartWhatIsNotUsual) {
  zygotes_.Start();
  others_[0].SayReady();
  loop_.RunReady();
  ZygoteProgram program = Usual();
  program.argv.push_back("an argument");
  EXPECT_FALSE(Fork(program));
  program = Usual();
  program.env.push_back("B=c");
  EXPECT_FALSE(Fork(program));
  program = Usual();
  program.own_modules = {"helper", "json"};
  EXPECT_FALSE(Fork(program));
  program.own_modules = {"helper"};
  EXPECT_TRUE(Fork(program));
  EXPECT_EQ(others_[0].Asked(), 1);
}

TEST_F(ZygotesTest, TheFirstProgramWithToolsStartsTheZygoteForThem) {
  zygotes_.Start();
  EXPECT_FALSE(Fork(Usual({.tools = true})));
  ASSERT_EQ(started_.size(), 3u);
  EXPECT_EQ(started_[2].argv[1], "run.py");
  others_[2].SayReady();
  loop_.RunReady();
  EXPECT_TRUE(Fork(Usual({.tools = true})));
  EXPECT_EQ(started_.size(), 3u);
}

TEST_F(ZygotesTest, IsReplacedAfterSomeForksWithoutAGap) {
  zygotes_.Start();
  others_[0].SayReady();
  loop_.RunReady();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Fork(Usual()));
  ASSERT_EQ(started_.size(), 3u);
  EXPECT_TRUE(Fork(Usual()));  // the old one, as long as the new one is not ready
  EXPECT_EQ(started_.size(), 3u);
  others_[2].SayReady();
  loop_.RunReady();
  EXPECT_TRUE(Fork(Usual()));
  EXPECT_EQ(others_[0].Asked(), 4);
  EXPECT_EQ(others_[2].Asked(), 1);
  // The old one is told to go: its socket is at its end.
  char byte;
  EXPECT_EQ(::recv(others_[0].socket.get(), &byte, 1, MSG_DONTWAIT), 0);
}

TEST_F(ZygotesTest, OneThatMustNotForkIsNotUsed) {
  zygotes_.Start();
  others_[0].SayReady(2);
  loop_.RunReady();
  EXPECT_THAT(zygotes_.problem(), testing::HasSubstr("threads"));
  EXPECT_FALSE(Fork(Usual()));
  others_[1].SayReady(1, 3);
  loop_.RunReady();
  EXPECT_THAT(zygotes_.problem(), testing::HasSubstr("files open"));
  EXPECT_EQ(zygotes_.ready(), 0u);
}

TEST_F(ZygotesTest, OneThatEndsIsStartedAgain) {
  zygotes_.Start();
  others_[0].SayReady();
  loop_.RunReady();
  ASSERT_EQ(::write(others_[0].output.get(), "the reason", 10), 10);
  others_[0].socket.reset();
  loop_.RunReady();
  EXPECT_THAT(zygotes_.problem(), testing::HasSubstr("the reason"));
  EXPECT_FALSE(Fork(Usual()));
  ASSERT_EQ(started_.size(), 2u);
  EXPECT_TRUE(loop_.FireNext());
  ASSERT_EQ(started_.size(), 3u);
  others_[2].SayReady();
  loop_.RunReady();
  EXPECT_TRUE(Fork(Usual()));
}

TEST_F(ZygotesTest, OneThatCannotBeStartedIsTriedAgainLater) {
  fail_ = true;
  zygotes_.Start();
  EXPECT_EQ(zygotes_.problem(), "no process");
  EXPECT_EQ(started_.size(), 2u);
  fail_ = false;
  EXPECT_TRUE(loop_.FireNext());
  EXPECT_EQ(started_.size(), 3u);
  EXPECT_EQ(others_.size(), 1u);
}

TEST_F(ZygotesTest, NonsenseFromAZygoteIsItsEnd) {
  zygotes_.Start();
  ASSERT_EQ(::send(others_[0].socket.get(), "x", 1, 0), 1);
  others_[1].SayReady();
  loop_.RunReady();
  others_[1].SayReady();
  loop_.RunReady();
  EXPECT_EQ(zygotes_.ready(), 0u);
}

TEST_F(ZygotesTest, ItsEndIsToldWhenThereMayBeOrphans) {
  zygotes_.Start();
  others_[0].SayReady(2);
  // It is killed, which takes the kernel a moment.
  while (reasons_.empty()) loop_.RunReady();
  EXPECT_THAT(reasons_, testing::ElementsAre(testing::HasSubstr("threads")));
  EXPECT_FALSE(zygotes_.Has(others_[0].pid));
  EXPECT_TRUE(zygotes_.Has(others_[1].pid));
}

TEST_F(ZygotesTest, NoneIsStartedAfterTheEnd) {
  zygotes_.Start();
  others_[0].SayReady();
  loop_.RunReady();
  zygotes_.Stop();
  EXPECT_FALSE(Fork(Usual()));
  EXPECT_EQ(started_.size(), 2u);
}

}  // namespace
}  // namespace codeapi
