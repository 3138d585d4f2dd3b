// A flag that a coroutine can wait for and any thread can set.
#pragma once

#include <mutex>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace codeapi {

/// Once set, set for ever. set() is thread-safe; waits may come from any number of coroutines, and use the
/// resources of the executor given. Must not be destroyed during a call, nor outlive its execution context.
///
/// A timer that is far away and then suddenly overdue. Asio's channels would say it more plainly, but those
/// of Boost 1.81 dereference a null pointer when something is sent while their execution context is being
/// destroyed, and that is when abandoned leases report.
class Latch {
 public:
  explicit Latch(const boost::asio::any_io_executor& executor) : timer_(executor, Timer::time_point::max()) {}

  /// Ends all waits, present and future.
  void set() {
    // As we wake a waiter it may be the last work of its execution context, which we still touch: keep it
    // running.
    const auto tracked =
        boost::asio::prefer(timer_.get_executor(), boost::asio::execution::outstanding_work.tracked);
    const std::lock_guard lock(mutex_);
    timer_.expires_at(Timer::time_point::min());
  }

  /// Returns when set() is called, at once if it was, or when the awaiting coroutine is cancelled.
  boost::asio::awaitable<void> wait() {
    constexpr auto kToken = boost::asio::as_tuple(boost::asio::use_awaitable);
    co_await boost::asio::async_initiate<decltype(kToken), void(boost::system::error_code)>(
        [this](auto handler) {
          const std::lock_guard lock(mutex_);
          timer_.async_wait(std::move(handler));
        },
        kToken);
  }

 private:
  using Timer = boost::asio::steady_timer;
  std::mutex mutex_;  // a timer by itself is not thread-safe
  Timer timer_;
};

}  // namespace codeapi
