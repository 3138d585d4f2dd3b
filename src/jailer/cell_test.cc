// Cells whose init is hostile: the worker gets one clear end per job, and the jailer goes on.

#include "jailer/cell.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "jailer/jailer_fixture.h"

namespace codeapi {
namespace {

using ::testing::HasSubstr;

using CellTest = JailerTest;

TEST_F(CellTest, AWellBehavedInitsStoryIsPassedOn) {
  StartReady(InitBehaviour::kWellBehaved);
  SendRun(5);
  std::string output, file;
  bool whole = false;
  std::uint32_t credit = 0;
  std::optional<Frame> end;
  while (!end) {
    auto frame = Receive();
    ASSERT_TRUE(frame);
    ASSERT_EQ(frame->job, 5u);
    switch (frame->type) {
      case FrameType::kStdout:
        output += frame->payload;
        break;
      case FrameType::kFileBegin:
        EXPECT_EQ(RunOutput::Decode(frame->payload)->name, "a.txt");
        break;
      case FrameType::kFileData:
        file += frame->payload;
        break;
      case FrameType::kFileEnd:
        whole = frame->payload == R"({"ok":true})";
        break;
      case FrameType::kCredit:
        credit += *DecodeCredit(frame->payload);
        break;
      default:
        end = std::move(frame);
    }
  }
  ASSERT_EQ(end->type, FrameType::kVerdict) << end->payload;
  const auto verdict = Verdict::Decode(end->payload);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->end, RunEnd::kExit);
  EXPECT_EQ(verdict->code, 3);
  EXPECT_EQ(verdict->wall_us, 1000u);
  EXPECT_EQ(verdict->cpu_us, 500u);
  EXPECT_EQ(verdict->harvest.unchanged, (std::vector<std::uint32_t>{0}));
  EXPECT_EQ(verdict->setup_us.size(), kSetupSteps);
  EXPECT_EQ(output, "hello");
  EXPECT_EQ(file, "abc");
  EXPECT_TRUE(whole);
  EXPECT_EQ(credit, 0u) << "a few bytes are not worth waking the worker";
  EXPECT_EQ(Finish(), 0);
}

TEST_F(CellTest, WhatInitHasTakenCanBeSentAgain) {
  StartReady(InitBehaviour::kWellBehaved);
  Send(FrameType::kRun, 1, SomeRun().Encode());
  Send(FrameType::kFileBegin, 1, RunFile{CellFileKind::kSource, "script.sh", 0, false}.Encode());
  const std::string block(kMaxDataPayload, 'x');
  std::uint32_t sent = 0, credit = 0;
  for (; sent < kInitialCredit; sent += block.size()) Send(FrameType::kFileData, 1, block);
  // Whoever may send nothing any more without credit gets some.
  while (credit < kInitialCredit / 2) {
    const auto frame = Receive();
    ASSERT_TRUE(frame && frame->type == FrameType::kCredit);
    credit += *DecodeCredit(frame->payload);
  }
  EXPECT_LE(credit, sent);
  Send(FrameType::kFileEnd, 1, "");
}

TEST_F(CellTest, EachJobHasACellOfItsOwn) {
  StartReady(InitBehaviour::kWellBehaved);
  for (std::uint32_t job = 1; job <= 5; ++job) SendRun(job);
  for (std::uint32_t job = 1; job <= 5; ++job) {
    const auto end = ReceiveEnd(job);
    ASSERT_TRUE(end);
    EXPECT_EQ(end->type, FrameType::kVerdict) << job << end->payload;
  }
  EXPECT_EQ(Finish(), 0);
}

TEST_F(CellTest, OutputWaitsForCredit) {
  StartReady(InitBehaviour::kPrintsALot);
  RunRequest run = SomeRun();
  run.output_bytes = 4 << 20;
  run.files = 0;
  Send(FrameType::kRun, 1, run.Encode());
  std::size_t received = 0;
  std::optional<Frame> frame;
  while (received < kInitialCredit && (frame = Receive()) && frame->type == FrameType::kStdout) {
    received += frame->payload.size();
  }
  ASSERT_GE(received, kInitialCredit);
  EXPECT_LT(received, kInitialCredit + kMaxDataPayload);
  // Nothing more comes by itself, so the next frame about this job is the answer to what is asked now.
  ExpectServing();
  Send(FrameType::kCredit, 1, EncodeCredit(kInitialCredit));
  Send(FrameType::kCredit, 1, EncodeCredit(4 * kInitialCredit));
  while ((frame = Receive()) && frame->type == FrameType::kStdout) received += frame->payload.size();
  EXPECT_EQ(received, 3u << 20);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->type, FrameType::kVerdict) << frame->payload;
}

TEST_F(CellTest, ACancelledJobEndsWithoutTheRest) {
  StartReady(InitBehaviour::kPrintsALot);
  RunRequest run = SomeRun();
  run.output_bytes = 4 << 20;
  run.files = 0;
  Send(FrameType::kRun, 1, run.Encode());
  const auto first = Receive();
  ASSERT_TRUE(first && first->type == FrameType::kStdout);
  Send(FrameType::kCancel, 1, "");
  const auto end = ReceiveEnd(1);
  ASSERT_TRUE(end);
  EXPECT_EQ(Verdict::Decode(end->payload)->end, RunEnd::kCancelled);
  EXPECT_EQ(Finish(), 0);
}

TEST_F(CellTest, AFileThatIsNotWholeSaysSo) {
  StartReady(InitBehaviour::kLessThanAnnounced);
  SendRun(1);
  std::optional<Frame> frame;
  while ((frame = Receive()) && frame->type != FrameType::kFileEnd) continue;
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->payload, R"({"ok":false})");
  EXPECT_EQ(ReceiveEnd(1)->type, FrameType::kVerdict);
}

using B = InitBehaviour;

// What a run in C ends with, which is a compiler and a program.
Verdict EndOfC(const std::optional<Frame>& end) {
  EXPECT_TRUE(end);
  if (!end) return {};
  EXPECT_EQ(end->type, FrameType::kVerdict) << end->payload;
  const auto verdict = Verdict::Decode(end->payload);
  EXPECT_TRUE(verdict);
  return verdict ? *verdict : Verdict{};
}

TEST_F(CellTest, ACompiledProgramIsToldToGoTwice) {
  StartReady(B::kCompiles);
  SendRun(5, 1, "c");
  const Verdict verdict = EndOfC(ReceiveEnd(5));
  EXPECT_FALSE(verdict.compiling);
  EXPECT_EQ(verdict.code, 3);
  EXPECT_EQ(verdict.wall_us, 1000u) << "the program's own";
  EXPECT_EQ(verdict.compile_us, 7000u);
  EXPECT_EQ(Finish(), 0);
}

TEST_F(CellTest, ACompilerThatFailsIsTheEnd) {
  StartReady(B::kWellBehaved);
  SendRun(5, 1, "c");
  const Verdict verdict = EndOfC(ReceiveEnd(5));
  EXPECT_TRUE(verdict.compiling);
  EXPECT_EQ(verdict.code, 3);
  EXPECT_EQ(verdict.compile_us, 1000u);
  EXPECT_EQ(Finish(), 0);
}

// The next frame of this job; what it printed before is added to `printed`, and credit is left out.
std::optional<Frame> NextFrame(const std::function<std::optional<Frame>()>& receive, std::string& printed) {
  while (auto frame = receive()) {
    if (frame->type == FrameType::kStdout) printed += frame->payload;
    if (frame->type != FrameType::kStdout && frame->type != FrameType::kCredit) return frame;
  }
  return std::nullopt;
}

TEST_F(CellTest, AToolCallIsPassedOnBehindWhatWasPrintedBefore) {
  StartReady(B::kCallsATool);
  SendRun(5, 1, "bash", 5);
  std::string printed;
  const auto next = [&] { return NextFrame([&] { return Receive(); }, printed); };
  auto frame = next();
  ASSERT_TRUE(frame);
  ASSERT_EQ(frame->type, FrameType::kToolCall) << frame->payload;
  const auto call = CellToolCall::Decode(frame->payload);
  ASSERT_TRUE(call);
  EXPECT_EQ(call->call, 1u);
  EXPECT_EQ(call->tool, 3u);
  EXPECT_EQ(call->input, "xx");
  EXPECT_EQ(printed, "before");
  frame = next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->type, FrameType::kToolWait);
  // To no call, to a call that was not made, and what is no answer: nothing comes of them.
  for (const std::uint32_t wrong : {0u, 2u, 0xffffffffu}) {
    Send(FrameType::kToolResult, 5, CellToolResult{wrong, true, '0', "wrong"}.Encode());
  }
  Send(FrameType::kToolResult, 5, "abc");
  Send(FrameType::kToolResult, 77, CellToolResult{1, true, '0', "of no run"}.Encode());
  Send(FrameType::kToolResult, 5, CellToolResult{1, false, '1', "ans"}.Encode());
  Send(FrameType::kToolResult, 5, CellToolResult{1, true, '1', "wer"}.Encode());
  Send(FrameType::kToolResult, 5, CellToolResult{1, true, '0', "again"}.Encode());
  while ((frame = next()) && frame->type != FrameType::kVerdict) continue;
  ASSERT_TRUE(frame);
  EXPECT_EQ(printed, "beforeanswer1hello");
  EXPECT_EQ(Finish(), 0);
}

TEST_F(CellTest, AWaitThatAnAnswerHasCrossedIsOutOfDate) {
  StartReady(B::kWaitsTooEarly);
  SendRun(5, 1, "bash", 5);
  std::string printed;
  std::vector<FrameType> types;
  std::optional<Frame> frame;
  while ((frame = NextFrame([&] { return Receive(); }, printed)) && frame->type != FrameType::kVerdict) {
    types.push_back(frame->type);
    if (frame->type != FrameType::kToolWait) continue;
    const std::uint32_t answers = CellToolWait::Decode(frame->payload)->answers;
    for (std::uint32_t call = answers + 1; call <= (answers == 0 ? 1u : 3u); ++call) {
      Send(FrameType::kToolResult, 5, CellToolResult{call, true, '0', std::to_string(call)}.Encode());
    }
  }
  ASSERT_TRUE(frame);
  using enum FrameType;
  EXPECT_THAT(types, ::testing::ElementsAre(kToolCall, kToolCall, kToolWait, kToolCall, kToolWait));
  EXPECT_EQ(printed, "102030hello");
}

TEST_F(CellTest, ACellThatWaitsForToolsCanBeCancelled) {
  StartReady(B::kCallsATool);
  SendRun(5, 1, "bash", 5);
  std::string printed;
  while (auto frame = NextFrame([&] { return Receive(); }, printed)) {
    if (frame->type == FrameType::kToolWait) break;
  }
  Send(FrameType::kCancel, 5, "");
  const auto end = ReceiveEnd(5);
  ASSERT_TRUE(end);
  EXPECT_EQ(Verdict::Decode(end->payload)->end, RunEnd::kCancelled);
  EXPECT_EQ(Finish(), 0);
}

TEST_F(CellTest, OnlySomeLanguagesHaveTools) {
  StartReady(B::kCallsATool);
  SendRun(5, 1, "c", 5);
  const auto end = ReceiveEnd(5);
  ASSERT_TRUE(end);
  EXPECT_EQ(RunFailure::Decode(end->payload)->code, "input_invalid");
}

TEST_F(CellTest, SupportFilesAreForProgramsWithTools) {
  StartReady(B::kCallsATool);
  RunRequest run = SomeRun();
  Send(FrameType::kRun, 5, run.Encode());
  Send(FrameType::kFileBegin, 5, RunFile{CellFileKind::kSupport, "run.py", 0, false}.Encode());
  const auto end = ReceiveEnd(5);
  ASSERT_TRUE(end);
  EXPECT_EQ(RunFailure::Decode(end->payload)->code, "input_invalid");
}

struct Hostile {
  InitBehaviour behaviour;
  const char* code;
  const char* message;
};

class HostileInitTest : public CellTest, public ::testing::WithParamInterface<Hostile> {};

TEST_P(HostileInitTest, EndsItsOwnJobAndNothingElse) {
  StartReady(GetParam().behaviour);
  // Twice: the second cell takes the place of the first, which must have been given up.
  for (const std::uint32_t job : {5u, 6u}) {
    const bool compiled =
        GetParam().behaviour == B::kCompilesTwice || GetParam().behaviour == B::kBadCompiled;
    SendRun(job, GetParam().behaviour == B::kExitsTooEarly ? 2 : 1, compiled ? "c" : "bash",
            GetParam().behaviour >= B::kCallsATool ? 5 : 0);
    const auto end = ReceiveEnd(job);
    ASSERT_TRUE(end) << "the jailer is gone";
    ASSERT_EQ(end->type, FrameType::kError) << end->payload;
    EXPECT_LE(end->payload.size(), 4096u);
    const auto failure = RunFailure::Decode(end->payload);
    ASSERT_TRUE(failure) << failure.error().message;
    EXPECT_EQ(failure->code, GetParam().code);
    EXPECT_THAT(failure->message, HasSubstr(GetParam().message));
  }
  ExpectServing();
  EXPECT_EQ(Finish(), 0);
}

constexpr const char* kSetup = "sandbox_setup_failed";
constexpr const char* kBroken = "sandbox_failed";

INSTANTIATE_TEST_SUITE_P(
    All, HostileInitTest,
    ::testing::Values(Hostile{B::kQuits, kSetup, "init ended with 7"},
                      Hostile{B::kAnnouncesTooMuch, kSetup, "announced 4294967295 bytes"},
                      Hostile{B::kBadReady, kSetup, "bad ready message"},
                      Hostile{B::kFailsLoudly, "input_invalid", "Invalid argument"},
                      Hostile{B::kExitsTooEarly, kBroken, "out of order"},
                      Hostile{B::kUnknownMessage, kBroken, "out of order"},
                      Hostile{B::kReadyTwice, kBroken, "out of order"},
                      Hostile{B::kBadExit, kBroken, "bad exit message"},
                      Hostile{B::kHarvestsBeforeTheExit, kBroken, "out of order"},
                      Hostile{B::kCompilesUnasked, kBroken, "out of order"},
                      Hostile{B::kCompilesTwice, kBroken, "out of order"},
                      Hostile{B::kBadCompiled, kBroken, "bad compiled message"},
                      Hostile{B::kEvilName, kBroken, "bad output announcement"},
                      Hostile{B::kOutputTooLarge, kBroken, "bad output announcement"},
                      Hostile{B::kTooManyOutputs, kBroken, "bad output announcement"},
                      Hostile{B::kMoreThanAnnounced, kBroken, "more output than announced"},
                      Hostile{B::kDataWithoutOutput, kBroken, "more output than announced"},
                      Hostile{B::kEndWithoutOutput, kBroken, "output end without begin"},
                      Hostile{B::kNestedOutputs, kBroken, "bad output announcement"},
                      Hostile{B::kSummaryInAnOutput, kBroken, "bad summary"},
                      Hostile{B::kSummaryThatIsNoText, kBroken, "bad summary"},
                      Hostile{B::kSummaryOfMoreThanThereWas, kBroken, "bad summary"},
                      Hostile{B::kSkipsACall, kBroken, "bad tool call"},
                      Hostile{B::kCallsTooOften, kBroken, "bad tool call"},
                      Hostile{B::kCallsNoTool, kBroken, "bad tool call"},
                      Hostile{B::kInputTooLarge, kBroken, "bad tool call"},
                      Hostile{B::kBadCall, kBroken, "bad tool call"},
                      Hostile{B::kBadWait, kBroken, "bad tool wait"},
                      Hostile{B::kWaitsForNothing, kBroken, "bad tool wait"},
                      Hostile{B::kWaitsTwice, kBroken, "bad tool wait"},
                      Hostile{B::kWaitsWithAnswersThatNobodyGave, kBroken, "bad tool wait"},
                      Hostile{B::kQuitsInTheHarvest, kBroken, "init ended with 9"}));

}  // namespace
}  // namespace codeapi
