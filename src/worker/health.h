// Whether programs really run: the only health that counts.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/log.h"
#include "sandbox/sandbox.h"

namespace codeapi {

/// Runs a canary program in a cell at the start, and again whenever none has run for half of `max_age`.
/// Thread-safe.
class HealthMonitor {
 public:
  HealthMonitor(boost::asio::any_io_executor executor, Sandbox& sandbox, Log& log,
                std::chrono::milliseconds max_age);
  ~HealthMonitor();

  /// Runs the canary once and says how it went.
  boost::asio::awaitable<Result<void>> Probe();

  /// Keeps probing until Stop(). The sandbox must outlive that.
  void Start();
  /// Ends the probing and waits for the one under way.
  boost::asio::awaitable<void> Stop();

  /// True when a program has run within `max_age`.
  bool healthy() const;

 private:
  struct State;
  static boost::asio::awaitable<Result<void>> RunCanary(std::shared_ptr<State> state);
  static boost::asio::awaitable<void> Loop(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace codeapi
