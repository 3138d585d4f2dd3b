// What a worker could send that no worker of ours sends.

#include "jailer/jailer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jailer/jailer_fixture.h"

namespace codeapi {
namespace {

using ::testing::HasSubstr;

TEST_F(JailerTest, GarbageInPlaceOfAGreetingEndsIt) {
  for (const std::string& garbage :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(1000, '\xff'), std::string(9, '\0'),
        EncodeFrame(FrameType::kRun, 1, SomeRun().Encode()), EncodeFrame(FrameType::kFileData, 1, "x")}) {
    Start();
    SendRaw(garbage);
    EXPECT_FALSE(Receive()) << "there is nobody to answer";
    EXPECT_EQ(Wait(), 1);
    parser_ = {};
  }
}

TEST_F(JailerTest, AWorkerThatVanishesBeforeItsGreetingEndsIt) {
  Start();
  EXPECT_EQ(Finish(), 1);
  Start();
  SendRaw(EncodeFrame(FrameType::kHello, 0, Settings().Encode()).substr(0, 20));
  EXPECT_EQ(Finish(), 1);
}

class RefusedGreetingTest : public JailerTest {
 protected:
  std::string ErrorFor(const std::string& hello) {
    Start();
    Send(FrameType::kHello, 0, hello);
    const auto frame = Receive();
    EXPECT_TRUE(frame && frame->type == FrameType::kHello);
    EXPECT_FALSE(Receive());
    EXPECT_EQ(Wait(), 1);
    parser_ = {};
    const auto info = frame ? JailerInfo::Decode(frame->payload) : Fail(ErrorCode::kInternal, "no answer");
    return info ? info->error : info.error().message;
  }
};

TEST_F(RefusedGreetingTest, SaysWhy) {
  JailerSettings settings = Settings();
  settings.version = "0.0.0-other";
  EXPECT_EQ(ErrorFor(settings.Encode()), "codeapi 0.0.0-other cannot use codeapi-jailer " CODEAPI_VERSION);
  settings = Settings();
  settings.max_cells = 0;
  EXPECT_EQ(ErrorFor(settings.Encode()), "max_cells must be 1 to 4096");
  settings.max_cells = 4097;
  EXPECT_EQ(ErrorFor(settings.Encode()), "max_cells must be 1 to 4096");
  settings = Settings();
  settings.uid_base = 0;
  EXPECT_THAT(ErrorFor(settings.Encode()), HasSubstr("uid_base"));
  settings = Settings();
  settings.cgroup = "v9";
  EXPECT_EQ(ErrorFor(settings.Encode()), "cgroup mode v9 is not supported");
  settings = Settings();
  settings.root = "/nowhere";
  EXPECT_EQ(ErrorFor(settings.Encode()), "enter the root /nowhere: No such file or directory");
  EXPECT_THAT(ErrorFor("{}"), HasSubstr("bad or missing member"));
  EXPECT_THAT(ErrorFor("\xff"), HasSubstr("not a JSON object"));
}

TEST_F(JailerTest, TheGreetingIsAnsweredWithWhatThereIs) {
  Start();
  Send(FrameType::kHello, 0, Settings().Encode());
  const auto frame = Receive();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->type, FrameType::kHello);
  const auto info = JailerInfo::Decode(frame->payload);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->cgroup, "none");
  EXPECT_FALSE(info->limits_memory);
  EXPECT_THAT(info->runtimes, ::testing::Contains("bash"));
  EXPECT_EQ(Finish(), 0);
}

TEST_F(JailerTest, ABrokenStreamEndsItAndItsCells) {
  for (const std::string& broken :
       {EncodeCredit(kMaxDataPayload + 1) + static_cast<char>(FrameType::kFileData) + EncodeCredit(1),
        EncodeCredit(0xffffffff) + static_cast<char>(FrameType::kRun) + EncodeCredit(1),
        std::string(9, '\x63')}) {
    StartReady(InitBehaviour::kSilent);
    SendRun(1);
    SendRaw(broken);
    EXPECT_FALSE(Receive());
    EXPECT_EQ(Wait(), 0);
    parser_ = {};
  }
}

TEST_F(JailerTest, AWorkerThatVanishesTakesEverythingAlong) {
  StartReady(InitBehaviour::kSilent);
  SendRun(1);
  SendRun(2);
  SendRaw(EncodeFrame(FrameType::kRun, 3, SomeRun().Encode()).substr(0, 30));
  EXPECT_EQ(Finish(), 0);
}

TEST_F(JailerTest, FramesAboutNothingAreIgnored) {
  StartReady(InitBehaviour::kWellBehaved);
  for (int type = 1; type <= 13; ++type) {
    if (static_cast<FrameType>(type) == FrameType::kRun) continue;
    for (const char* payload : {"", "x", "{}", "\xff\xff\xff\xff"})
      Send(static_cast<FrameType>(type), 77, payload);
  }
  ExpectServing();
  SendRun(1);
  EXPECT_EQ(ReceiveEnd(1)->type, FrameType::kVerdict);
  for (const auto type : {FrameType::kFileData, FrameType::kCredit, FrameType::kCancel})
    Send(type, 1, "late");
  ExpectServing();
  EXPECT_EQ(Finish(), 0);
}

TEST_F(JailerTest, RunsThatCannotBeAreRefusedOneByOne) {
  StartReady(InitBehaviour::kWellBehaved);
  const auto failure_of = [&](const std::string& request) {
    Send(FrameType::kRun, 9, request);
    const auto end = ReceiveEnd(9);
    EXPECT_TRUE(end && end->type == FrameType::kError);
    const auto failure = end ? RunFailure::Decode(end->payload) : Fail(ErrorCode::kInternal, "no answer");
    return failure ? failure->code + ": " + failure->message : failure.error().message;
  };
  EXPECT_THAT(failure_of(""), HasSubstr("input_invalid: jailer protocol"));
  EXPECT_THAT(failure_of("{}"), HasSubstr("input_invalid: jailer protocol"));
  EXPECT_THAT(failure_of(std::string(100'000, '[')), HasSubstr("input_invalid"));
  RunRequest run = SomeRun();
  run.files = 4097;
  EXPECT_EQ(failure_of(run.Encode()), "input_invalid: too many files");
  run = SomeRun();
  run.wall_ms = ~0ull;
  EXPECT_THAT(failure_of(run.Encode()), HasSubstr("wall_ms"));
  ExpectServing();
}

TEST_F(JailerTest, ASecondRunOfAJobIsNotAnswered) {
  StartReady(InitBehaviour::kSilent);
  SendRun(1);
  for (const char* payload : {"", "{}"}) Send(FrameType::kRun, 1, payload);
  SendRun(1);
  Send(FrameType::kCancel, 1, "");
  const auto end = ReceiveEnd(1);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->type, FrameType::kVerdict) << end->payload;
  ExpectServing();
}

TEST_F(JailerTest, FilesThatCannotBeEndTheirRun) {
  StartReady(InitBehaviour::kWellBehaved);
  std::uint32_t job = 0;
  for (const std::string& payload :
       {std::string("{}"), std::string("\xff"), RunFile{CellFileKind::kInput, "../x", 0, false}.Encode(),
        RunFile{CellFileKind::kInput, "/etc/x", 0, false}.Encode(),
        RunFile{CellFileKind::kSource, "", 0, false}.Encode(),
        RunFile{CellFileKind::kInput, "1/2/3/4/5/6/7/8/9/10/11", 0, false}.Encode()}) {
    Send(FrameType::kRun, ++job, SomeRun().Encode());
    Send(FrameType::kFileBegin, job, payload);
    const auto end = ReceiveEnd(job);
    ASSERT_TRUE(end);
    ASSERT_EQ(end->type, FrameType::kError) << payload;
    EXPECT_EQ(RunFailure::Decode(end->payload)->code, "input_invalid") << payload;
  }
  ExpectServing();
  EXPECT_EQ(Finish(), 0);
}

TEST_F(JailerTest, MoreFilesThanAnnouncedChangeNothing) {
  StartReady(InitBehaviour::kWellBehaved);
  SendRun(1);
  for (int i = 0; i < 100; ++i) {
    Send(FrameType::kFileBegin, 1, RunFile{CellFileKind::kInput, "late", 0, false}.Encode());
    Send(FrameType::kFileData, 1, "late");
    Send(FrameType::kFileEnd, 1, "");
  }
  EXPECT_EQ(ReceiveEnd(1)->type, FrameType::kVerdict);
  EXPECT_EQ(Finish(), 0);
}

TEST_F(JailerTest, AJobRunsOnce) {
  StartReady(InitBehaviour::kPrintsALot);
  RunRequest run = SomeRun();
  run.output_bytes = 4 << 20;
  run.files = 0;
  Send(FrameType::kRun, 1, run.Encode());
  ASSERT_TRUE(Receive()) << "it is running, and stays so for want of credit";
  Send(FrameType::kRun, 1, run.Encode());
  Send(FrameType::kCancel, 1, "");
  ASSERT_TRUE(ReceiveEnd(1));
  ExpectServing();
  worker_.reset();
  EXPECT_EQ(Wait(), 0);
}

TEST_F(JailerTest, AWaitingRunCanBeCancelled) {
  StartReady(InitBehaviour::kSilent);
  for (const std::uint32_t job : {1u, 2u, 3u}) SendRun(job);
  for (const std::uint32_t job : {3u, 1u}) {
    Send(FrameType::kCancel, job, "");
    const auto end = ReceiveEnd(job);
    ASSERT_TRUE(end);
    const auto verdict = Verdict::Decode(end->payload);
    ASSERT_TRUE(verdict) << end->payload;
    EXPECT_EQ(verdict->end, RunEnd::kCancelled);
  }
  ExpectServing();
  EXPECT_EQ(Finish(), 0);
}

// The only cell never becomes ready, so whatever is sent for a run has to be kept, and that has an end.
TEST_F(JailerTest, WhatWaitsForACellIsBounded) {
  StartReady(InitBehaviour::kSilent);
  Send(FrameType::kRun, 1, SomeRun().Encode());
  const std::string data = EncodeFrame(FrameType::kFileData, 1, std::string(kMaxDataPayload, 'x'));
  for (std::uint32_t sent = 0; sent < 2 * (kInitialCredit + kMaxControlPayload); sent += kMaxDataPayload)
    SendRaw(data);
  EXPECT_FALSE(Receive());
  EXPECT_EQ(Wait(), 0);
}

TEST_F(JailerTest, EmptyFramesCountToo) {
  StartReady(InitBehaviour::kSilent);
  Send(FrameType::kRun, 1, SomeRun().Encode());
  std::string many;
  for (int i = 0; i < 10'000; ++i) many += EncodeFrame(FrameType::kFileEnd, 1, "");
  for (int i = 0; i < 30; ++i) SendRaw(many);
  EXPECT_FALSE(Receive());
  EXPECT_EQ(Wait(), 0);
}

}  // namespace
}  // namespace codeapi
