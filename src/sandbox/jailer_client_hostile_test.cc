// A jailer that has been taken over: it may spoil its runs, and nothing else.
#include "sandbox/jailer_client_fixture.h"

namespace codeapi {
namespace {

using namespace testing;  // NOLINT: the fixture's own names

const std::string kBegin = RunOutput{"a.txt", 3, std::nullopt}.Encode();
const std::string kOk = R"({"ok":true})";

struct Frames {
  const char* name;
  std::vector<std::pair<FrameType, std::string>> frames;
};

// What makes one run fail and leaves the others alone.
const Frames kNonsense[] = {
    {"data of no file", {{FrameType::kFileData, "x"}}},
    {"empty data of no file", {{FrameType::kFileData, ""}}},
    {"end of no file", {{FrameType::kFileEnd, kOk}}},
    {"a file within a file", {{FrameType::kFileBegin, kBegin}, {FrameType::kFileBegin, kBegin}}},
    {"data after the end",
     {{FrameType::kFileBegin, kBegin}, {FrameType::kFileEnd, kOk}, {FrameType::kFileData, "x"}}},
    {"two ends", {{FrameType::kFileBegin, kBegin}, {FrameType::kFileEnd, kOk}, {FrameType::kFileEnd, kOk}}},
    {"a file that is not JSON", {{FrameType::kFileBegin, "a.txt"}}},
    {"a file without a name", {{FrameType::kFileBegin, R"({"size":1})"}}},
    {"a file of negative size", {{FrameType::kFileBegin, R"({"name":"a.txt","size":-1})"}}},
    {"a file of an input that is no number",
     {{FrameType::kFileBegin, R"({"name":"a","size":1,"input":-1})"}}},
    {"a verdict that is not JSON", {{FrameType::kVerdict, "ok"}}},
    {"an empty verdict", {{FrameType::kVerdict, ""}}},
    {"a verdict that is an array", {{FrameType::kVerdict, "[]"}}},
    {"a verdict without members", {{FrameType::kVerdict, "{}"}}},
    {"an error that is not JSON", {{FrameType::kError, "\xff\xfe"}}},
    {"a hello", {{FrameType::kHello, JailerInfo{}.Encode()}}},
    {"a run", {{FrameType::kRun, RunRequest{}.Encode()}}},
    {"a cancel", {{FrameType::kCancel, ""}}},
    {"a tool call", {{FrameType::kToolCall, "{}"}}},
    {"a tool result", {{FrameType::kToolResult, "{}"}}},
};

TEST_F(JailerClientTest, NonsenseSpoilsOneRun) {
  for (const Frames& nonsense : kNonsense) {
    SCOPED_TRACE(nonsense.name);
    RunTest(io, [&]() -> awaitable<void> {
      co_await Greet();
      RecordingSink sink, other_sink;
      std::uint32_t job = 0, other_job = 0;
      const auto other = co_await Begin({}, other_sink, other_job);
      const auto running = co_await Begin({}, sink, job);
      for (const auto& [type, payload] : nonsense.frames) co_await peer->Send(type, job, payload);
      const auto verdict = co_await running->Outcome();
      CO_ASSERT(!verdict);
      EXPECT_EQ(verdict.error().code, ErrorCode::kSetupFailed) << verdict.error().message;
      EXPECT_EQ((co_await peer->Expect(FrameType::kCancel)).job, job);
      co_await peer->SendVerdict(other_job);
      EXPECT_TRUE(co_await other->Outcome());
      EXPECT_TRUE(client->alive());
    });
  }
}

TEST_F(JailerClientTest, VerdictsThatNoProgramCanEarn) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    for (const auto& [code, signal] : {std::pair(-1, 0), std::pair(256, 0), std::pair(0, -1),
                                       std::pair(0, 65), std::pair(0, 0x7fffffff)}) {
      RecordingSink sink;
      std::uint32_t job = 0;
      const auto running = co_await Begin({}, sink, job);
      Verdict verdict;
      verdict.end = signal != 0 ? RunEnd::kSignal : RunEnd::kExit;
      verdict.code = code;
      verdict.signal = signal;
      co_await peer->Send(FrameType::kVerdict, job, verdict.Encode());
      const auto got = co_await running->Outcome();
      CO_ASSERT(!got);
      EXPECT_EQ(got.error().code, ErrorCode::kSetupFailed);
    }
  });
}

TEST_F(JailerClientTest, FramesOfRunsThatAreNotThere) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    RecordingSink sink;
    std::uint32_t job = 0;
    const auto running = co_await Begin({}, sink, job);
    for (const std::uint32_t stranger : {0u, job + 1, 0xffffffffu}) {
      co_await peer->Send(FrameType::kStdout, stranger, "not yours");
      co_await peer->Send(FrameType::kCredit, stranger, EncodeCredit(5));
      co_await peer->Send(FrameType::kFileEnd, stranger, kOk);
      co_await peer->SendVerdict(stranger, 1);
    }
    co_await peer->SendVerdict(job, 9);
    const auto verdict = co_await running->Outcome();
    EXPECT_TRUE(verdict && verdict->code == 9);
    EXPECT_TRUE(sink.calls.empty());
    co_await ExpectWorks();
  });
}

TEST_F(JailerClientTest, OnlyTheFirstVerdictCounts) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    RecordingSink sink;
    std::uint32_t job = 0;
    const auto running = co_await Begin({}, sink, job);
    Verdict second;
    second.code = 2;
    co_await peer->SendRaw(EncodeFrame(FrameType::kVerdict, job, Verdict{}.Encode()) +
                           EncodeFrame(FrameType::kStdout, job, "late") +
                           EncodeFrame(FrameType::kVerdict, job, second.Encode()) +
                           EncodeFrame(FrameType::kError, job, RunFailure{"x", "y"}.Encode()));
    const auto verdict = co_await running->Outcome();
    EXPECT_TRUE(verdict && verdict->code == 0);
    EXPECT_TRUE(sink.calls.empty());
    co_await ExpectWorks();
  });
}

TEST_F(JailerClientTest, EndlessOutputBeyondTheCreditIsNotKept) {
  for (const FrameType type : {FrameType::kStdout, FrameType::kFileBegin}) {
    RunTest(io, [&]() -> awaitable<void> {
      co_await Greet();
      Event gate(io.get_executor()), called(io.get_executor());
      RecordingSink sink;
      sink.gate = &gate;
      sink.called = &called;
      std::uint32_t job = 0;
      const auto running = co_await Begin({}, sink, job);
      const std::string stdout_block(kMaxDataPayload, 'x');
      const std::string name_block = RunOutput{std::string(kMaxDataPayload, 'n'), 0, std::nullopt}.Encode();
      for (std::size_t sent = 0; sent < 4 * std::size_t{kMaxControlPayload}; sent += kMaxDataPayload) {
        co_await peer->Send(type, job, type == FrameType::kStdout ? stdout_block : name_block);
      }
      co_await called.Wait();
      co_await ExpectWorks();  // while the other run's sink stands still
      gate.Set();
      const auto verdict = co_await running->Outcome();
      CO_ASSERT(!verdict);
      EXPECT_EQ(verdict.error().code, ErrorCode::kSetupFailed);
      EXPECT_LE(sink.data_bytes, 2 * kCredit + kMaxControlPayload);
      EXPECT_TRUE(client->alive());
    });
  }
}

TEST_F(JailerClientTest, ManyTinyFramesBeyondReasonAreNotKept) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    Event gate(io.get_executor());
    RecordingSink sink;
    sink.gate = &gate;
    std::uint32_t job = 0;
    const auto running = co_await Begin({}, sink, job);
    std::string burst;
    for (int i = 0; i < 20'000; ++i) burst += EncodeFrame(FrameType::kStdout, job, {});
    co_await peer->SendRaw(burst);
    co_await ExpectWorks();
    gate.Set();
    const auto verdict = co_await running->Outcome();
    CO_ASSERT(!verdict);
    EXPECT_EQ(verdict.error().code, ErrorCode::kSetupFailed);
  });
}

// What breaks the stream breaks every run, at once.
TEST_F(JailerClientTest, BrokenStreamFailsEveryRun) {
  const std::string breaks[] = {
      "",  // just gone
      EncodeFrame(FrameType::kVerdict, 1, Verdict{}.Encode()).substr(0, 30),
      std::string("\x01\0\0\0\0\x01\0\0\0x", 10),        // type 0
      std::string("\x01\0\0\0\x63\x01\0\0\0x", 10),      // type 99
      std::string("\x01\0\x01\0\x06\x01\0\0\0", 9),      // 64 KiB and a byte of stdout
      std::string("\x01\0\x40\0\x0b\x01\0\0\0", 9),      // a verdict of 4 MiB and a byte
      std::string("\xff\xff\xff\xff\x0d\x01\0\0\0", 9),  // credit of 4 GiB
  };
  for (const std::string& bytes : breaks) {
    SCOPED_TRACE(bytes);
    RunTest(io, [&]() -> awaitable<void> {
      co_await Greet();
      RecordingSink sink;
      std::uint32_t job = 0;
      const auto feeding = co_await Begin(Files(Input(std::string(2 * kCredit, 'x'))), sink, job);
      const auto waiting = co_await Begin({}, sink, job);
      co_await peer->Send(FrameType::kFileBegin, job, kBegin);
      co_await peer->SendRaw(bytes);
      if (bytes.size() < 9 || bytes.size() == 30) peer->Close();
      for (const auto& running : {feeding, waiting}) {
        const auto verdict = co_await running->Outcome();
        CO_ASSERT(!verdict);
        EXPECT_EQ(verdict.error().code, ErrorCode::kSetupFailed);
      }
      EXPECT_FALSE(client->alive());
      EXPECT_FALSE(co_await client->Run({}, {}, sink));
    });
  }
}

// A jailer that stops reading cannot make the client keep more than the credit of each run.
TEST_F(JailerClientTest, JailerThatReadsNothingCanBeCancelled) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    RecordingSink sink;
    std::vector<Running> runs;
    runs.reserve(3);
    for (int i = 0; i < 3; ++i) {
      runs.push_back(testing::Start(io, client->Run({}, Files(Input(std::string(2 * kCredit, 'x'))), sink)));
    }
    for (const Running& running : runs) {
      running->Cancel();
      const auto verdict = co_await running->Outcome();
      CO_ASSERT(!verdict);
      EXPECT_EQ(verdict.error().code, ErrorCode::kCancelled);
    }
  });
}

}  // namespace
}  // namespace codeapi
