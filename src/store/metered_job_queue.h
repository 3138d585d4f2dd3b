// A JobQueue whose jobs are counted.
#pragma once

#include <memory>
#include <utility>

#include "net/metrics.h"
#include "store/call_times.h"
#include "store/job_queue.h"

namespace codeapi {

/// Passes every call on. Measures (call_times.h) with `store="queue"` what asks the queue something, and
/// counts how submissions end: `codeapi_queue_answers_total{outcome}`, where outcome is answered, queue_full,
/// shutting_down, unavailable, deadline, cancelled or failed.
class MeteredJobQueue final : public JobQueue {
 public:
  /// `metrics` must outlive it and its leases.
  MeteredJobQueue(std::unique_ptr<JobQueue> real, Metrics& metrics);

  boost::asio::awaitable<Result<std::string>> submit(JobSpec spec) override;
  boost::asio::awaitable<Result<Lease>> take() override;
  boost::asio::awaitable<Result<bool>> cancel(std::string id) override {
    return times_->Time("cancel", real_->cancel(std::move(id)));
  }
  void stop() override { real_->stop(); }
  std::string taker() const override { return real_->taker(); }
  boost::asio::awaitable<Result<std::size_t>> depth() override {
    return times_->Time("depth", real_->depth());
  }
  boost::asio::awaitable<Result<QueueStats>> stats() override {
    return times_->Time("stats", real_->stats());
  }

 private:
  prometheus::Counter& Outcome(std::string_view name);

  std::unique_ptr<JobQueue> real_;
  Metrics& metrics_;
  std::shared_ptr<CallTimes> times_;  // shared with leases
};

}  // namespace codeapi
