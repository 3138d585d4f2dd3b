// Tells the operator whether the queue that a process works with can be reached.
#pragma once

#include <chrono>
#include <functional>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "net/periodic.h"
#include "store/job_queue.h"

namespace codeapi {

/// Looks every few seconds. While the queue does not answer it says so on stderr, at first at once and then
/// ever more seldom; and again when it does.
class QueueWatch {
 public:
  /// `changed` is told each time whether the queue answers now, if that was different before; at first it did
  /// not.
  QueueWatch(boost::asio::any_io_executor executor, JobQueue& queue, std::function<void(bool)> changed);

  void Start() { periodic_.Start(); }
  boost::asio::awaitable<void> Stop() { return periodic_.Stop(); }

  /// Asks the queue now. For health: takes no longer than the queue's own patience.
  boost::asio::awaitable<bool> Answers();

 private:
  boost::asio::awaitable<std::chrono::milliseconds> Turn();

  JobQueue& queue_;
  const std::function<void(bool)> changed_;
  bool answers_ = false;
  int failures_ = 0;
  Periodic periodic_;
};

}  // namespace codeapi
