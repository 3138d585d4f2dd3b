// Executions on their way from who asks to who runs them. One interface over a queue in the process or in
// Redis.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"

namespace codeapi {

/// One execution to be run. The queue does not look into the payload.
struct JobSpec {
  std::string id;                                  ///< for logs; the execution's id
  std::string tenant;                              ///< the queue is fair between tenants
  std::string payload;                             ///< what the worker needs to know
  std::chrono::system_clock::time_point deadline;  ///< a job not taken by then is never run
  std::string worker;  ///< the taker it is directed at (JobQueue::taker()), or empty: any; when that taker is
                       ///< gone it is everybody's
  std::string trace;   ///< W3C traceparent, or empty; travels with the job
};

/// What a queue implementation keeps of a taken job. Workers use Lease.
class LeaseState {
 public:
  virtual ~LeaseState() = default;
  virtual const JobSpec& job() const = 0;
  virtual int attempt() const = 0;
  virtual bool cancelled() const = 0;
  virtual boost::asio::awaitable<void> wait_cancelled() = 0;
  virtual boost::asio::awaitable<Result<void>> complete(std::string answer) = 0;
  virtual boost::asio::awaitable<Result<void>> hand_back() = 0;
};

/// A job that this worker, and nobody else, runs. Movable, not copyable. Destroying it before complete() has
/// run fails the job with kInternal "worker abandoned the job". cancelled() may be called from any thread,
/// the rest from one at a time (wait_cancelled() may be pending meanwhile); the lease must outlive its
/// pending calls.
class Lease {
 public:
  explicit Lease(std::unique_ptr<LeaseState> state) : state_(std::move(state)) {}

  const JobSpec& job() const { return state_->job(); }

  /// 1 for the first time the job is run, counting up each time it had to be taken over.
  int attempt() const { return state_->attempt(); }

  /// Whether the submitter gave up. The answer no longer interests anybody: stop as soon as possible.
  bool cancelled() const { return state_->cancelled(); }

  /// Returns when the submitter gives up (at once if it has already), or when the awaiting coroutine is
  /// cancelled. Made for `co_await (Run(lease.job()) || lease.wait_cancelled())`.
  boost::asio::awaitable<void> wait_cancelled() { return state_->wait_cancelled(); }

  /// Gives the one answer. kCancelled if the submitter gave up (the answer is dropped), kConflict if the job
  /// was answered before or taken over by another attempt.
  boost::asio::awaitable<Result<void>> complete(std::string answer) {
    return state_->complete(std::move(answer));
  }

  /// Gives the job to somebody else, before all that wait and as if it had never been taken; where there is
  /// nobody else its submitter is answered kUnavailable "shutting down". For a worker that has to end. Fails
  /// as complete() does.
  boost::asio::awaitable<Result<void>> hand_back() { return state_->hand_back(); }

 private:
  std::unique_ptr<LeaseState> state_;
};

/// What waits, at a moment.
struct QueueStats {
  std::size_t waiting = 0;              ///< jobs no worker has taken
  std::size_t tenants = 0;              ///< who have such jobs
  std::chrono::milliseconds oldest{0};  ///< how long the first of them has waited
};

/// Bounded; fair round-robin between tenants, first in first out within one. Thread-safe: submitters and
/// workers may live on different executors and threads; each call completes on the executor of the coroutine
/// that made it. Cancelling (awaitable cancellation, any type) is an answer here, not an exception: see each
/// call.
class JobQueue {
 public:
  virtual ~JobQueue() = default;

  /// Enqueues and waits for the one answer. Errors:
  /// - kUnavailable "queue_full": too many jobs wait; "shutting down": after stop()
  /// - kDeadline: the deadline passed before a worker took the job; it will not be run
  /// - kCancelled: the awaiting coroutine was cancelled; the job is removed, or its lease told if it runs
  /// - kInternal: the worker gave it up
  /// Destroying the awaiting coroutine counts as cancelling it. Once a job is running only its worker ends
  /// the wait.
  virtual boost::asio::awaitable<Result<std::string>> submit(JobSpec spec) = 0;

  /// Waits for work. kCancelled after stop() or when the awaiting coroutine is cancelled; a job that was
  /// handed over in the same moment goes back to the front. Do not race it with `||` (a lease that comes
  /// second is discarded, and so its job fails): cancel it, or call stop().
  virtual boost::asio::awaitable<Result<Lease>> take() = 0;

  /// Refuses new and waiting jobs with kUnavailable "shutting down" and every take() with kCancelled. Running
  /// jobs can still be completed. Cannot be undone; calling it again does nothing.
  virtual void stop() = 0;

  /// The name by which jobs are directed at who takes from this object; in process: "local".
  virtual std::string taker() const = 0;

  /// How many jobs wait for a worker; a moment's view.
  virtual boost::asio::awaitable<Result<std::size_t>> depth() = 0;

  /// The same and more, for metrics.
  virtual boost::asio::awaitable<Result<QueueStats>> stats() = 0;
};

}  // namespace codeapi
