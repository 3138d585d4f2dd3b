#include "worker/tool_job.h"

#include <gtest/gtest.h>

namespace codeapi {
namespace {

ToolJob Replay() {
  ToolJob job;
  job.kind = ToolJob::Kind::kReplay;
  job.execution = "one";
  job.request = ExecutionRequest{};
  job.request->id = "one";
  job.request->runtime = "py";
  job.request->code = "print('\x01\"')";
  job.tools = R"([{"name":"a"}])";
  job.calls.push_back({1, 0, R"({"x":1.50})", CallResult{false, "null"}});
  job.calls.push_back({2, 7, "{}", CallResult{true, "no such \"city\""}});
  job.calls.push_back({4'000'000'000u, 0, "{}", std::nullopt});
  return job;
}

TEST(ToolJobTest, ComesBackAsItWas) {
  const ToolJob job = Replay();
  const std::string text = job.Encode();
  EXPECT_TRUE(ToolJob::Is(text));
  const auto back = ToolJob::Decode(text);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->kind, job.kind);
  EXPECT_EQ(back->execution, "one");
  ASSERT_TRUE(back->request);
  EXPECT_EQ(back->request->code, job.request->code);
  EXPECT_EQ(back->tools, job.tools);
  ASSERT_EQ(back->calls.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(back->calls[i].number, job.calls[i].number);
    EXPECT_EQ(back->calls[i].tool, job.calls[i].tool);
    EXPECT_EQ(back->calls[i].input, job.calls[i].input);
    EXPECT_EQ(back->calls[i].result, job.calls[i].result);
  }
}

TEST(ToolJobTest, RoundsWithoutAProgramCarryNone) {
  for (const auto kind : {ToolJob::Kind::kContinue, ToolJob::Kind::kDrop}) {
    ToolJob job;
    job.kind = kind;
    job.execution = "one";
    const auto back = ToolJob::Decode(job.Encode());
    ASSERT_TRUE(back);
    EXPECT_EQ(back->kind, kind);
    EXPECT_FALSE(back->request);
  }
}

TEST(ToolJobTest, IsNeverTakenForAnExecution) {
  EXPECT_FALSE(ToolJob::Is(ExecutionRequest{}.Encode()));
  EXPECT_FALSE(ExecutionRequest::Decode(Replay().Encode()));
  EXPECT_FALSE(ToolJob::Decode(ExecutionRequest{}.Encode()));
}

TEST(ToolJobTest, WhatIsNoRoundIsAnError) {
  const std::string whole = Replay().Encode();
  for (const std::string& text :
       {std::string(), std::string("T"), std::string("T{}"), std::string("T[]"), std::string("Tnull"),
        std::string("{}"), whole.substr(1), whole.substr(0, whole.size() - 1), whole + "x",
        std::string(R"(T{"kind":-1,"execution":"a","calls":[]})"),
        std::string(R"(T{"kind":4,"execution":"a","calls":[]})"),
        std::string(R"(T{"kind":"1","execution":"a","calls":[]})"),
        std::string(R"(T{"kind":1,"execution":1,"calls":[]})"),
        std::string(R"(T{"kind":1,"execution":"a","calls":{}})"),
        std::string(R"(T{"kind":1,"execution":"a","calls":[[1]]})"),
        std::string(R"(T{"kind":1,"execution":"a","calls":[[-1,0,"{}"]]})"),
        std::string(R"(T{"kind":1,"execution":"a","calls":[[4294967296,0,"{}"]]})"),
        std::string(R"(T{"kind":1,"execution":"a","calls":[[1,0,"{}",true]]})"),
        // A round that starts a program, without one; and one that has no use for it.
        std::string(R"(T{"kind":0,"execution":"a","calls":[]})"),
        std::string(R"(T{"kind":2,"execution":"a","calls":[]})"),
        std::string(R"(T{"kind":0,"execution":"a","calls":[],"request":"nonsense","tools":"[]"})")}) {
    const auto job = ToolJob::Decode(text);
    ASSERT_FALSE(job) << text;
    EXPECT_EQ(job.error().code, ErrorCode::kInternal) << text;
  }
  ToolJob odd = Replay();
  odd.kind = ToolJob::Kind::kContinue;
  EXPECT_FALSE(ToolJob::Decode(odd.Encode()));
}

TEST(RoundAnswerTest, ComesBackAsItWas) {
  RoundAnswer answer;
  answer.state = RoundAnswer::State::kWaiting;
  answer.taker = "worker-1";
  answer.calls.push_back({3, 1, R"({"a":"ü"})", std::nullopt});
  answer.stdout_text = "out\n";
  answer.stderr_text = "err\n";
  answer.status = 418;
  answer.stored_files = true;
  answer.body = R"({"status":"completed"})";
  const auto back = RoundAnswer::Decode(answer.Encode());
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->state, answer.state);
  EXPECT_EQ(back->taker, answer.taker);
  ASSERT_EQ(back->calls.size(), 1u);
  EXPECT_EQ(back->calls[0].number, 3u);
  EXPECT_EQ(back->calls[0].tool, 1u);
  EXPECT_EQ(back->calls[0].input, answer.calls[0].input);
  EXPECT_FALSE(back->calls[0].result);
  EXPECT_EQ(back->stdout_text, answer.stdout_text);
  EXPECT_EQ(back->stderr_text, answer.stderr_text);
  EXPECT_EQ(back->status, answer.status);
  EXPECT_TRUE(back->stored_files);
  EXPECT_EQ(back->body, answer.body);
}

TEST(RoundAnswerTest, WhatIsNoAnswerIsAnError) {
  const std::string whole = RoundAnswer{}.Encode();
  for (const std::string& text : {std::string(), std::string("{}"), std::string("[]"), std::string("null"),
                                  whole.substr(1), whole.substr(0, whole.size() - 1), whole + whole}) {
    const auto answer = RoundAnswer::Decode(text);
    ASSERT_FALSE(answer) << text;
    EXPECT_EQ(answer.error().code, ErrorCode::kInternal) << text;
  }
  RoundAnswer odd;
  odd.state = static_cast<RoundAnswer::State>(4);
  EXPECT_FALSE(RoundAnswer::Decode(odd.Encode()));
}

}  // namespace
}  // namespace codeapi
