// What an honest jailer sees and says.
#include "sandbox/jailer_client.h"

#include "sandbox/jailer_client_fixture.h"

namespace codeapi {
namespace {

using namespace testing;  // NOLINT: the fixture's own names

TEST_F(JailerClientTest, SaysHelloWithItsSettingsAndKeepsTheAnswer) {
  RunTest(io, [&]() -> awaitable<void> {
    JailerSettings settings;
    settings.root = "/srv/root";
    settings.rules.max_files = 7;
    const auto connecting = Connect(settings);
    const Frame hello = co_await peer->Expect(FrameType::kHello);
    EXPECT_EQ(hello.job, 0u);
    const auto got = JailerSettings::Decode(hello.payload);
    CO_ASSERT(got);
    EXPECT_EQ(got->root, "/srv/root");
    EXPECT_EQ(got->rules.max_files, 7u);
    JailerInfo info;
    info.cgroup = "v1";
    info.runtimes = {"py"};
    co_await peer->Send(FrameType::kHello, 0, info.Encode());
    const auto connected = co_await connecting->Outcome();
    CO_ASSERT(connected);
    EXPECT_TRUE((*connected)->alive());
    EXPECT_EQ((*connected)->info().cgroup, "v1");
    EXPECT_EQ((*connected)->info().runtimes, std::vector<std::string>{"py"});
  });
}

TEST_F(JailerClientTest, WhatIsToldOfThePoolIsPassedOnAndWhatCannotBeReadLeftOut) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    co_await peer->Send(FrameType::kPoolState, 0, EncodePoolStates({{"node", 2, 1, 3}}));
    co_await peer->Send(FrameType::kPoolState, 0, "{}");
    co_await peer->Send(FrameType::kPoolState, 77, "[");
    co_await ExpectWorks();
    CO_ASSERT(pools.size() == 1 && pools[0].size() == 1);
    EXPECT_EQ(pools[0][0].runtime, "node");
    EXPECT_EQ(pools[0][0].ready, 2u);
    EXPECT_EQ(pools[0][0].target, 3u);
  });
}

TEST_F(JailerClientTest, RefusalIsToldInTheJailersWords) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto connecting = Connect();
    JailerInfo info;
    info.error = "no cgroup is mounted";
    co_await peer->Send(FrameType::kHello, 0, info.Encode());
    const auto connected = co_await connecting->Outcome();
    CO_ASSERT(!connected);
    EXPECT_EQ(connected.error().code, ErrorCode::kSetupFailed);
    EXPECT_EQ(connected.error().message, "no cgroup is mounted");
  });
}

TEST_F(JailerClientTest, AnythingButAHelloIsNoJailer) {
  const std::string no_jailers[] = {
      "HTTP/1.1 400 Bad Request\r\n\r\n",
      EncodeFrame(FrameType::kHello, 0, "{}"),
      EncodeFrame(FrameType::kHello, 0, "not JSON"),
      EncodeFrame(FrameType::kHello, 0,
                  R"({"cgroup":1,"limits_memory":2,"rootless":6,"runtimes":3,"warnings":4,"error":5})"),
      EncodeFrame(FrameType::kVerdict, 0, Verdict{}.Encode()),
      std::string("\xff\xff\xff\xff\x01\0\0\0\0", 9),  // a hello of 4 GiB
  };
  for (const std::string& bytes : no_jailers) {
    RunTest(io, [&]() -> awaitable<void> {
      const auto connecting = Connect();
      co_await peer->SendRaw(bytes);
      const auto connected = co_await connecting->Outcome();
      CO_ASSERT(!connected);
      EXPECT_EQ(connected.error().code, ErrorCode::kUnavailable) << bytes;
    });
  }
}

TEST_F(JailerClientTest, JailerThatEndsBeforeItsHello) {
  RunTest(io, [&]() -> awaitable<void> {
    for (const bool half : {false, true}) {
      const auto connecting = Connect();
      if (half)
        co_await peer->SendRaw(EncodeFrame(FrameType::kHello, 0, JailerInfo{}.Encode()).substr(0, 20));
      peer->Close();
      const auto connected = co_await connecting->Outcome();
      CO_ASSERT(!connected);
      EXPECT_EQ(connected.error().code, ErrorCode::kUnavailable);
    }
  });
}

TEST_F(JailerClientTest, RunSendsItsFilesAndDeliversWhatComesInOrder) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    RunRequest request;
    request.runtime = "py";
    request.source_name = "main.py";
    request.args = {"a", "b c"};
    request.files = 99;  // not for the caller to say
    std::vector<RunInput> files;
    files.push_back({{CellFileKind::kSource, "main.py", 0, false}, std::string("print()")});
    int reads = 0;
    files.push_back({{CellFileKind::kInput, "d/in.csv", 3, false},
                     [&]() -> awaitable<Result<std::string_view>> {
                       constexpr std::string_view kPieces[] = {"1", "2", ""};
                       co_return kPieces[reads++];
                     },
                     [](RunFile& file) -> awaitable<Result<void>> {
                       file.read_only = true;  // known only now
                       co_return Result<void>();
                     }});
    RecordingSink sink;
    const auto running = testing::Start(io, client->Run(request, std::move(files), sink));

    const Frame run = co_await peer->Expect(FrameType::kRun);
    const auto got = RunRequest::Decode(run.payload);
    CO_ASSERT(got);
    EXPECT_EQ(got->runtime, "py");
    EXPECT_EQ(got->args, request.args);
    EXPECT_EQ(got->files, 2u);
    std::vector<std::pair<FrameType, std::string>> frames;
    for (int i = 0; i < 7; ++i) {
      auto frame = co_await peer->Next();
      CO_ASSERT(frame && frame->job == run.job);
      frames.emplace_back(frame->type, frame->payload);
    }
    const std::vector<std::pair<FrameType, std::string>> expected = {
        {FrameType::kFileBegin, RunFile{CellFileKind::kSource, "main.py", 0, false}.Encode()},
        {FrameType::kFileData, "print()"},
        {FrameType::kFileEnd, ""},
        {FrameType::kFileBegin, RunFile{CellFileKind::kInput, "d/in.csv", 3, true}.Encode()},
        {FrameType::kFileData, "1"},
        {FrameType::kFileData, "2"},
        {FrameType::kFileEnd, ""}};
    EXPECT_EQ(frames, expected);

    co_await peer->Send(FrameType::kStdout, run.job, "one");
    co_await peer->Send(FrameType::kStderr, run.job, "two");
    co_await peer->Send(FrameType::kFileBegin, run.job, RunOutput{"new.txt", 4, std::nullopt}.Encode());
    co_await peer->Send(FrameType::kFileData, run.job, "da");
    co_await peer->Send(FrameType::kFileData, run.job, "ta");
    co_await peer->Send(FrameType::kFileEnd, run.job, R"({"ok":true})");
    co_await peer->Send(FrameType::kFileBegin, run.job, RunOutput{"d/in.csv", 9, 3}.Encode());
    co_await peer->Send(FrameType::kFileEnd, run.job, R"({"ok":false})");
    co_await peer->SendVerdict(run.job, 3);
    const auto verdict = co_await running->Outcome();
    CO_ASSERT(verdict);
    EXPECT_EQ(verdict->end, RunEnd::kExit);
    EXPECT_EQ(verdict->code, 3);
    EXPECT_EQ(sink.calls, (std::vector<std::string>{"out one", "err two", "begin new.txt", "data data",
                                                    "end ok", "begin d/in.csv of 3", "end broken"}));
  });
}

TEST_F(JailerClientTest, FailuresOfARunKeepTheirMeaning) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    const std::pair<const char*, ErrorCode> failures[] = {{"sandbox_setup_failed", ErrorCode::kSetupFailed},
                                                          {"sandbox_failed", ErrorCode::kSetupFailed},
                                                          {"something new", ErrorCode::kSetupFailed},
                                                          {"input_too_large", ErrorCode::kTooLarge},
                                                          {"input_invalid", ErrorCode::kInvalid}};
    for (const auto& [name, code] : failures) {
      RecordingSink sink;
      std::uint32_t job = 0;
      const auto running = co_await Begin({}, sink, job);
      co_await peer->Send(FrameType::kError, job, RunFailure{name, "why"}.Encode());
      const auto verdict = co_await running->Outcome();
      CO_ASSERT(!verdict);
      EXPECT_EQ(verdict.error().code, code) << name;
      EXPECT_EQ(verdict.error().message, "why");
    }
    co_await ExpectWorks();
  });
}

TEST_F(JailerClientTest, FailureBeatsInputsThatAreStillUnderWay) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    RecordingSink sink;
    std::uint32_t job = 0;
    const auto running = co_await Begin(Files(Input(std::string(3 * kCredit, 'x'))), sink, job);
    co_await Barrier();  // the run now waits for credit
    co_await peer->Send(FrameType::kError, job, RunFailure{"input_too_large", "it is full"}.Encode());
    const auto verdict = co_await running->Outcome();
    CO_ASSERT(!verdict);
    EXPECT_EQ(verdict.error().code, ErrorCode::kTooLarge);
    co_await ExpectWorks();
  });
}

TEST_F(JailerClientTest, FailureWhileAnInputIsReadEndsTheRun) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    Event reading(io.get_executor()), go_on(io.get_executor());
    std::size_t reads = 0;
    const std::string piece(kMaxDataPayload, 'x');
    auto read = [&]() -> awaitable<Result<std::string_view>> {
      reading.Set();
      co_await go_on.Wait();
      ++reads;
      co_return piece;  // endless
    };
    // As a store does: what was begun is finished and reported, whoever has lost interest.
    auto source = [&]() -> awaitable<Result<std::string_view>> {
      co_return co_await asio::co_spawn(
          io, read(), asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable));
    };
    RecordingSink sink;
    std::uint32_t job = 0;
    const auto running = co_await Begin(Files(Input(ByteSource(source))), sink, job);
    co_await reading.Wait();
    co_await peer->Send(FrameType::kError, job, RunFailure{"sandbox_setup_failed", "no cell"}.Encode());
    co_await Barrier();
    go_on.Set();
    const auto verdict = co_await running->Outcome();
    CO_ASSERT(!verdict);
    EXPECT_EQ(verdict.error().message, "no cell");
    EXPECT_EQ(reads, 1u);
    co_await ExpectWorks();
  });
}

TEST_F(JailerClientTest, FailingSourceCancelsTheRunAndItsErrorIsReturned) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    RecordingSink sink;
    std::uint32_t job = 0;
    const auto running = co_await Begin(Files(Input([]() -> awaitable<Result<std::string_view>> {
                                          co_return Fail(ErrorCode::kUnavailable, "the store is away");
                                        })),
                                        sink, job);
    EXPECT_EQ((co_await peer->Expect(FrameType::kCancel)).job, job);
    EXPECT_FALSE(running->finished());  // the jailer has the last word
    Verdict cancelled;
    cancelled.end = RunEnd::kCancelled;
    co_await peer->Send(FrameType::kVerdict, job, cancelled.Encode());
    const auto verdict = co_await running->Outcome();
    CO_ASSERT(!verdict);
    EXPECT_EQ(verdict.error().code, ErrorCode::kUnavailable);
    EXPECT_EQ(verdict.error().message, "the store is away");
    co_await ExpectWorks();
  });
}

TEST_F(JailerClientTest, AnInputThatIsNeverReadyCancelsTheRunToo) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    RecordingSink sink;
    std::uint32_t job = 0;
    RunInput input = Input(std::string("never sent"));
    input.ready = [](RunFile&) -> awaitable<Result<void>> {
      co_return Fail(ErrorCode::kNotFound, "there is none");
    };
    const auto running = co_await Begin(Files(std::move(input)), sink, job);
    EXPECT_EQ((co_await peer->Expect(FrameType::kCancel)).job, job);
    Verdict cancelled;
    cancelled.end = RunEnd::kCancelled;
    co_await peer->Send(FrameType::kVerdict, job, cancelled.Encode());
    const auto verdict = co_await running->Outcome();
    CO_ASSERT(!verdict);
    EXPECT_EQ(verdict.error().code, ErrorCode::kNotFound);
    EXPECT_TRUE(peer->data == 0);
    co_await ExpectWorks();
  });
}

TEST_F(JailerClientTest, FailingSinkCancelsTheRun) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    RecordingSink sink;
    sink.answer = Fail(ErrorCode::kTooLarge, "no room");
    std::uint32_t job = 0;
    const auto running = co_await Begin({}, sink, job);
    co_await peer->Send(FrameType::kStdout, job, "x");
    const auto verdict = co_await running->Outcome();
    CO_ASSERT(!verdict);
    EXPECT_EQ(verdict.error().message, "no room");
    EXPECT_EQ((co_await peer->Expect(FrameType::kCancel)).job, job);
    co_await peer->Send(FrameType::kStdout, job, "late");  // still under way when the cancel was sent
    co_await ExpectWorks();
    EXPECT_EQ(sink.calls.size(), 1u);
  });
}

TEST_F(JailerClientTest, CancellingTheCallerCancelsTheRun) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    RecordingSink sink;
    std::uint32_t job = 0;
    const auto running = co_await Begin(Files(Input(std::string(3 * kCredit, 'x'))), sink, job);
    co_await Barrier();
    running->Cancel();
    EXPECT_EQ((co_await peer->Expect(FrameType::kCancel)).job, job);
    const auto verdict = co_await running->Outcome();
    CO_ASSERT(!verdict);
    EXPECT_EQ(verdict.error().code, ErrorCode::kCancelled);
    co_await ExpectWorks();
  });
}

TEST_F(JailerClientTest, CancellingWhileTheSinkIsBusyCancelsTheRun) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    Event called(io.get_executor()), gate(io.get_executor());
    RecordingSink sink;
    sink.called = &called;
    sink.gate = &gate;
    std::uint32_t job = 0;
    const auto running = co_await Begin({}, sink, job);
    co_await peer->Send(FrameType::kStdout, job, "x");
    co_await called.Wait();
    running->Cancel();
    // Nothing more comes from the program, and still the cancel must go out.
    EXPECT_EQ((co_await peer->Expect(FrameType::kCancel)).job, job);
    const auto verdict = co_await running->Outcome();
    CO_ASSERT(!verdict);
    EXPECT_EQ(verdict.error().code, ErrorCode::kCancelled);
  });
}

TEST_F(JailerClientTest, RequestTooLargeForAFrameFailsAlone) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    RunRequest request;
    request.args = {std::string(kMaxControlPayload, 'x')};
    RecordingSink sink;
    const auto verdict = co_await client->Run(request, {}, sink);
    CO_ASSERT(!verdict);
    EXPECT_EQ(verdict.error().code, ErrorCode::kInvalid);
    co_await ExpectWorks();
  });
}

TEST_F(JailerClientTest, CloseEndsTheStreamAndEveryRun) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    RecordingSink sink;
    std::uint32_t job = 0;
    const auto running = co_await Begin({}, sink, job);
    client->Close();
    const auto verdict = co_await running->Outcome();
    CO_ASSERT(!verdict);
    EXPECT_EQ(verdict.error().code, ErrorCode::kSetupFailed);
    EXPECT_FALSE(client->alive());
    EXPECT_FALSE(co_await peer->Next());
    const auto later = co_await client->Run({}, {}, sink);
    CO_ASSERT(!later);
    EXPECT_EQ(later.error().code, ErrorCode::kSetupFailed);
  });
}

}  // namespace
}  // namespace codeapi
