// A jailer for tests: class Jailer itself, in a child process, since it leaves the host's mount tree for
// good.
//
// Its cells' init is this test program (see fake_init_test.cc), which behaves as it is told by the number of
// inodes in the settings: the one value that reaches init before anything else happens.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

#include "jail/testing.h"
#include "jailer/jailer.h"

namespace codeapi {

/// What the init of a cell does. From kWellBehaved on it is ready first, and from kExitsWithoutHarvest on it
/// ends its program properly.
enum class InitBehaviour : std::uint64_t {
  kSilent = 1,  ///< takes everything and says nothing
  kQuits,       ///< ends with status 7
  kAnnouncesTooMuch,
  kBadReady,
  kFailsLoudly,  ///< a failure message of a mebibyte that is no text
  kWellBehaved,  ///< prints "hello", hands out a.txt, reports one input unchanged
  kPrintsALot,   ///< 3 MiB
  kReadyTwice,
  kExitsTooEarly,  ///< before it was told to go
  kUnknownMessage,
  kBadExit,
  kHarvestsBeforeTheExit,
  kEvilName,
  kOutputTooLarge,
  kTooManyOutputs,
  kMoreThanAnnounced,
  kDataWithoutOutput,
  kEndWithoutOutput,
  kNestedOutputs,
  kLessThanAnnounced,  ///< the worker is told that the file is not whole
  kSummaryInAnOutput,
  kSummaryThatIsNoText,
  kSummaryOfMoreThanThereWas,
  kQuitsInTheHarvest,
  kCompiles,         ///< in a run that has a compiler: says so, waits for the second go, and runs its program
  kCompilesTwice,    ///< says so again instead
  kCompilesUnasked,  ///< in a run that has none
  kBadCompiled,
  kCallsATool,     ///< in a run with tools: calls number 3, says that it waits, and prints the answer
  kWaitsTooEarly,  ///< says that it waits before an answer of which it knows, and again when it has it
  kSkipsACall,     ///< the first one is number 2
  kCallsTooOften,  ///< one more than it may
  kCallsNoTool,    ///< number 100
  kInputTooLarge,
  kBadCall,
  kBadWait,
  kWaitsForNothing,
  kWaitsTwice,
  kWaitsWithAnswersThatNobodyGave,
};

class JailerTest : public ::testing::Test {
 protected:
  ~JailerTest() override {
    worker_.reset();
    if (pid_ > 0) testing::WaitFor(pid_);
  }

  /// Starts a jailer that has not been greeted.
  void Start() {
    int fds[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    worker_.reset(fds[0]);
    UniqueFd stream(fds[1]);
    pid_ = testing::Fork();
    ASSERT_GE(pid_, 0);
    if (pid_ != 0) return;
    worker_.reset();
    UniqueFd init(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    init.reset(::fcntl(init.get(), F_DUPFD_CLOEXEC, 16));
    EventLoop loop;
    LinuxHost host(std::move(init));
    ::_exit(Jailer(std::move(stream), host, loop, keys_).Run());
  }

  static JailerSettings Settings(InitBehaviour behaviour = InitBehaviour::kSilent) {
    JailerSettings settings;
    settings.uid_base = 230'000;
    settings.max_cells = 1;
    settings.workspace_bytes = 1 << 20;
    settings.workspace_inodes = static_cast<std::uint64_t>(behaviour);
    settings.cgroup = "none";
    settings.rules.max_files = 2;
    settings.rules.max_file_size = 1000;
    return settings;
  }

  /// Starts one and greets it.
  void StartReady(InitBehaviour behaviour) {
    Start();
    Send(FrameType::kHello, 0, Settings(behaviour).Encode());
    const auto hello = Receive();
    ASSERT_TRUE(hello);
    const auto info = JailerInfo::Decode(hello->payload);
    ASSERT_TRUE(info);
    ASSERT_EQ(info->error, "");
  }

  static RunRequest SomeRun() {
    RunRequest run;
    run.runtime = "bash";
    run.source_name = "script.sh";
    run.files = 1;
    return run;
  }

  /// A run of one file; of more, it is never complete and its program never told to go.
  void SendRun(std::uint32_t job, std::uint32_t files = 1, const std::string& runtime = "bash",
               std::uint32_t tool_calls = 0) {
    RunRequest run = SomeRun();
    run.tool_calls = tool_calls;
    run.runtime = runtime;
    run.files = files;
    Send(FrameType::kRun, job, run.Encode());
    Send(FrameType::kFileBegin, job, RunFile{CellFileKind::kSource, "script.sh", 0, false}.Encode());
    Send(FrameType::kFileData, job, "echo");
    Send(FrameType::kFileEnd, job, "");
  }

  void Send(FrameType type, std::uint32_t job, std::string_view payload) {
    SendRaw(EncodeFrame(type, job, payload));
  }

  /// A jailer that has had enough closes the stream; that is for the test to find out.
  void SendRaw(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(worker_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  /// The next frame; nullopt when the jailer is gone.
  std::optional<Frame> Receive() {
    char buffer[65536];
    while (true) {
      if (auto frame = parser_.Next()) return frame;
      EXPECT_EQ(parser_.error(), "");
      const ssize_t n = ::read(worker_.get(), buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return std::nullopt;
      parser_.Feed({buffer, static_cast<std::size_t>(n)});
    }
  }

  /// The frame that ends a job, all that came before it left out.
  std::optional<Frame> ReceiveEnd(std::uint32_t job) {
    while (auto frame = Receive()) {
      if (frame->job == job && (frame->type == FrameType::kVerdict || frame->type == FrameType::kError))
        return frame;
    }
    return std::nullopt;
  }

  /// Proves that the jailer still serves: a run that it can only refuse.
  void ExpectServing(std::uint32_t unused_job = 0x7fffffff) {
    RunRequest run = SomeRun();
    run.runtime = "cobol";
    Send(FrameType::kRun, unused_job, run.Encode());
    const auto end = ReceiveEnd(unused_job);
    ASSERT_TRUE(end) << "the jailer is gone";
    EXPECT_EQ(RunFailure::Decode(end->payload)->message, "runtime not installed: cobol");
  }

  /// Hangs up and returns the jailer's exit status, or -1 when it was killed.
  int Finish() {
    worker_.reset();
    return Wait();
  }
  int Wait() {
    const int status = testing::WaitFor(std::exchange(pid_, -1));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::optional<ManifestVerifier> keys_;  ///< of the next that is started; none: no manifests
  UniqueFd worker_;
  pid_t pid_ = -1;
  FrameParser parser_;
};

}  // namespace codeapi
