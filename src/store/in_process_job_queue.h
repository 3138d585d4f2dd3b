// JobQueue for submitters and workers of one process.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "store/job_queue.h"

namespace codeapi {

struct InProcessJobQueueOptions {
  std::size_t max_waiting = 1000;  ///< jobs no worker has taken yet; one more is refused
};

/// See JobQueue. Everything is lost when the process ends, answers included; attempt() is always 1.
/// Submitting and taking coroutines, and leases, may outlive the queue; they end as after stop().
class InProcessJobQueue final : public JobQueue {
 public:
  explicit InProcessJobQueue(InProcessJobQueueOptions options = {});

  /// Like stop().
  ~InProcessJobQueue() override;

  boost::asio::awaitable<Result<std::string>> submit(JobSpec spec) override;
  boost::asio::awaitable<Result<Lease>> take() override;
  void stop() override;
  std::string taker() const override { return "local"; }
  boost::asio::awaitable<Result<std::size_t>> depth() override;
  boost::asio::awaitable<Result<QueueStats>> stats() override;

  struct Core;  ///< shared with what may outlive the queue; private to the .cc

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace codeapi
