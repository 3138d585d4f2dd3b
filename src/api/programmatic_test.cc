// Rounds of programs with tools, from the client's side; the test plays the worker.
#include "api/api_fixture.h"
#include "tools/tool_record.h"
#include "worker/tool_job.h"

namespace codeapi {
namespace {

using namespace testing;  // NOLINT: the fixture's own names

constexpr const char* kRequest = "0123456789abcdef";

// A store that can be read and locked, and cannot be written.
class ReadOnlyState final : public AwayState {
 public:
  explicit ReadOnlyState(StateStore& real) : real_(real) {}
  awaitable<Result<std::optional<std::string>>> get(std::string key) override {
    return real_.get(std::move(key));
  }
  awaitable<Result<bool>> hold(std::string key, std::string holder, std::chrono::milliseconds ttl) override {
    return real_.hold(std::move(key), std::move(holder), ttl);
  }
  awaitable<Result<bool>> release(std::string key, std::string holder) override {
    return real_.release(std::move(key), std::move(holder));
  }

 private:
  StateStore& real_;
};

class ProgrammaticTest : public ApiTest {
 protected:
  awaitable<Answer> Post(json::object what, std::string id = {}, std::string path = "") {
    TextBody body(json::serialize(what));
    Headers headers{{"Content-Type", "application/json"}};
    if (!id.empty()) headers.add("X-LibreChat-Code-Request-ID", std::move(id));
    co_return co_await Send("POST", "/v1/exec/programmatic" + path, body, headers);
  }

  static json::object First(std::string code = "program") {
    return {{"code", code}, {"lang", "python"}, {"tools", json::array{json::object{{"name", "weather"}}}}};
  }

  static json::object Next(const Answer& waiting, json::array results) {
    return {{"continuation_token", json::parse(waiting.body).at("continuation_token")},
            {"tool_results", std::move(results)}};
  }

  static json::object Given(std::string id, json::value result) {
    return {{"call_id", std::move(id)}, {"result", std::move(result)}};
  }

  /// Takes one round as a worker does and answers it.
  awaitable<ToolJob> Play(RoundAnswer answer) {
    auto lease = co_await queue->take();
    EXPECT_TRUE(lease);
    auto job = ToolJob::Decode(lease->job().payload);
    EXPECT_TRUE(job);
    answer.taker = queue->taker();
    EXPECT_TRUE(co_await lease->complete(answer.Encode()));
    co_return std::move(*job);
  }

  static RoundAnswer Waiting(std::vector<ProgramCall> calls) {
    RoundAnswer answer;
    answer.state = RoundAnswer::State::kWaiting;
    answer.calls = std::move(calls);
    return answer;
  }
  static RoundAnswer Lost() {
    RoundAnswer answer;
    answer.state = RoundAnswer::State::kNeedReplay;
    return answer;
  }
  static RoundAnswer Completed() {
    RoundAnswer answer;
    answer.body = R"({"status":"completed"})";
    return answer;
  }

  /// A program that waits for two calls.
  awaitable<Answer> Started() {
    const auto answering = testing::Start(io, Post(First()));
    co_await Play(Waiting({{1, 0, R"({"n":1})", std::nullopt}, {2, 0, R"({"n":2})", std::nullopt}}));
    co_return co_await answering->Outcome();
  }

  static std::string Said(const Answer& answer) {
    return std::string(json::parse(answer.body).at("error").as_string());
  }
  static std::string IdOf(const Answer& answer) {
    return std::string(json::parse(answer.body).at("session_id").as_string());
  }
};

TEST_F(ProgrammaticTest, ResultsReachTheWorkerThatKeepsTheProgram) {
  RunTest(io, [&]() -> awaitable<void> {
    const Answer waiting = co_await Started();
    EXPECT_EQ(waiting.status, 200);
    const json::object told = json::parse(waiting.body).as_object();
    EXPECT_EQ(told.at("status"), "tool_call_required");
    EXPECT_EQ(json::serialize(told.at("tool_calls")),
              R"([{"id":"call_001","name":"weather","input":{"n":1}},)"
              R"({"id":"call_002","name":"weather","input":{"n":2}}])");
    const auto answering = testing::Start(io, Post(Next(waiting, {Given("call_002", {{"sun", true}})})));
    const ToolJob job = co_await Play(Completed());
    EXPECT_EQ(job.kind, ToolJob::Kind::kContinue);
    EXPECT_EQ(job.execution, IdOf(waiting));
    CO_ASSERT(job.calls.size() == 1);
    EXPECT_EQ(job.calls[0].number, 2u);
    EXPECT_EQ(job.calls[0].result, (CallResult{false, R"({"sun":true})"}));
    EXPECT_EQ((co_await answering->Outcome()).body, R"({"status":"completed"})");
  });
}

TEST_F(ProgrammaticTest, WhereTheWorkerIsLostEveryResultIsReplayed) {
  RunTest(io, [&]() -> awaitable<void> {
    const Answer waiting = co_await Started();
    auto answering = testing::Start(io, Post(Next(waiting, {Given("call_002", "two")})));
    co_await Play(Waiting({{1, 0, R"({"n":1})", std::nullopt}, {3, 0, R"({"n":3})", std::nullopt}}));
    co_await answering->Outcome();
    const json::object failed{{"call_id", "call_001"}, {"is_error", true}, {"error_message", "rain"}};
    answering = testing::Start(io, Post(Next(waiting, {failed})));
    EXPECT_EQ((co_await Play(Lost())).kind, ToolJob::Kind::kContinue);
    const ToolJob replay = co_await Play(Completed());
    EXPECT_EQ(replay.kind, ToolJob::Kind::kReplay);
    EXPECT_EQ(replay.execution, IdOf(waiting));
    CO_ASSERT(replay.request);
    EXPECT_EQ(replay.request->code, "program");
    EXPECT_EQ(json::parse(replay.tools).at(0).at("name"), "weather");
    CO_ASSERT(replay.calls.size() == 3);
    EXPECT_EQ(replay.calls[0].result, (CallResult{true, "rain"}));
    EXPECT_EQ(replay.calls[1].result, (CallResult{false, "\"two\""}));
    EXPECT_EQ(replay.calls[2].result, std::nullopt);
    EXPECT_EQ(replay.calls[2].input, R"({"n":3})");
    EXPECT_EQ((co_await answering->Outcome()).body, R"({"status":"completed"})");
  });
}

TEST_F(ProgrammaticTest, ALostReplayIsAnErrorAndNotRunForEver) {
  RunTest(io, [&]() -> awaitable<void> {
    const Answer waiting = co_await Started();
    const auto answering = testing::Start(io, Post(Next(waiting, {Given("call_001", 1)})));
    co_await Play(Lost());
    co_await Play(Lost());
    const Answer answer = co_await answering->Outcome();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(Said(answer), "Execution failed or timed out");
    EXPECT_EQ(co_await queue->depth(), 0u);
  });
}

TEST_F(ProgrammaticTest, TheSameResultsAgainGetTheSameAnswer) {
  RunTest(io, [&]() -> awaitable<void> {
    const Answer waiting = co_await Started();
    const auto answering = testing::Start(io, Post(Next(waiting, {Given("call_001", 1)})));
    co_await Play(Waiting({{2, 0, R"({"n":2})", std::nullopt}}));
    const Answer first = co_await answering->Outcome();
    const Answer again = co_await Post(Next(waiting, {Given("call_001", 1)}));  // nobody plays a worker
    EXPECT_EQ(again.status, 200);
    EXPECT_EQ(again.body, first.body);
    const Answer other = co_await Post(Next(waiting, {Given("call_001", 2)}));
    EXPECT_EQ(other.status, 409);
    EXPECT_EQ(Said(other),
              "tool_results[call_001] has already been recorded with a different payload; replay history is "
              "immutable");
    const Answer unknown = co_await Post(Next(waiting, {Given("call_009", 1)}));
    EXPECT_EQ(unknown.status, 400);
    EXPECT_EQ(Said(unknown), "tool_results[call_009] was not issued by the sandbox for this execution");
  });
}

TEST_F(ProgrammaticTest, OneContinuationAtATime) {
  RunTest(io, [&]() -> awaitable<void> {
    const Answer waiting = co_await Started();
    const std::string lock = "tools-lock:" + IdOf(waiting);
    EXPECT_EQ(co_await state->hold(lock, "another process", std::chrono::minutes(1)), true);
    const Answer refused = co_await Post(Next(waiting, {Given("call_001", 1)}));
    EXPECT_EQ(refused.status, 409);
    EXPECT_EQ(Said(refused), "Another continuation is already in flight for this execution; retry shortly");
    EXPECT_EQ(co_await state->holder(lock), "another process");
    EXPECT_EQ(co_await state->release(lock, "another process"), true);
    const auto answering = testing::Start(io, Post(Next(waiting, {Given("call_001", 1)})));
    co_await Play(Completed());
    EXPECT_EQ((co_await answering->Outcome()).status, 200);
    EXPECT_EQ(co_await state->holder(lock), std::nullopt) << "free again";
  });
}

TEST_F(ProgrammaticTest, SomebodyElsesExecutionIsForbidden) {
  RunTest(io, [&]() -> awaitable<void> {
    const Answer waiting = co_await Started();
    ToolRecords records(*state);
    auto record = co_await records.Load(IdOf(waiting));
    CO_ASSERT(record && *record);
    (*record)->owner = "local:user:other\n\n";
    EXPECT_TRUE(co_await records.Save(IdOf(waiting), **record));
    const Answer answer = co_await Post(Next(waiting, {Given("call_001", 1)}));
    EXPECT_EQ(answer.status, 403);
    EXPECT_EQ(Said(answer), "Forbidden");
    co_await records.Remove(IdOf(waiting));
    const Answer gone = co_await Post(Next(waiting, {Given("call_001", 1)}));
    EXPECT_EQ(gone.status, 404);
    EXPECT_EQ(Said(gone), "Execution not found or expired");
  });
}

TEST_F(ProgrammaticTest, AStoreThatIsAwayMeansComeAgain) {
  AwayState away;
  ApiContext over = ContextOver(away);
  RunTest(io, [&]() -> awaitable<void> {
    const Answer waiting = co_await Started();
    router = MakeApiRouter(over);
    const Answer refused = co_await Post(Next(waiting, {Given("call_001", 1)}));
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(Said(refused), "Service is temporarily unavailable");
    EXPECT_TRUE(refused.headers.has("Retry-After"));
    EXPECT_EQ((co_await Post({{"request_id", kRequest}}, {}, "/cancel")).status, 503);
    EXPECT_EQ((co_await Post(First(), kRequest)).status, 503);
    // A program whose calls cannot be written down is ended: nobody could come back to it.
    const auto answering = testing::Start(io, Post(First()));
    co_await Play(Waiting({{1, 0, "{}", std::nullopt}}));
    const ToolJob drop = co_await Play({});
    EXPECT_EQ(drop.kind, ToolJob::Kind::kDrop);
    const Answer lost = co_await answering->Outcome();
    EXPECT_EQ(lost.status, 503);
    EXPECT_EQ(Said(lost), "Failed to persist replay state; please retry the request from scratch");
    EXPECT_EQ(json::parse(lost.body).at("status"), "error");
    EXPECT_EQ(IdOf(lost), drop.execution);
    EXPECT_EQ(lost.body.find("secret"), std::string::npos);
  });
}

TEST_F(ProgrammaticTest, ResultsThatCannotBeKeptAreNotDelivered) {
  ReadOnlyState unwritable(*state);
  ApiContext over = ContextOver(unwritable);
  RunTest(io, [&]() -> awaitable<void> {
    const Answer waiting = co_await Started();
    router = MakeApiRouter(over);
    const Answer refused = co_await Post(Next(waiting, {Given("call_001", 1)}));
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(Said(refused), "Failed to persist replay continuation; please retry the same request");
    EXPECT_EQ(co_await queue->depth(), 0u);
    router = MakeApiRouter(context);  // and so the same request goes through later
    const auto answering = testing::Start(io, Post(Next(waiting, {Given("call_001", 1)})));
    EXPECT_EQ((co_await Play(Completed())).calls.size(), 1u);
    EXPECT_EQ((co_await answering->Outcome()).status, 200);
  });
}

TEST_F(ProgrammaticTest, AnExecutionThatCannotBeRecordedIsTooLarge) {
  RunTest(io, [&]() -> awaitable<void> {
    const Answer refused = co_await Post(First(std::string(kMaxToolRecord, 'x')));
    EXPECT_EQ(refused.status, 413);
    EXPECT_TRUE(Said(refused).starts_with("Request too large: serialized execution state is 10000"))
        << Said(refused);
    EXPECT_EQ(co_await queue->depth(), 0u);
  });
}

TEST_F(ProgrammaticTest, ARecordThatGrewTooLargeEndsTheProgram) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto answering = testing::Start(io, Post(First()));
    std::vector<ProgramCall> calls;
    for (std::uint32_t n = 1; n <= 11; ++n)
      calls.push_back({n, 0, R"({"x":")" + std::string(1'000'000, 'x') + "\"}", std::nullopt});
    const ToolJob job = co_await Play(Waiting(std::move(calls)));
    EXPECT_EQ((co_await Play({})).kind, ToolJob::Kind::kDrop);
    const Answer answer = co_await answering->Outcome();
    EXPECT_EQ(answer.status, 413);
    EXPECT_TRUE(Said(answer).starts_with("Replay state grew too large (")) << Said(answer);
    EXPECT_EQ(IdOf(answer), job.execution);
  });
}

TEST_F(ProgrammaticTest, ACallOfNoToolEndsTheProgram) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto answering = testing::Start(io, Post(First()));
    co_await Play(Waiting({{1, 1, "{}", std::nullopt}}));
    EXPECT_EQ((co_await Play({})).kind, ToolJob::Kind::kDrop);
    const Answer answer = co_await answering->Outcome();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(Said(answer), "Sandbox requested an unregistered tool: 1");
  });
}

TEST_F(ProgrammaticTest, ARequestIsCancelledByItsName) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto answering = testing::Start(io, Post(First(), kRequest));
    auto lease = co_await queue->take();
    CO_ASSERT(lease);
    EXPECT_EQ((co_await Post(First(), kRequest)).status, 409) << "the name is taken";
    const Answer cancelled = co_await Post({{"request_id", kRequest}}, {}, "/cancel");
    EXPECT_EQ(cancelled.status, 202);
    EXPECT_EQ(cancelled.body, R"({"status":"cancellation_requested"})");
    EXPECT_TRUE(lease->cancelled());
    EXPECT_EQ(Said(co_await answering->Outcome()), "Programmatic execution request cancelled");
    const Answer again = co_await Post({{"request_id", kRequest}}, {}, "/cancel");
    EXPECT_EQ(again.status, 200);
    EXPECT_EQ(again.body, R"({"status":"already_completed"})");
  });
}

TEST_F(ProgrammaticTest, NobodyCancelsSomebodyElsesRequest) {
  RunTest(io, [&]() -> awaitable<void> {
    const std::string owner = "local:user:other\nhash\nkey";
    EXPECT_EQ(co_await state->hold(std::string("tools-request:") + kRequest, owner + "\n\njob\nexecution",
                                   std::chrono::minutes(1)),
              true);
    const Answer answer = co_await Post({{"request_id", kRequest}}, {}, "/cancel");
    EXPECT_EQ(answer.status, 403);
    EXPECT_EQ(Said(answer), "Forbidden");
  });
}

TEST_F(ProgrammaticTest, NamesOfRequestsAreChecked) {
  RunTest(io, [&]() -> awaitable<void> {
    for (const char* id : {"short", "0123456789abcde", "0123456789abcdef/", "0123456789 abcdef"}) {
      EXPECT_EQ((co_await Post(First(), id)).status, 400) << id;
      EXPECT_EQ((co_await Post({{"request_id", id}}, {}, "/cancel")).status, 400) << id;
    }
    EXPECT_EQ((co_await Post({}, {}, "/cancel")).status, 400);
    EXPECT_EQ((co_await Post({{"request_id", 7}}, {}, "/cancel")).status, 400);
  });
}

}  // namespace
}  // namespace codeapi
