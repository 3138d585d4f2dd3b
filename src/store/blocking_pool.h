// Threads for system calls that block, so that they never hold up an executor.
#pragma once

#include <cstddef>
#include <mutex>
#include <type_traits>
#include <utility>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/result.h"

namespace codeapi {

/// Calls a completion handler with `result` on the handler's own executor, which belongs to other threads.
template <typename Handler, typename R>
void ResumeElsewhere(Handler handler, R result) {
  // post() still touches the execution context when the handler may already have run, and with it the last
  // work there: its owner could destroy it under our feet. A tracked executor keeps the context running until
  // it is destroyed itself; executor_work_guard would not do, since it destroys its plain copy of the
  // executor after that.
  const auto tracked = boost::asio::prefer(boost::asio::get_associated_executor(handler),
                                           boost::asio::execution::outstanding_work.tracked);
  boost::asio::post(tracked, [h = std::move(handler), r = std::move(result)]() mutable { h(std::move(r)); });
}

/// A fixed number of threads. Thread-safe. Must not be destroyed on one of its own threads unless stop() has
/// returned.
class BlockingPool {
 public:
  explicit BlockingPool(std::size_t threads) : pool_(threads) {}
  ~BlockingPool() { stop(); }
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  /// Runs `fn`, which returns a Result, on the pool and resumes the coroutine on its own executor with what
  /// it returned. Cancellation does not interrupt it. After stop(), kUnavailable.
  template <typename F>
  boost::asio::awaitable<std::invoke_result_t<F&>> run(F fn) {
    using R = std::invoke_result_t<F&>;
    co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(R)>(
        [this](auto handler, F work) { this->template start<R>(std::move(handler), std::move(work)); },
        boost::asio::use_awaitable, std::move(fn));
  }

  /// Runs `fn` on the pool some time soon; false, and `fn` untouched, after stop().
  template <typename F>
  bool post(F&& fn) {
    const std::lock_guard lock(mutex_);
    if (stopped_) return false;
    boost::asio::post(pool_, std::forward<F>(fn));
    return true;
  }

  /// Refuses new work and waits for what was accepted. Not from one of the pool's threads.
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    pool_.join();
  }

 private:
  template <typename R, typename Handler, typename F>
  struct Task {
    Handler handler;
    F work;

    void operator()() { finish(work()); }

    void finish(R result) { ResumeElsewhere(std::move(handler), std::move(result)); }
  };

  template <typename R, typename Handler, typename F>
  void start(Handler handler, F work) {
    Task<R, Handler, F> task{std::move(handler), std::move(work)};
    if (!post(std::move(task))) task.finish(Fail(ErrorCode::kUnavailable, "the store is closed"));
  }

  std::mutex mutex_;
  bool stopped_ = false;
  boost::asio::thread_pool pool_;
};

}  // namespace codeapi
