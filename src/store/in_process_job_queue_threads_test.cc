// The same queue with everything happening at once. What can be said of it then are sums.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include "store/in_process_job_queue.h"
#include "store/testing.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using Strand = asio::strand<asio::io_context::executor_type>;

struct Tally {
  std::atomic<int> answered = 0, cancelled = 0, abandoned = 0, refused = 0, other = 0;
  std::atomic<int> taken = 0;

  void count(const Result<std::string>& result) {
    if (result) {
      ++answered;
    } else if (result.error().code == ErrorCode::kCancelled) {
      ++cancelled;
    } else if (result.error().code == ErrorCode::kInternal) {
      ++abandoned;
    } else if (result.error().code == ErrorCode::kUnavailable) {
      ++refused;
    } else {
      ++other;
    }
  }
};

JobSpec Job(int number) {
  return {std::to_string(number), std::to_string(number % 5), "x",
          std::chrono::system_clock::now() + std::chrono::hours(1)};
}

// Works until the queue stops. Every `abandon_every`th job is dropped.
awaitable<void> Worker(InProcessJobQueue& queue, Tally& tally, int abandon_every) {
  for (;;) {
    auto lease = co_await queue.take();
    if (!lease) {
      EXPECT_EQ(lease.error().code, ErrorCode::kCancelled);
      co_return;
    }
    const int number = ++tally.taken;
    if (abandon_every != 0 && number % abandon_every == 0) continue;
    co_await asio::post(asio::use_awaitable);
    const std::string id = lease->job().id;
    const auto done = co_await lease->complete(id);
    EXPECT_TRUE(done || done.error().code == ErrorCode::kCancelled);
  }
}

void RunOnThreads(asio::io_context& context) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { context.run(); });
}

TEST(InProcessJobQueueThreads, EveryJobGetsItsOwnAnswer) {
  constexpr int kSubmitters = 32, kRounds = 50;
  asio::io_context context;
  InProcessJobQueue queue({.max_waiting = kSubmitters});
  Tally tally;
  std::atomic<int> left = kSubmitters;
  const auto submitter = [&](int first) -> awaitable<void> {
    for (int i = 0; i < kRounds; ++i) {
      const std::string id = std::to_string(first + i);
      const auto answer = co_await queue.submit(Job(first + i));
      EXPECT_TRUE(!answer || *answer == id);
      tally.count(answer);
    }
    if (--left == 0) queue.stop();
  };
  for (int i = 0; i < kSubmitters; ++i) {
    asio::co_spawn(asio::make_strand(context), submitter(i * kRounds), asio::detached);
  }
  for (int i = 0; i < 6; ++i) {
    asio::co_spawn(asio::make_strand(context), Worker(queue, tally, 10), asio::detached);
  }
  RunOnThreads(context);
  EXPECT_EQ(tally.taken, kSubmitters * kRounds);
  EXPECT_EQ(tally.abandoned, kSubmitters * kRounds / 10);
  EXPECT_EQ(tally.answered, kSubmitters * kRounds - tally.abandoned);
  EXPECT_EQ(tally.cancelled + tally.refused + tally.other, 0);
}

// Submitters give up and takers come and go while jobs are handed over: each job still ends exactly once, and
// none is left behind.
TEST(InProcessJobQueueThreads, CancellationLosesNothing) {
  constexpr int kJobs = 1000, kImpatientTakers = 300;
  asio::io_context context;
  InProcessJobQueue queue({.max_waiting = kJobs});
  Tally tally;
  std::atomic<int> left = kJobs;
  std::vector<std::unique_ptr<asio::cancellation_signal>> signals;

  // Starts `work` on a strand of its own and cancels it from there, sooner or later than it gets anywhere.
  const auto spawn_cancelled = [&](auto work) {
    const Strand strand = asio::make_strand(context);
    asio::cancellation_signal& signal = *signals.emplace_back(std::make_unique<asio::cancellation_signal>());
    asio::co_spawn(strand, std::move(work), asio::bind_cancellation_slot(signal.slot(), asio::detached));
    asio::post(context, [&signal, strand] {
      asio::post(strand, [&signal] { signal.emit(asio::cancellation_type::terminal); });
    });
  };
  const auto submitter = [&](int number) -> awaitable<void> {
    co_await asio::this_coro::throw_if_cancelled(false);
    tally.count(co_await queue.submit(Job(number)));
    if (--left == 0) queue.stop();
  };
  const auto impatient = [&]() -> awaitable<void> {
    co_await asio::this_coro::throw_if_cancelled(false);
    auto lease = co_await queue.take();
    if (!lease) co_return;
    ++tally.taken;
    static_cast<void>(co_await lease->complete("by the impatient"));
  };
  for (int i = 0; i < kJobs; ++i) {
    if (i % 2 == 0) {
      asio::co_spawn(asio::make_strand(context), submitter(i), asio::detached);
    } else {
      spawn_cancelled(submitter(i));
    }
    if (i < kImpatientTakers) spawn_cancelled(impatient());
  }
  for (int i = 0; i < 4; ++i) {
    asio::co_spawn(asio::make_strand(context), Worker(queue, tally, 0), asio::detached);
  }
  RunOnThreads(context);
  EXPECT_EQ(left, 0);
  EXPECT_EQ(tally.answered + tally.cancelled, kJobs);
  EXPECT_GE(tally.answered, kJobs / 2);
  EXPECT_GE(tally.taken, tally.answered);
  EXPECT_EQ(tally.abandoned + tally.refused + tally.other, 0);
}

TEST(InProcessJobQueueThreads, StopReachesEverybody) {
  constexpr int kJobs = 400;
  asio::io_context context;
  InProcessJobQueue queue({.max_waiting = kJobs});
  Tally tally;
  const auto submitter = [&](int number) -> awaitable<void> {
    tally.count(co_await queue.submit(Job(number)));
  };
  for (int i = 0; i < kJobs; ++i) {
    if (i == kJobs / 2) asio::post(context, [&] { queue.stop(); });
    asio::co_spawn(asio::make_strand(context), submitter(i), asio::detached);
    if (i % 50 == 0) asio::co_spawn(asio::make_strand(context), Worker(queue, tally, 0), asio::detached);
  }
  RunOnThreads(context);
  EXPECT_EQ(tally.answered + tally.refused, kJobs);
  EXPECT_EQ(tally.answered, tally.taken);
}

}  // namespace
}  // namespace codeapi
