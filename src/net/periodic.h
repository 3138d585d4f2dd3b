// Work that is done again and again for as long as a service runs.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace codeapi {

/// Runs a coroutine, pauses, and runs it again, until it is stopped. Thread-safe.
class Periodic {
 public:
  /// One turn; returns how long to pause before the next. It runs on a strand of the executor. What it refers
  /// to must live until Stop() has returned.
  using Work = std::function<boost::asio::awaitable<std::chrono::milliseconds>()>;

  Periodic(boost::asio::any_io_executor executor, Work work);
  ~Periodic();
  Periodic(const Periodic&) = delete;
  Periodic& operator=(const Periodic&) = delete;

  /// Begins with a turn at once. Call it at most once.
  void Start();

  /// Whether Stop() has been called: a turn that takes long may look.
  bool stopping() const;

  /// Ends the pauses and waits for the turn under way. May be called without Start().
  boost::asio::awaitable<void> Stop();

 private:
  struct State;
  static boost::asio::awaitable<void> Loop(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace codeapi
