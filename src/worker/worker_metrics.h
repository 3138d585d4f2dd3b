// What a worker counts of the jobs it runs.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "net/metrics.h"

namespace codeapi {

/// The value of a `language` label: the id of a known runtime, else `other`.
std::string LanguageLabel(std::string_view runtime);

/// Names are those of the service we stand in for, where it has one. Thread-safe.
class WorkerMetrics {
 public:
  /// How the worker was done with a job.
  enum class End {
    kCompleted,  ///< the program ended in whatever way, or its request could not be met
    kFailed,     ///< it was our fault: no cell, no store
    kCancelled,  ///< the submitter gave up, or the worker handed the job back
  };

  /// `metrics` must outlive it.
  explicit WorkerMetrics(Metrics& metrics);

  /// A job while it is run: in `codeapi_active_jobs{language}`.
  class Job {
   public:
    Job(WorkerMetrics& metrics, std::string_view runtime);
    ~Job();
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;
    /// Until it is told otherwise a job was cancelled.
    void Ended(End end) { end_ = end; }

   private:
    WorkerMetrics& metrics_;
    const std::string language_;
    const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    End end_ = End::kCancelled;
  };

  /// `codeapi_waiting_programs`: programs that stand still in their cells until their tool calls are
  /// answered.
  prometheus::Gauge& waiting_programs() { return waiting_; }

  /// `codeapi_jobs_refused_total`: jobs whose manifest did not admit them. Rises when keys or clocks are
  /// wrong, which no canary shows, and when somebody writes to the queue.
  prometheus::Counter& refused() { return refused_; }

 private:
  prometheus::Gauge& Active(const std::string& language);
  prometheus::Counter& Ended(End end, const std::string& language);
  prometheus::Histogram& Duration(const std::string& language);

  Metrics& metrics_;
  prometheus::Gauge& waiting_;
  prometheus::Counter& refused_;
};

}  // namespace codeapi
