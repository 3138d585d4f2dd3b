// Rounds of programs that a script plays in place of a cell.
#include "worker/tool_programs.h"

#include <map>

#include "worker/executor_fixture.h"

namespace codeapi {
namespace {

using namespace testing;  // NOLINT: the fixture's own names
using Calls = std::vector<std::pair<std::uint32_t, std::string>>;

// A program as the sandbox shows it: it calls, waits and hears answers.
class Cell {
 public:
  Cell(ToolPeer& peer, RunSink& sink) : peer_(peer), sink_(sink) {}

  awaitable<void> Print(std::string text) { EXPECT_TRUE(co_await sink_.Stdout(text)); }

  /// The number it has in the cell.
  awaitable<std::uint32_t> Call(std::uint32_t tool, std::string input) {
    EXPECT_TRUE(co_await peer_.Call(++made_, tool, std::move(input)));
    co_return made_;
  }

  /// Waits until call `number` is answered, saying so while no answer is there; false when it was killed.
  awaitable<bool> Hear(std::uint32_t number) {
    while (!heard.contains(number)) {
      EXPECT_TRUE(co_await peer_.Waiting());
      for (ToolAnswer& answer : co_await peer_.Answers()) {
        EXPECT_TRUE(heard.emplace(answer.call, std::move(answer)).second) << "answered twice";
      }
      const auto state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) co_return false;
    }
    co_return true;
  }

  /// One call from its making to its answer, which is printed.
  awaitable<bool> Use(std::uint32_t tool, std::string input) {
    const std::uint32_t number = co_await Call(tool, std::move(input));
    if (!co_await Hear(number)) co_return false;
    const ToolAnswer& answer = heard[number];
    co_await Print(std::string(1, static_cast<char>(answer.kind)) + answer.text + "\n");
    co_return true;
  }

  std::map<std::uint32_t, ToolAnswer> heard;

 private:
  ToolPeer& peer_;
  RunSink& sink_;
  std::uint32_t made_ = 0;
};

class ToolProgramsTest : public ExecutorTest {
 protected:
  using Script = std::function<awaitable<bool>(Cell&)>;  // false: it was killed

  /// What the programs that are started from now on do.
  void Play(const Script& script) {
    sandbox.tool_script = [this, script](RunRequest, std::vector<RunInput>, RunSink& sink,
                                         ToolPeer* tools) -> awaitable<Result<Verdict>> {
      ++started;
      Cell cell(*tools, sink);
      if (co_await script(cell)) co_return Verdict{};
      ++killed;
      co_return Fail(ErrorCode::kCancelled, "killed");
    };
  }

  ToolPrograms& With(ToolProgramLimits limits = {}) {
    programs_.emplace(
        io.get_executor(), executor, log,
        [](std::string_view, std::string_view) -> Result<std::vector<RunInput>> {
          return std::vector<RunInput>{};
        },
        limits);
    return *programs_;
  }

  ToolJob Job(ToolJob::Kind kind, std::vector<ProgramCall> calls = {}, std::string id = "one") {
    ToolJob job{kind, std::move(id), std::nullopt, {}, std::move(calls)};
    if (kind == ToolJob::Kind::kStart || kind == ToolJob::Kind::kReplay) {
      job.request = request;
      job.tools = "[]";
    }
    return job;
  }

  static ProgramCall Answered(std::uint32_t number, std::uint32_t tool, std::string input, std::string text,
                              bool error = false) {
    return {number, tool, std::move(input), CallResult{error, std::move(text)}};
  }

  static Calls Asked(const RoundAnswer& answer) {
    EXPECT_EQ(answer.state, RoundAnswer::State::kWaiting) << answer.body;
    Calls out;
    for (const ProgramCall& call : answer.calls) out.emplace_back(call.number, call.input);
    return out;
  }

  static json::object Ended(const RoundAnswer& answer) {
    EXPECT_EQ(answer.state, RoundAnswer::State::kEnded);
    return json::parse(answer.body).as_object();
  }

  /// Waits until `count` programs were killed; RunTest() ends a wait that does not end.
  awaitable<void> Killed(int count) {
    while (killed < count) co_await asio::post(io, asio::use_awaitable);
  }

  static constexpr auto kStart = ToolJob::Kind::kStart;
  static constexpr auto kContinue = ToolJob::Kind::kContinue;
  static constexpr auto kReplay = ToolJob::Kind::kReplay;
  int started = 0, killed = 0;

 private:
  std::optional<ToolPrograms> programs_;
};

// Two calls, one after the other.
awaitable<bool> TwoCalls(Cell& cell) {
  if (!co_await cell.Use(0, R"({ "n" : 1 })")) co_return false;
  co_return co_await cell.Use(1, R"({"n":2})");
}

TEST_F(ToolProgramsTest, LivesFromRoundToRound) {
  Play(TwoCalls);
  RunTest(io, [&]() -> awaitable<void> {
    ToolPrograms& programs = With();
    RoundAnswer answer = co_await programs.Round(Job(kStart));
    EXPECT_EQ(Asked(answer), (Calls{{1, R"({"n":1})"}}));
    EXPECT_EQ(answer.stdout_text, "");
    EXPECT_EQ(programs.waiting(), 1u);
    answer = co_await programs.Round(Job(kContinue, {Answered(1, 0, {}, "[1]")}));
    EXPECT_EQ(Asked(answer), (Calls{{2, R"({"n":2})"}}));
    EXPECT_EQ(answer.calls[0].tool, 1u);
    EXPECT_EQ(answer.stdout_text, "0[1]\n");
    answer = co_await programs.Round(Job(kContinue, {Answered(2, 1, {}, "no", true)}));
    const json::object body = Ended(answer);
    EXPECT_EQ(body.at("status"), "completed");
    EXPECT_EQ(body.at("stdout"), "0[1]\n1no\n");
    EXPECT_EQ(started, 1);
    EXPECT_EQ(programs.waiting(), 0u);
    EXPECT_EQ((co_await programs.Round(Job(kContinue))).state, RoundAnswer::State::kNeedReplay);
  });
}

TEST_F(ToolProgramsTest, AnsweredInPartItWaitsForTheRest) {
  Play([](Cell& cell) -> awaitable<bool> {
    const auto first = co_await cell.Call(0, "{}"), second = co_await cell.Call(1, "{}");
    co_return co_await cell.Hear(second) && co_await cell.Hear(first);
  });
  RunTest(io, [&]() -> awaitable<void> {
    ToolPrograms& programs = With();
    EXPECT_EQ(Asked(co_await programs.Round(Job(kStart))).size(), 2u);
    const ProgramCall second = Answered(2, 1, {}, "2");
    EXPECT_EQ(Asked(co_await programs.Round(Job(kContinue, {second}))), (Calls{{1, "{}"}}));
    // A result that comes again is not delivered.
    const RoundAnswer again = co_await programs.Round(Job(kContinue, {second, Answered(1, 0, {}, "1")}));
    EXPECT_EQ(Ended(again).at("status"), "completed");
  });
}

// Its execution has gone on elsewhere, while this worker was taken for dead.
TEST_F(ToolProgramsTest, AProgramThatNeverMadeACallIsLeftBehind) {
  Play([](Cell& cell) -> awaitable<bool> { co_return co_await cell.Hear(co_await cell.Call(0, "{}")); });
  RunTest(io, [&]() -> awaitable<void> {
    ToolPrograms& programs = With();
    EXPECT_EQ(Asked(co_await programs.Round(Job(kStart))).size(), 1u);
    const RoundAnswer answer =
        co_await programs.Round(Job(kContinue, {Answered(1, 0, {}, "1"), Answered(9, 0, {}, "9")}));
    EXPECT_EQ(answer.state, RoundAnswer::State::kNeedReplay);
  });
}

TEST_F(ToolProgramsTest, UnknownProgramsNeedReplay) {
  RunTest(io, [&]() -> awaitable<void> {
    const RoundAnswer answer = co_await With().Round(Job(kContinue, {Answered(1, 0, {}, "1")}));
    EXPECT_EQ(answer.state, RoundAnswer::State::kNeedReplay);
    EXPECT_EQ(started, 0);
  });
}

TEST_F(ToolProgramsTest, ReplayAnswersFromTheRecordInWhateverOrder) {
  Play([](Cell& cell) -> awaitable<bool> {
    for (const char* input : {R"({"n":3})", R"({"n":2})", R"({"n":1})", R"({"n":4})"})
      co_await cell.Call(0, input);
    // The record had 1 and 3, so they are there before anything is asked.
    const bool live = co_await cell.Hear(1) && co_await cell.Hear(3);
    EXPECT_EQ(cell.heard[1].text, "\"three\"");
    EXPECT_EQ(cell.heard[3].text, "one failed");
    EXPECT_EQ(cell.heard[3].kind, ToolAnswer::Kind::kError);
    co_return live&& co_await cell.Hear(2) && co_await cell.Hear(4);
  });
  RunTest(io, [&]() -> awaitable<void> {
    ToolPrograms& programs = With();
    const RoundAnswer answer =
        co_await programs.Round(Job(kReplay, {Answered(1, 0, R"({"n":1})", "one failed", true),
                                              {2, 0, R"({"n":2})", std::nullopt},
                                              Answered(3, 0, R"({"n":3})", "\"three\"")}));
    // The one that the client knows keeps its number, the new one has the next.
    EXPECT_EQ(Asked(answer), (Calls{{2, R"({"n":2})"}, {4, R"({"n":4})"}}));
    const RoundAnswer end =
        co_await programs.Round(Job(kContinue, {Answered(2, 0, {}, "2"), Answered(4, 0, {}, "4")}));
    EXPECT_EQ(Ended(end).at("status"), "completed");
  });
}

TEST_F(ToolProgramsTest, EqualCallsAreAnsweredOnceEach) {
  Play([](Cell& cell) -> awaitable<bool> {
    co_return co_await cell.Use(0, "{}") && co_await cell.Use(0, "{}") && co_await cell.Use(0, "{}");
  });
  RunTest(io, [&]() -> awaitable<void> {
    ToolPrograms& programs = With();
    const RoundAnswer answer =
        co_await programs.Round(Job(kReplay, {Answered(1, 0, "{}", "1"), Answered(2, 0, "{}", "2")}));
    EXPECT_EQ(Asked(answer), (Calls{{3, "{}"}}));
    EXPECT_EQ(answer.stdout_text, "01\n02\n");
    co_await programs.Stop();
  });
}

TEST_F(ToolProgramsTest, ReplayThatGoesAnotherWayIsAnError) {
  RunTest(io, [&]() -> awaitable<void> {
    const std::vector<ProgramCall> record{Answered(1, 0, R"({"time":1})", "1")};
    const auto told = [](const json::object& body) {
      return body.at("status") == "error" &&
             body.at("stderr").as_string().find("did not make the same tool calls") != json::string::npos;
    };
    ToolPrograms& programs = With();
    Play([](Cell& cell) { return cell.Use(0, R"({"time":2})"); });  // another input
    EXPECT_TRUE(told(Ended(co_await programs.Round(Job(kReplay, record)))));
    EXPECT_EQ(killed, 1);
    Play([](Cell& cell) { return cell.Use(1, R"({"time":1})"); });  // another tool
    EXPECT_TRUE(told(Ended(co_await programs.Round(Job(kReplay, record)))));
    Play([](Cell&) -> awaitable<bool> { co_return true; });  // ends without the call
    EXPECT_TRUE(told(Ended(co_await programs.Round(Job(kReplay, record)))));
    // One that was never answered is nobody's loss.
    EXPECT_EQ(Ended(co_await programs.Round(Job(kReplay, {{1, 0, "{}", std::nullopt}}))).at("status"),
              "completed");
  });
}

TEST_F(ToolProgramsTest, CancellingARoundKillsTheProgram) {
  Event deep(io.get_executor()), never(io.get_executor());
  Play([&](Cell&) -> awaitable<bool> {
    deep.Set();
    co_await never.Wait();  // computes
    co_return false;
  });
  RunTest(io, [&]() -> awaitable<void> {
    ToolPrograms& programs = With();
    const auto round = testing::Start(io, programs.Round(Job(kStart)));
    co_await deep.Wait();
    round->Cancel();
    co_await round->Outcome();
    co_await Killed(1);
    EXPECT_EQ((co_await programs.Round(Job(kContinue))).state, RoundAnswer::State::kNeedReplay);
  });
}

TEST_F(ToolProgramsTest, TheOneThatHasWaitedLongestMakesRoom) {
  Play(TwoCalls);
  RunTest(io, [&]() -> awaitable<void> {
    ToolPrograms& programs = With({.max_waiting = 2});
    for (const char* id : {"a", "b", "c"}) Asked(co_await programs.Round(Job(kStart, {}, id)));
    co_await Killed(1);
    EXPECT_EQ(programs.waiting(), 2u);
    const std::vector<ProgramCall> result{Answered(1, 0, R"({"n":1})", "1")};
    EXPECT_EQ((co_await programs.Round(Job(kContinue, result, "a"))).state, RoundAnswer::State::kNeedReplay);
    EXPECT_EQ(Asked(co_await programs.Round(Job(kContinue, result, "b"))), (Calls{{2, R"({"n":2})"}}));
    // Run again it is the youngest, and c the oldest.
    EXPECT_EQ(Asked(co_await programs.Round(Job(kReplay, result, "a"))), (Calls{{2, R"({"n":2})"}}));
    co_await Killed(2);
    EXPECT_EQ((co_await programs.Round(Job(kContinue, result, "c"))).state, RoundAnswer::State::kNeedReplay);
    EXPECT_EQ(log.Count("reason=too many wait"), 2);
    co_await programs.Stop();
    EXPECT_EQ(killed, 4);
  });
}

TEST_F(ToolProgramsTest, WaitingMemoryIsBoundedToo) {
  Play(TwoCalls);
  RunTest(io, [&]() -> awaitable<void> {
    ToolPrograms& programs = With({.max_waiting_memory = 2 * request.memory_bytes - 1});
    for (const char* id : {"a", "b"}) Asked(co_await programs.Round(Job(kStart, {}, id)));
    co_await Killed(1);
    EXPECT_EQ(programs.waiting(), 1u);
    EXPECT_EQ((co_await programs.Round(Job(kContinue, {}, "a"))).state, RoundAnswer::State::kNeedReplay);
    co_await programs.Stop();
  });
}

TEST_F(ToolProgramsTest, OneThatNobodyComesBackForEnds) {
  Play(TwoCalls);
  RunTest(io, [&]() -> awaitable<void> {
    ToolPrograms& programs = With({.idle = std::chrono::milliseconds(1)});
    Asked(co_await programs.Round(Job(kStart)));
    co_await Killed(1);
    EXPECT_EQ(programs.waiting(), 0u);
    EXPECT_EQ(log.Count("reason=idle"), 1);
    EXPECT_EQ((co_await programs.Round(Job(kContinue))).state, RoundAnswer::State::kNeedReplay);
  });
}

TEST_F(ToolProgramsTest, DroppedItEnds) {
  Play(TwoCalls);
  RunTest(io, [&]() -> awaitable<void> {
    ToolPrograms& programs = With();
    Asked(co_await programs.Round(Job(kStart)));
    co_await programs.Round(Job(ToolJob::Kind::kDrop, {}, "another"));
    EXPECT_EQ(programs.waiting(), 1u);
    co_await programs.Round(Job(ToolJob::Kind::kDrop));
    EXPECT_EQ(programs.waiting(), 0u);
    co_await Killed(1);
  });
}

TEST_F(ToolProgramsTest, AnotherAttemptTakesThePlaceOfTheFirst) {
  Play(TwoCalls);
  RunTest(io, [&]() -> awaitable<void> {
    ToolPrograms& programs = With();
    Asked(co_await programs.Round(Job(kStart)));
    Asked(co_await programs.Round(Job(kReplay, {{1, 0, R"({"n":1})", std::nullopt}})));
    co_await Killed(1);
    EXPECT_EQ(programs.waiting(), 1u);
    EXPECT_EQ(Asked(co_await programs.Round(Job(kContinue, {Answered(1, 0, {}, "1")}))),
              (Calls{{2, R"({"n":2})"}}));
    co_await programs.Stop();
  });
}

TEST_F(ToolProgramsTest, InputThatIsNoObjectIsRefused) {
  Play([](Cell& cell) -> awaitable<bool> {
    for (const char* input : {"", "{", "[]", "1", "null", "{}{}", "{\"a\":\xff}"}) {
      const std::uint32_t number = co_await cell.Call(0, input);
      if (!co_await cell.Hear(number)) co_return false;
      EXPECT_EQ(cell.heard[number].kind, ToolAnswer::Kind::kRefused) << input;
      EXPECT_EQ(cell.heard[number].text, "tool input must be a JSON object");
    }
    co_return co_await cell.Use(0, "{}");
  });
  RunTest(io, [&]() -> awaitable<void> {
    ToolPrograms& programs = With();
    // None of them has a number that a client would know.
    EXPECT_EQ(Asked(co_await programs.Round(Job(kStart))), (Calls{{1, "{}"}}));
    co_await programs.Stop();
  });
}

TEST_F(ToolProgramsTest, ACellThatBreaksIsAFailureOfTheProgram) {
  sandbox.tool_script = [](RunRequest, std::vector<RunInput>, RunSink&,
                           ToolPeer*) -> awaitable<Result<Verdict>> {
    co_return Fail(ErrorCode::kSetupFailed, "mount failed at /secret/path");
  };
  RunTest(io, [&]() -> awaitable<void> {
    const RoundAnswer answer = co_await With().Round(Job(kStart));
    const json::object body = Ended(answer);
    EXPECT_EQ(body.at("status"), "error");
    EXPECT_EQ(body.at("error"), "Execution failed or timed out");
    EXPECT_EQ(answer.body.find("secret"), std::string::npos);
  });
}

}  // namespace
}  // namespace codeapi
