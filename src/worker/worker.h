// Takes jobs off the queue and runs them.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/log.h"
#include "store/job_queue.h"
#include "worker/executor.h"
#include "worker/job_admission.h"
#include "worker/job_gate.h"
#include "worker/tool_programs.h"
#include "worker/worker_metrics.h"

namespace codeapi {

/// Runs up to `concurrency` jobs at once. The queue and executor must outlive Wait().
class Worker {
 public:
  /// Rounds of programs with tools go to `tools`, which must outlive Wait() too, as must `metrics`,
  /// `admission` and `gate`, if there are any. Without `admission` every job is done as it comes; with `gate`
  /// each has to be let through, and reaches only the files that it is let to.
  Worker(boost::asio::any_io_executor executor, JobQueue& queue, Executor& runner, ToolPrograms& tools,
         Log& log, int concurrency, WorkerMetrics* metrics = nullptr, const JobAdmission* admission = nullptr,
         JobGate* gate = nullptr);

  /// Starts taking jobs, until the queue is stopped.
  void Start();

  /// Takes no more jobs until Resume(); what runs goes on. Thread-safe.
  void Pause();

  /// Takes jobs again. Thread-safe.
  void Resume();

  /// Returns when the queue has been stopped and every job that was taken is answered. Jobs that have not
  /// ended within `grace` are ended and handed back, so that somebody else may run them.
  boost::asio::awaitable<void> Wait(std::chrono::milliseconds grace = std::chrono::hours(24 * 365));

 private:
  struct Shared;
  struct Seat;
  static boost::asio::awaitable<void> Loop(std::shared_ptr<Shared> shared, std::shared_ptr<Seat> seat);
  static boost::asio::awaitable<void> RunJob(Shared& shared, Lease lease);
  struct Done {
    std::string text;
    bool failed = false;  // for a reason of ours
  };
  // What is ended with a job, however that ends.
  struct Doing {
    std::optional<WorkerMetrics::Job> counted;
    std::unique_ptr<JobAccess> access;
  };
  static boost::asio::awaitable<Result<Done>> Admit(Shared& shared, const JobSpec& job, Doing& doing);
  static boost::asio::awaitable<Result<Done>> Answer(Shared& shared, const JobSpec& job,
                                                     const AdmittedJob& admitted, Doing& doing);
  static boost::asio::awaitable<Result<Done>> AnswerRound(Shared& shared, const JobSpec& job,
                                                          const AdmittedJob& admitted, Doing& doing);
  std::shared_ptr<Shared> shared_;
};

}  // namespace codeapi
