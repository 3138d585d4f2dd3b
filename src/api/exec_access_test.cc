#include "api/exec_access.h"

#include <gtest/gtest.h>

#include "sandbox/testing.h"

namespace codeapi::testing {
namespace {

// A queue whose workers hang.
class SilentQueue final : public JobQueue {
 public:
  explicit SilentQueue(asio::io_context& io) : never_(io.get_executor()) {}
  awaitable<Result<std::string>> submit(JobSpec) override {
    co_await asio::this_coro::throw_if_cancelled(false);
    submitted = true;
    co_await never_.Wait();
    given_up = true;
    co_return Fail(ErrorCode::kCancelled, "the submitter gave up");
  }
  awaitable<Result<bool>> cancel(std::string) override { co_return false; }
  awaitable<Result<Lease>> take() override { co_return Fail(ErrorCode::kCancelled, ""); }
  void stop() override {}
  std::string taker() const override { return "local"; }
  awaitable<Result<std::size_t>> depth() override { co_return std::size_t{0}; }
  awaitable<Result<QueueStats>> stats() override { co_return QueueStats{}; }

  bool submitted = false, given_up = false;

 private:
  Event never_;
};

TEST(SubmitByDeadlineTest, AJobThatNobodyAnswersIsGivenUp) {
  asio::io_context io;
  SilentQueue queue(io);
  RunTest(io, [&]() -> awaitable<void> {
    const JobSpec spec{.id = "1", .deadline = std::chrono::system_clock::now() - std::chrono::seconds(5)};
    const auto answer = co_await SubmitByDeadline(queue, spec);
    CO_ASSERT(!answer);
    EXPECT_EQ(answer.error().code, ErrorCode::kDeadline);
    EXPECT_TRUE(queue.submitted);
    EXPECT_TRUE(queue.given_up);
  });
}

TEST(SubmitByDeadlineTest, AClientThatLeavesTakesItsJobAlong) {
  asio::io_context io;
  SilentQueue queue(io);
  RunTest(io, [&]() -> awaitable<void> {
    const JobSpec spec{.id = "1", .deadline = std::chrono::system_clock::now() + std::chrono::hours(1)};
    const auto waiting = Start(io, SubmitByDeadline(queue, spec));
    while (!queue.submitted) co_await asio::post(io, asio::use_awaitable);
    waiting->Cancel();
    while (!queue.given_up || !waiting->finished()) co_await asio::post(io, asio::use_awaitable);
  });
}

}  // namespace
}  // namespace codeapi::testing
