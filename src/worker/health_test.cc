#include "worker/health.h"

#include "worker/testing.h"

namespace codeapi {
namespace {

using namespace testing;  // NOLINT: the helpers' own names

class HealthTest : public ::testing::Test {
 protected:
  // The canary's stdout and its end are the test's to choose.
  HealthTest()
      : sandbox([this](RunRequest request, std::vector<RunInput> files,
                       RunSink& sink) -> awaitable<Result<Verdict>> {
          ++runs;
          EXPECT_EQ(request.runtime, "bash");
          EXPECT_EQ(files.size(), 1u);
          if (ran != nullptr) ran->Set();
          if (gate != nullptr) co_await gate->Wait();
          for (const std::string& piece : output) {
            if (auto done = co_await sink.Stdout(piece); !done) co_return std::unexpected(done.error());
            ++taken;
          }
          co_return answer;
        }) {}

  asio::io_context io;
  RecordingLog log;
  int runs = 0, taken = 0;  // canaries, and pieces of their output
  std::vector<std::string> output = {"ali", "ve\n"};
  Result<Verdict> answer = Verdict{};
  Event *gate = nullptr, *ran = nullptr;
  ScriptedSandbox sandbox;
};

TEST_F(HealthTest, NeverHealthyBeforeAProgramRan) {
  HealthMonitor health(io.get_executor(), sandbox, log, std::chrono::hours(1));
  EXPECT_FALSE(health.healthy());
  RunTest(io, [&]() -> awaitable<void> {
    EXPECT_TRUE(co_await health.Probe());
    EXPECT_TRUE(health.healthy());
    EXPECT_EQ(runs, 1);
  });
}

TEST_F(HealthTest, FailsThenWorks) {
  HealthMonitor health(io.get_executor(), sandbox, log, std::chrono::hours(1));
  RunTest(io, [&]() -> awaitable<void> {
    answer = Fail(ErrorCode::kSetupFailed, "no cell");
    const auto probed = co_await health.Probe();
    CO_ASSERT(!probed);
    EXPECT_EQ(probed.error().message, "no cell");
    EXPECT_FALSE(health.healthy());
    answer = Verdict{};
    EXPECT_TRUE(co_await health.Probe());
    EXPECT_TRUE(health.healthy());
    // One failure does not undo what has been seen: the age does.
    answer = Fail(ErrorCode::kSetupFailed, "no cell");
    EXPECT_FALSE(co_await health.Probe());
    EXPECT_TRUE(health.healthy());
  });
}

TEST_F(HealthTest, OnlyTheRightEndCounts) {
  HealthMonitor health(io.get_executor(), sandbox, log, std::chrono::hours(1));
  RunTest(io, [&]() -> awaitable<void> {
    for (const RunEnd end : {RunEnd::kSignal, RunEnd::kWallLimit, RunEnd::kCpuLimit, RunEnd::kMemoryLimit,
                             RunEnd::kOutputLimit, RunEnd::kCancelled}) {
      answer = Verdict{};
      answer->end = end;
      EXPECT_FALSE(co_await health.Probe()) << RunEndName(end);
    }
    answer = Verdict{};
    answer->code = 1;
    EXPECT_FALSE(co_await health.Probe());
    answer->code = 0;
    for (const auto& wrong : std::vector<std::vector<std::string>>{
             {}, {"alive"}, {"alive\n", "alive\n"}, {std::string(1 << 20, 'x')}, {"alive\n", "\n"}}) {
      output = wrong;
      EXPECT_FALSE(co_await health.Probe());
    }
    EXPECT_FALSE(health.healthy());
  });
}

TEST_F(HealthTest, EndlessOutputOfTheCanaryIsNotKept) {
  HealthMonitor health(io.get_executor(), sandbox, log, std::chrono::hours(1));
  output.assign(1000, std::string(64 << 10, 'x'));
  RunTest(io, [&]() -> awaitable<void> { EXPECT_FALSE(co_await health.Probe()); });
  EXPECT_EQ(taken, 0);
}

TEST_F(HealthTest, SuccessGrowsOld) {
  HealthMonitor health(io.get_executor(), sandbox, log, std::chrono::milliseconds(1));
  RunTest(io, [&]() -> awaitable<void> { EXPECT_TRUE(co_await health.Probe()); });
  while (health.healthy()) {
  }
  EXPECT_FALSE(health.healthy());
}

TEST_F(HealthTest, KeepsProbingUntilStopped) {
  HealthMonitor health(io.get_executor(), sandbox, log, std::chrono::milliseconds(1));
  answer = Fail(ErrorCode::kSetupFailed, "no cell");
  RunTest(io, [&]() -> awaitable<void> {
    health.Start();
    Event failed(io.get_executor()), worked(io.get_executor());
    ran = &failed;
    co_await failed.Wait();
    answer = Verdict{};
    ran = &worked;
    co_await worked.Wait();
    EXPECT_GE(runs, 2);
    co_await health.Stop();
    const int last = runs;
    for (int i = 0; i < 100; ++i) co_await asio::post(io, asio::use_awaitable);
    EXPECT_EQ(runs, last);
    EXPECT_GE(log.Count("no program runs detail=no cell"), 1);
  });
}

TEST_F(HealthTest, StopWaitsForTheProbeUnderWay) {
  HealthMonitor health(io.get_executor(), sandbox, log, std::chrono::hours(1));
  RunTest(io, [&]() -> awaitable<void> {
    Event going_on(io.get_executor()), started(io.get_executor());
    gate = &going_on;
    ran = &started;
    health.Start();
    co_await started.Wait();
    bool stopped = false;
    asio::co_spawn(
        io,
        [&]() -> awaitable<void> {
          co_await health.Stop();
          stopped = true;
        },
        asio::detached);
    for (int i = 0; i < 100; ++i) co_await asio::post(io, asio::use_awaitable);
    EXPECT_FALSE(stopped);
    going_on.Set();
    co_await health.Stop();
    EXPECT_EQ(runs, 1);
  });
}

TEST_F(HealthTest, StopWithoutStart) {
  HealthMonitor health(io.get_executor(), sandbox, log, std::chrono::hours(1));
  RunTest(io, [&]() -> awaitable<void> { co_await health.Stop(); });
  EXPECT_EQ(runs, 0);
}

}  // namespace
}  // namespace codeapi
