// Whether programs really run: the only health that counts.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/log.h"
#include "net/periodic.h"
#include "sandbox/sandbox.h"

namespace codeapi {

/// Runs a canary program in a cell at the start, and again whenever none has run for half of `max_age`.
/// Thread-safe.
class HealthMonitor {
 public:
  /// `probed` is told after each canary whether it ran; on any thread, one call at a time.
  HealthMonitor(boost::asio::any_io_executor executor, Sandbox& sandbox, Log& log,
                std::chrono::milliseconds max_age, std::function<void(bool)> probed = {});

  /// Runs the canary once and says how it went. Before Start(), or without it.
  boost::asio::awaitable<Result<void>> Probe();

  /// Keeps probing until Stop(). The sandbox must outlive that.
  void Start() { periodic_.Start(); }
  /// Ends the probing and waits for the one under way.
  boost::asio::awaitable<void> Stop() { return periodic_.Stop(); }

  /// True when a program has run within `max_age`.
  bool healthy() const;

 private:
  boost::asio::awaitable<Result<void>> RunCanary();
  boost::asio::awaitable<std::chrono::milliseconds> Turn();

  Sandbox& sandbox_;
  Log& log_;
  const std::chrono::milliseconds max_age_;
  const std::function<void(bool)> probed_;
  std::atomic<std::chrono::steady_clock::rep> last_success_{0};  // 0: never
  Periodic periodic_;
};

}  // namespace codeapi
