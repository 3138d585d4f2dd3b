// What every JobQueue has to do, as a suite to instantiate over a type with
//
//   JobQueue& queue();
//   void reset(std::size_t max_waiting);  // a new, empty queue
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include "net/redis_client_fixture.h"
#include "store/job_queue.h"
#include "store/testing.h"

namespace codeapi::testing {

inline JobSpec SomeJob(std::string id, std::string tenant = "t") {
  return {.id = std::move(id),
          .tenant = std::move(tenant),
          .payload = "payload",
          .deadline = std::chrono::system_clock::now() + std::chrono::hours(1)};
}

/// A call to a queue, under way on a strand of its own.
template <typename T>
class Underway {
 public:
  Underway(TestThreads& threads, boost::asio::awaitable<Result<T>> work)
      : strand_(boost::asio::make_strand(threads.io())),
        signal_(std::make_shared<boost::asio::cancellation_signal>()) {
    std::promise<Result<T>> promise;
    result_ = promise.get_future();
    // Bound on the strand, where the signal is emitted too.
    boost::asio::post(strand_, [strand = strand_, signal = signal_, work = std::move(work),
                                promise = std::move(promise)]() mutable {
      boost::asio::co_spawn(
          strand,
          [](boost::asio::awaitable<Result<T>> w, std::promise<Result<T>> p) -> boost::asio::awaitable<void> {
            co_await boost::asio::this_coro::throw_if_cancelled(false);
            p.set_value(co_await std::move(w));
          }(std::move(work), std::move(promise)),
          boost::asio::bind_cancellation_slot(signal->slot(), [signal](const std::exception_ptr&) {}));
    });
  }

  void cancel() {
    boost::asio::post(strand_,
                      [signal = signal_] { signal->emit(boost::asio::cancellation_type::terminal); });
  }

  /// Waits for the result; a minute without one is a failure. To be called once.
  Result<T> get() {
    if (result_.wait_for(std::chrono::minutes(1)) != std::future_status::ready) {
      ADD_FAILURE() << "no answer";
      return Fail(ErrorCode::kInternal, "no answer");
    }
    return result_.get();
  }

  bool over() const { return result_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }

 private:
  boost::asio::strand<boost::asio::io_context::executor_type> strand_;
  std::shared_ptr<boost::asio::cancellation_signal> signal_;
  std::future<Result<T>> result_;
};

/// Waits until `holds`; a minute without is a failure.
template <typename F>
void Eventually(F holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) {
      ADD_FAILURE() << "it never happened";
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

template <typename Backend>
class JobQueueContract : public ::testing::Test {
 protected:
  using Submission = Underway<std::string>;

  JobQueue& queue() { return backend_.queue(); }
  Submission submit(JobSpec spec) { return Submission(threads_, queue().submit(std::move(spec))); }
  Underway<Lease> take() { return Underway<Lease>(threads_, queue().take()); }
  template <typename T>
  Result<T> await(boost::asio::awaitable<Result<T>> work) {
    return threads_.await(std::move(work));
  }
  std::size_t depth() { return await(queue().depth()).value_or(999); }
  void untilDepth(std::size_t wanted) {
    Eventually([&] { return depth() == wanted; });
  }
  // Submits and waits until it is in the queue.
  Submission enqueue(JobSpec spec) {
    const std::size_t before = depth();
    Submission submission = submit(std::move(spec));
    untilDepth(before + 1);
    return submission;
  }
  // Takes a job that must be there, and completes it.
  std::string runNext() {
    auto lease = take().get();
    if (!lease) return "<" + lease.error().message + ">";
    const std::string id = lease->job().id;
    EXPECT_TRUE(await(lease->complete("answer to " + id)));
    return id;
  }

  TestThreads threads_;
  Backend backend_;
};

TYPED_TEST_SUITE_P(JobQueueContract);

TYPED_TEST_P(JobQueueContract, AJobArrivesWholeAndItsAnswerReachesItsSubmitter) {
  JobSpec spec = SomeJob("1");
  spec.payload = std::string("\0\r\n\xff", 4);
  spec.trace = "00-abc-def-01";
  spec.worker = this->queue().taker();
  auto first = this->enqueue(spec);
  auto second = this->enqueue(SomeJob("2", ""));
  auto lease = this->take().get();
  ASSERT_TRUE(lease) << lease.error().message;
  EXPECT_EQ(lease->job().id, "1");
  EXPECT_EQ(lease->job().tenant, "t");
  EXPECT_EQ(lease->job().payload, spec.payload);
  EXPECT_EQ(lease->job().trace, spec.trace);
  EXPECT_EQ(lease->job().worker, spec.worker);
  EXPECT_LE(lease->job().deadline, spec.deadline + std::chrono::seconds(30));
  EXPECT_GE(lease->job().deadline, spec.deadline - std::chrono::seconds(30));
  EXPECT_EQ(lease->attempt(), 1);
  EXPECT_FALSE(lease->cancelled());
  EXPECT_EQ(this->runNext(), "2");
  EXPECT_EQ(second.get(), "answer to 2");
  EXPECT_FALSE(first.over());
  const std::string answer("\0\n\xfe", 3);
  EXPECT_TRUE(this->await(lease->complete(answer)));
  EXPECT_EQ(first.get(), answer);
  EXPECT_EQ(this->depth(), 0u);
}

TYPED_TEST_P(JobQueueContract, WaitingWorkersAreWoken) {
  auto first = this->take();
  auto second = this->take();
  auto one = this->submit(SomeJob("1"));
  auto two = this->submit(SomeJob("2"));
  auto a = first.get(), b = second.get();
  ASSERT_TRUE(a && b);
  EXPECT_NE(a->job().id, b->job().id);
  EXPECT_TRUE(this->await(a->complete("")));
  EXPECT_TRUE(this->await(b->complete("")));
  EXPECT_TRUE(one.get() && two.get());
}

TYPED_TEST_P(JobQueueContract, OnlyOneAnswerCounts) {
  auto submission = this->submit(SomeJob("1"));
  auto lease = this->take().get();
  EXPECT_TRUE(this->await(lease->complete("first")));
  EXPECT_EQ(CodeOf(this->await(lease->complete("second"))), ErrorCode::kConflict);
  EXPECT_EQ(CodeOf(this->await(lease->hand_back())), ErrorCode::kConflict);
  EXPECT_EQ(submission.get(), "first");
}

TYPED_TEST_P(JobQueueContract, AnAbandonedLeaseFailsTheJob) {
  auto submission = this->submit(SomeJob("1"));
  {
    const auto lease = this->take().get();
  }
  const auto answer = submission.get();
  ASSERT_EQ(CodeOf(answer), ErrorCode::kInternal);
  EXPECT_EQ(answer.error().message, "worker abandoned the job");
}

TYPED_TEST_P(JobQueueContract, AFullQueueRefusesAtOnce) {
  this->backend_.reset(2);
  auto one = this->enqueue(SomeJob("1"));
  auto two = this->enqueue(SomeJob("2", "u"));
  const auto refused = this->submit(SomeJob("3")).get();
  ASSERT_EQ(CodeOf(refused), ErrorCode::kUnavailable);
  EXPECT_EQ(refused.error().message, "queue_full");
  EXPECT_EQ(this->runNext(), "1");
  auto four = this->enqueue(SomeJob("4"));
  EXPECT_EQ(this->submit(SomeJob("5")).get().error().message, "queue_full");
}

TYPED_TEST_P(JobQueueContract, TenantsTakeTurns) {
  std::vector<typename TestFixture::Submission> waiting;
  for (const char* id : {"a1", "a2", "a3", "a4"}) waiting.push_back(this->enqueue(SomeJob(id, "a")));
  for (const char* id : {"b1", "b2"}) waiting.push_back(this->enqueue(SomeJob(id, "b")));
  waiting.push_back(this->enqueue(SomeJob("c1", "c")));
  const auto stats = this->await(this->queue().stats());
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->waiting, 7u);
  EXPECT_EQ(stats->tenants, 3u);
  EXPECT_GE(stats->oldest.count(), 0);
  std::string order;
  for (int i = 0; i < 3; ++i) order += this->runNext() + " ";
  waiting.push_back(this->enqueue(SomeJob("d1", "d")));
  for (int i = 0; i < 5; ++i) order += this->runNext() + " ";
  EXPECT_EQ(order, "a1 b1 c1 a2 b2 d1 a3 a4 ");
}

TYPED_TEST_P(JobQueueContract, AnOverdueJobIsNeverRun) {
  JobSpec late = SomeJob("late");
  late.deadline = std::chrono::system_clock::now() - std::chrono::seconds(1);
  EXPECT_EQ(CodeOf(this->submit(late).get()), ErrorCode::kDeadline);
  JobSpec soon = SomeJob("soon");
  soon.deadline = std::chrono::system_clock::now() + std::chrono::milliseconds(50);
  auto submission = this->submit(soon);
  auto next = this->submit(SomeJob("next"));
  EXPECT_EQ(CodeOf(submission.get()), ErrorCode::kDeadline);
  this->untilDepth(1);
  EXPECT_EQ(this->runNext(), "next");
  JobSpec ever = SomeJob("ever");
  ever.deadline = std::chrono::system_clock::time_point::max();
  auto last = this->submit(ever);
  EXPECT_EQ(this->runNext(), "ever");
  EXPECT_TRUE(last.get());
}

TYPED_TEST_P(JobQueueContract, TheDeadlineDoesNotEndARunningJob) {
  JobSpec soon = SomeJob("soon");
  soon.deadline = std::chrono::system_clock::now() + std::chrono::seconds(2);
  auto submission = this->submit(soon);
  auto lease = this->take().get();
  ASSERT_TRUE(lease) << lease.error().message;
  std::this_thread::sleep_until(soon.deadline + std::chrono::milliseconds(50));
  EXPECT_FALSE(submission.over());
  EXPECT_FALSE(lease->cancelled());
  EXPECT_TRUE(this->await(lease->complete("late, but in time")));
  EXPECT_EQ(submission.get(), "late, but in time");
}

TYPED_TEST_P(JobQueueContract, ACancelledWaitingJobIsRemoved) {
  auto first = this->enqueue(SomeJob("1"));
  auto second = this->enqueue(SomeJob("2"));
  first.cancel();
  EXPECT_EQ(CodeOf(first.get()), ErrorCode::kCancelled);
  this->untilDepth(1);
  EXPECT_EQ(this->runNext(), "2");
}

TYPED_TEST_P(JobQueueContract, ACancelledRunningJobTellsItsLease) {
  auto submission = this->submit(SomeJob("1"));
  auto lease = this->take().get();
  ASSERT_TRUE(lease);
  const auto told = [](Lease& l) -> boost::asio::awaitable<Result<int>> {
    co_await l.wait_cancelled();
    co_return 1;
  };
  Underway<int> waiting(this->threads_, told(*lease));
  submission.cancel();
  EXPECT_EQ(CodeOf(submission.get()), ErrorCode::kCancelled);
  EXPECT_TRUE(waiting.get());
  EXPECT_TRUE(lease->cancelled());
  EXPECT_TRUE(this->await(told(*lease)));  // at once, now
  EXPECT_EQ(CodeOf(this->await(lease->complete("too late"))), ErrorCode::kCancelled);
}

TYPED_TEST_P(JobQueueContract, ACancelledTakerGetsNothing) {
  auto taking = this->take();
  taking.cancel();
  EXPECT_EQ(CodeOf(taking.get()), ErrorCode::kCancelled);
  auto submission = this->enqueue(SomeJob("1"));
  EXPECT_EQ(this->runNext(), "1");
}

TYPED_TEST_P(JobQueueContract, StopRefusesEverythingButAnswers) {
  auto running = this->submit(SomeJob("1"));
  auto lease = this->take().get();
  auto waiting = this->enqueue(SomeJob("2"));
  this->queue().stop();
  this->queue().stop();
  const auto refused = waiting.get();
  ASSERT_EQ(CodeOf(refused), ErrorCode::kUnavailable);
  EXPECT_EQ(refused.error().message, "shutting down");
  EXPECT_EQ(this->submit(SomeJob("3")).get().error().message, "shutting down");
  EXPECT_EQ(CodeOf(this->take().get()), ErrorCode::kCancelled);
  EXPECT_EQ(this->depth(), 0u);
  EXPECT_FALSE(running.over());
  EXPECT_TRUE(this->await(lease->complete("done")));
  EXPECT_EQ(running.get(), "done");
}

TYPED_TEST_P(JobQueueContract, StopWakesTakers) {
  auto first = this->take();
  auto second = this->take();
  this->queue().stop();
  EXPECT_EQ(CodeOf(first.get()), ErrorCode::kCancelled);
  EXPECT_EQ(CodeOf(second.get()), ErrorCode::kCancelled);
}

// Submitters give up and takers come and go while jobs are handed over: each job ends exactly once.
TYPED_TEST_P(JobQueueContract, EveryJobEndsOnceWhateverHappensAround) {
  constexpr int kJobs = 200;
  this->backend_.reset(kJobs);
  std::vector<typename TestFixture::Submission> submissions;
  std::vector<Underway<Lease>> impatient;
  const auto worker = [](JobQueue& queue) -> boost::asio::awaitable<Result<int>> {
    for (int done = 0;; ++done) {
      auto lease = co_await queue.take();
      if (!lease) co_return done;
      const std::string id = lease->job().id;
      const auto completed = co_await lease->complete(id);
      EXPECT_TRUE(completed || completed.error().code == ErrorCode::kCancelled) << completed.error().message;
    }
  };
  std::vector<Underway<int>> workers;
  for (int i = 0; i < 4; ++i) workers.emplace_back(this->threads_, worker(this->queue()));
  for (int i = 0; i < kJobs; ++i) {
    submissions.push_back(this->submit(SomeJob(std::to_string(i), std::to_string(i % 5))));
    if (i % 3 == 0) submissions.back().cancel();
    if (i % 4 == 0) {
      impatient.push_back(this->take());
      impatient.back().cancel();
    }
  }
  for (auto& taking : impatient) {
    auto lease = taking.get();
    if (!lease) {
      EXPECT_EQ(lease.error().code, ErrorCode::kCancelled);
      continue;
    }
    const std::string id = lease->job().id;  // it was faster than its cancellation
    const auto completed = this->await(lease->complete(id));
    EXPECT_TRUE(completed || completed.error().code == ErrorCode::kCancelled) << completed.error().message;
  }
  for (int i = 0; i < kJobs; ++i) {
    const auto answer = submissions[static_cast<std::size_t>(i)].get();
    if (answer) {
      EXPECT_EQ(*answer, std::to_string(i));
    } else {
      EXPECT_EQ(answer.error().code, ErrorCode::kCancelled) << answer.error().message;
      EXPECT_EQ(i % 3, 0);
    }
  }
  this->untilDepth(0);
  this->queue().stop();
  for (auto& each : workers) EXPECT_TRUE(each.get());
}

REGISTER_TYPED_TEST_SUITE_P(JobQueueContract, AJobArrivesWholeAndItsAnswerReachesItsSubmitter,
                            WaitingWorkersAreWoken, OnlyOneAnswerCounts, AnAbandonedLeaseFailsTheJob,
                            AFullQueueRefusesAtOnce, TenantsTakeTurns, AnOverdueJobIsNeverRun,
                            TheDeadlineDoesNotEndARunningJob, ACancelledWaitingJobIsRemoved,
                            ACancelledRunningJobTellsItsLease, ACancelledTakerGetsNothing,
                            StopRefusesEverythingButAnswers, StopWakesTakers,
                            EveryJobEndsOnceWhateverHappensAround);

}  // namespace codeapi::testing
