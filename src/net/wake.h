// How one coroutine is woken from another thread.
#pragma once

#include <mutex>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace codeapi {

/// A flag that notify() sets, from any thread, and wait() takes back. At most one wait at a time, from
/// whatever executor. A wait may end without reason: look at what you wait for, wait, look again. Must not be
/// destroyed during a call.
class Wake {
 public:
  /// Ends the wait under way, or else the next one at once. Thread-safe.
  void notify() {
    const std::lock_guard lock(mutex_);
    set_ = true;
    if (waiter_ == nullptr) return;
    // The waiter may be the last work of its execution context, which we still touch: keep it running.
    const auto tracked =
        boost::asio::prefer(waiter_->get_executor(), boost::asio::execution::outstanding_work.tracked);
    waiter_->expires_at(Timer::time_point::min());
    waiter_ = nullptr;
  }

  /// Returns after notify(), or when the awaiting coroutine is cancelled (without throwing).
  boost::asio::awaitable<void> wait() {
    constexpr auto kToken = boost::asio::as_tuple(boost::asio::use_awaitable);
    // A timer of the waiting executor's own, so that it is one of its own threads that resumes the coroutine.
    Timer timer(co_await boost::asio::this_coro::executor, Timer::time_point::max());
    const Registration registration{this};
    co_await boost::asio::async_initiate<decltype(kToken), void(boost::system::error_code)>(
        [this, &timer](auto handler) {
          const std::lock_guard lock(mutex_);
          if (set_) {
            timer.expires_at(Timer::time_point::min());
          } else {
            waiter_ = &timer;
          }
          timer.async_wait(std::move(handler));
        },
        kToken);
  }

 private:
  using Timer = boost::asio::steady_timer;

  // Forgets the timer before it goes, however the wait ends.
  struct Registration {
    Wake* wake;
    ~Registration() {
      const std::lock_guard lock(wake->mutex_);
      wake->waiter_ = nullptr;
      wake->set_ = false;
    }
  };

  std::mutex mutex_;
  bool set_ = false;
  Timer* waiter_ = nullptr;
};

}  // namespace codeapi
