#include "worker/tool_programs.h"

#include "worker/executor_fixture.h"

namespace codeapi::testing {
namespace {

using Round = std::shared_ptr<Started<RoundAnswer>>;

// The program makes one call, has its answer, and then computes until `gate`.
class ToolProgramsLifeTest : public ExecutorTest {
 protected:
  ToolProgramsLifeTest() {
    sandbox.tool_script = [this](RunRequest, std::vector<RunInput>, RunSink&,
                                 ToolPeer* peer) -> awaitable<Result<Verdict>> {
      (void)co_await peer->Call(1, 0, "{}");
      (void)co_await peer->Waiting();
      while ((co_await peer->Answers()).empty()) {
        if (co_await Cancelled()) co_return co_await Gone();
      }
      computing.Set();
      co_await gate.Wait();
      co_return co_await Gone();
    };
  }

  static awaitable<bool> Cancelled() {
    co_return (co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none;
  }
  // Cells take their time to go, and nothing hurries them.
  awaitable<Result<Verdict>> Gone() {
    ++ending;
    while (holds_cells) co_await Turn();
    --ending;
    if (co_await Cancelled()) co_return Fail(ErrorCode::kCancelled, "cancelled");
    co_return Verdict{};
  }
  awaitable<void> Turn() { co_await asio::post(io, asio::use_awaitable); }
  awaitable<void> Turns() {
    for (int i = 0; i < 100; ++i) co_await Turn();
  }

  ToolPrograms Make(ToolProgramLimits limits = {}) {
    return ToolPrograms(
        io.get_executor(), executor, log,
        [](std::string_view, std::string_view) { return Result<std::vector<RunInput>>(std::in_place); },
        limits);
  }
  Round Play(ToolPrograms& programs, ToolJob::Kind kind) {
    ToolJob job{kind, request.id, {}, "[]", {}};
    if (kind == ToolJob::Kind::kStart) job.request = request;
    if (kind == ToolJob::Kind::kContinue) job.calls.push_back({1, 0, {}, CallResult{false, "1"}});
    return Start(io, programs.Round(std::move(job)));
  }
  std::shared_ptr<Started<int>> Stop(ToolPrograms& programs) {
    return Start(io, [](ToolPrograms& stopped) -> awaitable<int> {
      co_await stopped.Stop();
      co_return 0;
    }(programs));
  }

  Event gate{io.get_executor()}, computing{io.get_executor()};
  bool holds_cells = false;
  int ending = 0;
};

TEST_F(ToolProgramsLifeTest, AProgramWaitsBetweenItsRoundsAndThenEnds) {
  ToolPrograms programs = Make();
  RunTest(io, [&]() -> awaitable<void> {
    const RoundAnswer first = co_await Play(programs, ToolJob::Kind::kStart)->Outcome();
    EXPECT_EQ(first.state, RoundAnswer::State::kWaiting);
    EXPECT_EQ(programs.waiting(), 1u);
    gate.Set();
    const RoundAnswer last = co_await Play(programs, ToolJob::Kind::kContinue)->Outcome();
    EXPECT_EQ(last.state, RoundAnswer::State::kEnded);
    EXPECT_EQ(programs.waiting(), 0u);
    EXPECT_EQ((co_await Play(programs, ToolJob::Kind::kContinue)->Outcome()).state,
              RoundAnswer::State::kNeedReplay);
  });
  // Nothing of it is left to wait for, the timer of its idleness neither.
  io.restart();
  io.poll();
  EXPECT_TRUE(io.stopped());
}

// The client hung up and came again before the worker heard of it.
TEST_F(ToolProgramsLifeTest, ARoundBesideOneOfTheSameProgramIsReplayed) {
  ToolPrograms programs = Make();
  RunTest(io, [&]() -> awaitable<void> {
    (void)co_await Play(programs, ToolJob::Kind::kStart)->Outcome();
    const Round left = Play(programs, ToolJob::Kind::kContinue);
    co_await computing.Wait();
    const Round again = Play(programs, ToolJob::Kind::kContinue);
    co_await Turns();
    left->Cancel();
    (void)co_await left->Outcome();
    EXPECT_EQ((co_await again->Outcome()).state, RoundAnswer::State::kNeedReplay);
  });
}

TEST_F(ToolProgramsLifeTest, StoppingWaitsForTheCellsOfProgramsThatWereEndedBefore) {
  ToolPrograms programs = Make();
  holds_cells = true;
  RunTest(io, [&]() -> awaitable<void> {
    (void)co_await Play(programs, ToolJob::Kind::kStart)->Outcome();
    (void)co_await Play(programs, ToolJob::Kind::kDrop)->Outcome();
    const auto stopping = Stop(programs);
    co_await Turns();
    EXPECT_EQ(ending, 1);
    EXPECT_FALSE(stopping->finished());
    holds_cells = false;
    (void)co_await stopping->Outcome();
    EXPECT_EQ(ending, 0);
  });
}

TEST_F(ToolProgramsLifeTest, AProgramThatNobodyComesBackForIsEnded) {
  ToolPrograms programs = Make({.idle = std::chrono::milliseconds(1)});
  RunTest(io, [&]() -> awaitable<void> {
    (void)co_await Play(programs, ToolJob::Kind::kStart)->Outcome();
    while (programs.waiting() > 0) co_await Turn();
    EXPECT_EQ((co_await Play(programs, ToolJob::Kind::kContinue)->Outcome()).state,
              RoundAnswer::State::kNeedReplay);
    (void)co_await Stop(programs)->Outcome();
  });
}

TEST_F(ToolProgramsLifeTest, AFaultOfTheSandboxEndsTheRound) {
  ToolPrograms programs = Make();
  sandbox.tool_script = [](RunRequest, std::vector<RunInput>, RunSink&,
                           ToolPeer*) -> awaitable<Result<Verdict>> {
    throw std::runtime_error("a fault");
    co_return Verdict{};
  };
  RunTest(io, [&]() -> awaitable<void> {
    const RoundAnswer answer = co_await Play(programs, ToolJob::Kind::kStart)->Outcome();
    EXPECT_EQ(answer.state, RoundAnswer::State::kEnded);
    EXPECT_NE(answer.body.find("Execution failed or timed out"), std::string::npos);
  });
}

}  // namespace
}  // namespace codeapi::testing
