// How things end before their time: cancelled, stopped, destroyed.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "store/in_process_job_queue.h"
#include "store/in_process_job_queue_fixture.h"

namespace codeapi::testing {
namespace {

class InProcessJobQueueEndTest : public InProcessJobQueueTest {};

TEST_F(InProcessJobQueueEndTest, ACancelledWaitingJobIsRemoved) {
  auto first = submit(job("1"));
  auto second = submit(job("2"));
  first->cancel();
  poll();
  EXPECT_EQ(CodeOf(*first->result), ErrorCode::kCancelled);
  EXPECT_EQ(depth(), 1u);
  EXPECT_EQ(runNext(), "2");
  EXPECT_FALSE(take()->result);
}

TEST_F(InProcessJobQueueEndTest, ACancelledRunningJobTellsItsLease) {
  auto submission = submit(job("1"));
  auto taking = take();
  Lease& lease = **taking->result;
  int told = 0;
  const auto wait = [&]() -> awaitable<void> {
    co_await lease.wait_cancelled();
    ++told;
  };
  asio::co_spawn(context_, wait, asio::detached);
  poll();
  EXPECT_EQ(told, 0);
  submission->cancel();
  poll();
  EXPECT_EQ(CodeOf(*submission->result), ErrorCode::kCancelled);
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(lease.cancelled());
  asio::co_spawn(context_, wait, asio::detached);  // at once, now
  poll();
  EXPECT_EQ(told, 2);
  EXPECT_EQ(CodeOf(Await(lease.complete("too late"))), ErrorCode::kCancelled);
}

TEST_F(InProcessJobQueueEndTest, AWaitingJobIsCancelledByItsId) {
  auto first = submit(job("1"));
  auto second = submit(job("2"));
  EXPECT_EQ(Await(queue_->cancel("1")), true);
  poll();
  EXPECT_EQ(CodeOf(*first->result), ErrorCode::kCancelled);
  EXPECT_FALSE(second->result);
  EXPECT_EQ(Await(queue_->cancel("1")), false);
  EXPECT_EQ(depth(), 1u);
  EXPECT_EQ(runNext(), "2");
}

TEST_F(InProcessJobQueueEndTest, ARunningJobIsCancelledByItsId) {
  auto submission = submit(job("1"));
  auto taking = take();
  Lease& lease = **taking->result;
  bool told = false;
  asio::co_spawn(
      context_,
      [&]() -> awaitable<void> {
        co_await lease.wait_cancelled();
        told = true;
      },
      asio::detached);
  poll();
  EXPECT_EQ(Await(queue_->cancel("1")), true);
  poll();
  EXPECT_EQ(CodeOf(*submission->result), ErrorCode::kCancelled);
  EXPECT_TRUE(told);
  EXPECT_TRUE(lease.cancelled());
  EXPECT_EQ(CodeOf(Await(lease.complete("too late"))), ErrorCode::kCancelled);
  EXPECT_EQ(Await(queue_->cancel("1")), false);
}

TEST_F(InProcessJobQueueEndTest, AnIdThatIsNoJobIsNotCancelled) {
  EXPECT_EQ(Await(queue_->cancel("1")), false);
  auto submission = submit(job("1"));
  EXPECT_EQ(Await(queue_->cancel("")), false);
  EXPECT_EQ(Await(queue_->cancel("11")), false);
  EXPECT_EQ(runNext(), "1");
  EXPECT_EQ(*submission->result, "answer to 1");
  EXPECT_EQ(Await(queue_->cancel("1")), false);
}

TEST_F(InProcessJobQueueEndTest, WaitingForCancellationComposes) {
  using namespace asio::experimental::awaitable_operators;  // NOLINT: operators
  auto submission = submit(job("1"));
  auto taking = take();
  Lease& lease = **taking->result;
  const auto quick = []() -> awaitable<int> { co_return 7; };
  std::vector<std::size_t> winners;
  asio::co_spawn(
      context_,
      [&]() -> awaitable<void> {
        winners.push_back((co_await (quick() || lease.wait_cancelled())).index());
        asio::post(context_, [&] { submission->cancel(); });
        asio::steady_timer never(context_, asio::steady_timer::time_point::max());
        winners.push_back(
            (co_await (never.async_wait(asio::use_awaitable) || lease.wait_cancelled())).index());
      },
      asio::detached);
  poll();
  EXPECT_EQ(winners, (std::vector<std::size_t>{0, 1}));
}

TEST_F(InProcessJobQueueEndTest, ASubmitterThatIsDestroyedHasCancelled) {
  auto other = std::make_unique<asio::io_context>();
  bool answered = false;
  asio::co_spawn(
      *other,
      [&]() -> awaitable<void> {
        static_cast<void>(co_await queue_->submit(job("1")));
        answered = true;
      },
      asio::detached);
  other->poll();
  EXPECT_EQ(depth(), 1u);
  other.reset();
  EXPECT_EQ(depth(), 0u);
  EXPECT_FALSE(answered);
}

// As at the end of the process: jobs wait and run, workers wait for work and for cancellation, and all of it
// goes.
TEST_F(InProcessJobQueueEndTest, TheWholeContextMayGoWithEverythingUnderWay) {
  auto other = std::make_unique<asio::io_context>();
  int ended = 0;
  struct CountAtExit {
    int& count;
    ~CountAtExit() { ++count; }
  };
  const auto submitter = [&](std::string id) -> awaitable<void> {
    const CountAtExit counter{ended};
    static_cast<void>(co_await queue_->submit(job(id)));
  };
  const auto worker = [&]() -> awaitable<void> {
    const CountAtExit counter{ended};
    auto lease = co_await queue_->take();
    if (lease) co_await lease->wait_cancelled();
    static_cast<void>(co_await queue_->take());
  };
  for (int i = 0; i < 2; ++i) asio::co_spawn(*other, worker(), asio::detached);
  for (const char* id : {"1", "2", "3", "4"}) asio::co_spawn(*other, submitter(id), asio::detached);
  other->poll();
  EXPECT_EQ(depth(), 2u);
  EXPECT_EQ(ended, 0);
  other.reset();
  EXPECT_EQ(ended, 6);
  EXPECT_EQ(depth(), 0u);
  other = std::make_unique<asio::io_context>();
  for (int i = 0; i < 2; ++i) asio::co_spawn(*other, worker(), asio::detached);
  other->poll();
  other.reset();
  EXPECT_EQ(ended, 8);
  auto submission = submit(job("5"));
  EXPECT_EQ(runNext(), "5");
}

TEST_F(InProcessJobQueueEndTest, ACancelledTakerGetsNothing) {
  auto taking = take();
  taking->cancel();
  poll();
  EXPECT_EQ(CodeOf(*taking->result), ErrorCode::kCancelled);
  auto submission = submit(job("1"));
  EXPECT_EQ(depth(), 1u);
  EXPECT_EQ(runNext(), "1");
}

TEST_F(InProcessJobQueueEndTest, AJobHandedToACancelledTakerKeepsItsPlace) {
  auto taking = take();
  auto first = start(queue_->submit(job("a1", "a")));
  auto second = start(queue_->submit(job("a2", "a")));
  auto third = start(queue_->submit(job("b1", "b")));
  // Behind the submissions and before the taker resumes.
  asio::post(context_, [&] { taking->cancel(); });
  poll();
  EXPECT_EQ(CodeOf(*taking->result), ErrorCode::kCancelled);
  EXPECT_EQ(depth(), 3u);
  EXPECT_EQ(runNext() + runNext() + runNext(), "a1b1a2");
}

TEST_F(InProcessJobQueueEndTest, AJobHandedToACancelledTakerGoesToTheNextOne) {
  auto first = take();
  auto second = take();
  auto submission = start(queue_->submit(job("1")));
  asio::post(context_, [&] { first->cancel(); });
  poll();
  EXPECT_EQ(CodeOf(*first->result), ErrorCode::kCancelled);
  ASSERT_TRUE(second->result && *second->result);
  EXPECT_EQ((*second->result)->job().id, "1");
}

TEST_F(InProcessJobQueueEndTest, AJobCancelledOnItsWayToATakerIsNotRun) {
  asio::io_context slow;  // runs only when told to, so the taker is handed the job and does not notice
  std::optional<Result<Lease>> taken;
  asio::co_spawn(slow, [&]() -> awaitable<void> { taken.emplace(co_await queue_->take()); }, asio::detached);
  slow.poll();
  auto submission = submit(job("1"));
  EXPECT_EQ(depth(), 0u);
  submission->cancel();
  poll();
  EXPECT_EQ(CodeOf(*submission->result), ErrorCode::kCancelled);
  slow.poll();
  EXPECT_FALSE(taken);
  auto next = submit(job("2"));
  slow.poll();
  ASSERT_TRUE(taken && *taken);
  EXPECT_EQ((*taken)->job().id, "2");
}

TEST_F(InProcessJobQueueEndTest, StopRefusesEverythingButAnswers) {
  auto running = submit(job("1"));
  auto taking = take();
  auto waiting = submit(job("2"));
  queue_->stop();
  queue_->stop();
  poll();
  ASSERT_EQ(CodeOf(*waiting->result), ErrorCode::kUnavailable);
  EXPECT_EQ(waiting->result->error().message, "shutting down");
  EXPECT_EQ(submit(job("3"))->result->error().message, "shutting down");
  EXPECT_EQ(CodeOf(*take()->result), ErrorCode::kCancelled);
  EXPECT_EQ(depth(), 0u);
  EXPECT_FALSE(running->result);
  EXPECT_TRUE(Await((*taking->result)->complete("done")));
  poll();
  EXPECT_EQ(*running->result, "done");
}

TEST_F(InProcessJobQueueEndTest, StopWakesTakers) {
  auto first = take();
  auto second = take();
  queue_->stop();
  poll();
  EXPECT_EQ(CodeOf(*first->result), ErrorCode::kCancelled);
  EXPECT_EQ(CodeOf(*second->result), ErrorCode::kCancelled);
}

TEST_F(InProcessJobQueueEndTest, AJobHandedToACancelledTakerIsRefusedAfterStop) {
  auto taking = take();
  auto submission = start(queue_->submit(job("1")));
  asio::post(context_, [&] {
    taking->cancel();
    queue_->stop();
  });
  poll();
  EXPECT_EQ(CodeOf(*taking->result), ErrorCode::kCancelled);
  EXPECT_EQ(CodeOf(*submission->result), ErrorCode::kUnavailable);
}

TEST_F(InProcessJobQueueEndTest, EverythingMayOutliveTheQueue) {
  auto running = submit(job("1"));
  auto taking = take();
  auto waiting = submit(job("2"));
  queue_.reset();
  poll();
  EXPECT_EQ(CodeOf(*waiting->result), ErrorCode::kUnavailable);
  EXPECT_TRUE(Await((*taking->result)->complete("done")));
  poll();
  EXPECT_EQ(*running->result, "done");
}

}  // namespace
}  // namespace codeapi::testing
