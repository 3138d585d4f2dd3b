// Flow control, and runs beside each other.
#include "sandbox/jailer_client_fixture.h"

namespace codeapi {
namespace {

using namespace testing;  // NOLINT: the fixture's own names

TEST_F(JailerClientTest, SendsNoMoreThanItWasGranted) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    // A first file of odd size, so that the credit does not end at the edge of a frame.
    std::vector<RunInput> files;
    files.push_back(Input(std::string(10, 'a'), "small"));
    files.push_back(Input(std::string(2 * kCredit, 'b'), "large"));
    const std::size_t total = 10 + 2 * kCredit;
    RecordingSink sink;
    std::uint32_t job = 0;
    const auto running = co_await Begin(std::move(files), sink, job);
    co_await Barrier();
    EXPECT_EQ(peer->data, kCredit);
    co_await peer->Send(FrameType::kCredit, job, EncodeCredit(1));
    co_await Barrier();
    EXPECT_EQ(peer->data, kCredit + 1);
    co_await peer->Send(FrameType::kCredit, job, EncodeCredit(100'000));
    co_await Barrier();
    EXPECT_EQ(peer->data, kCredit + 100'001);
    co_await peer->Send(FrameType::kCredit, job, EncodeCredit(kInitialCredit));
    co_await Barrier();
    EXPECT_EQ(peer->data, total);
    co_await peer->SendVerdict(job);
    EXPECT_TRUE(co_await running->Outcome());
  });
}

TEST_F(JailerClientTest, NeverCountsMoreCreditThanTheInitial) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    RecordingSink sink;
    std::uint32_t job = 0;
    const auto running = co_await Begin(Files(Input(std::string(8 * kCredit, 'b'))), sink, job);
    co_await Barrier();
    for (int i = 0; i < 3; ++i) co_await peer->Send(FrameType::kCredit, job, EncodeCredit(0xffffffff));
    // Credit that cannot be read grants nothing.
    for (const char* bad : {"", "abc", "abcde"}) co_await peer->Send(FrameType::kCredit, job, bad);
    co_await Barrier();
    EXPECT_LE(peer->data, 4 * kCredit);
    co_await peer->SendVerdict(job);
    EXPECT_TRUE(co_await running->Outcome());
  });
}

TEST_F(JailerClientTest, SourceIsReadOnlyAsFarAsCreditGoes) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    std::size_t read = 0;
    RecordingSink sink;
    std::uint32_t job = 0;
    const std::string piece(kMaxDataPayload, 'x');
    const auto running = co_await Begin(Files(Input([&]() -> awaitable<Result<std::string_view>> {
                                          read += piece.size();
                                          co_return piece;  // endless
                                        })),
                                        sink, job);
    co_await Barrier();
    EXPECT_EQ(peer->data, kCredit);
    EXPECT_LE(read, kCredit + kMaxDataPayload);
    running->Cancel();
    EXPECT_FALSE(co_await running->Outcome());
  });
}

TEST_F(JailerClientTest, GivesCreditBackForWhatWasConsumed) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    Event gate(io.get_executor());
    RecordingSink sink;
    sink.gate = &gate;
    std::uint32_t job = 0;
    const auto running = co_await Begin({}, sink, job);
    const std::string block(kMaxDataPayload, 'x');
    for (std::size_t sent = 0; sent < kCredit; sent += block.size()) {
      co_await peer->Send(FrameType::kStdout, job, block);
    }
    co_await Barrier();
    EXPECT_EQ(peer->credit, 0u);  // the sink has taken nothing yet
    gate.Set();
    while (peer->credit < kCredit) {
      const Frame frame = co_await peer->Expect(FrameType::kCredit);
      CO_ASSERT(frame.job == job);
      peer->credit += DecodeCredit(frame.payload).value_or(0);
    }
    EXPECT_EQ(peer->credit, kCredit);
    co_await peer->SendVerdict(job);
    EXPECT_TRUE(co_await running->Outcome());
    EXPECT_EQ(sink.data_bytes, kCredit);
  });
}

TEST_F(JailerClientTest, SlowSinkHoldsUpNobodyElse) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    Event gate(io.get_executor());
    RecordingSink slow, quick;
    slow.gate = &gate;
    std::uint32_t slow_job = 0, quick_job = 0;
    const auto slow_run = co_await Begin({}, slow, slow_job);
    const auto quick_run = co_await Begin({}, quick, quick_job);
    EXPECT_NE(slow_job, quick_job);
    const std::string block(kMaxDataPayload, 'x');
    for (std::size_t sent = 0; sent < kCredit; sent += block.size()) {
      co_await peer->Send(FrameType::kStdout, slow_job, block);
      co_await peer->Send(FrameType::kStdout, quick_job, "y");
    }
    co_await peer->SendVerdict(slow_job, 1);
    co_await peer->SendVerdict(quick_job, 2);
    const auto first = co_await quick_run->Outcome();
    EXPECT_TRUE(first && first->code == 2);
    EXPECT_EQ(quick.data_bytes, kCredit / kMaxDataPayload);
    EXPECT_FALSE(slow_run->finished());
    gate.Set();
    const auto second = co_await slow_run->Outcome();
    EXPECT_TRUE(second && second->code == 1);
    EXPECT_EQ(slow.data_bytes, kCredit);
  });
}

TEST_F(JailerClientTest, RunThatWaitsForCreditHoldsUpNobodyElse) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await Greet();
    RecordingSink sink;
    std::uint32_t job = 0;
    const auto running = co_await Begin(Files(Input(std::string(2 * kCredit, 'x'))), sink, job);
    co_await ExpectWorks();
    EXPECT_FALSE(running->finished());
    co_await peer->SendVerdict(job);  // a jailer may also not want the rest
    EXPECT_TRUE(co_await running->Outcome());
  });
}

}  // namespace
}  // namespace codeapi
