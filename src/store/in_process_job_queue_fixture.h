// A queue under test with its submitters and takers on one thread.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "store/in_process_job_queue.h"
#include "store/testing.h"

namespace codeapi::testing {

namespace asio = boost::asio;
using asio::awaitable;
using Clock = std::chrono::system_clock;

// A call to the queue under way: what it returned, if it has, and the means to cancel it.
template <typename T>
struct Call {
  std::optional<Result<T>> result;
  asio::cancellation_signal signal;
  void cancel() { signal.emit(asio::cancellation_type::terminal); }
};

// One thread: poll() runs until nothing is left that could run, so "has not returned" is a fact and not a
// race.
class InProcessJobQueueTest : public ::testing::Test {
 protected:
  using Submission = std::shared_ptr<Call<std::string>>;
  using Taking = std::shared_ptr<Call<Lease>>;

  template <typename T>
  std::shared_ptr<Call<T>> start(awaitable<Result<T>> work) {
    auto call = std::make_shared<Call<T>>();
    asio::co_spawn(
        context_,
        [](std::shared_ptr<Call<T>> c, awaitable<Result<T>> w) -> awaitable<void> {
          c->result.emplace(co_await std::move(w));
        }(call, std::move(work)),
        asio::bind_cancellation_slot(call->signal.slot(), asio::detached));
    return call;
  }

  void poll() {
    context_.restart();
    context_.poll();
  }

  static JobSpec job(std::string id, std::string tenant = "t") {
    return {std::move(id), std::move(tenant), "payload", Clock::now() + std::chrono::hours(1)};
  }

  Submission submit(JobSpec spec) {
    auto call = start(queue_->submit(std::move(spec)));
    poll();
    return call;
  }

  Taking take() {
    auto call = start(queue_->take());
    poll();
    return call;
  }

  // Takes a job that must be there, and completes it.
  std::string runNext() {
    auto taking = take();
    if (!taking->result || !*taking->result) return "<nothing>";
    Lease lease = std::move(**taking->result);
    const std::string id = lease.job().id;
    EXPECT_TRUE(Await(lease.complete("answer to " + id)));
    poll();
    return id;
  }

  std::size_t depth() { return *Await(queue_->depth()); }

  asio::io_context context_;
  std::optional<InProcessJobQueue> queue_{InProcessJobQueueOptions{.max_waiting = 3}};
};

}  // namespace codeapi::testing
