#include "worker/worker_metrics.h"

#include <vector>

#include "runtime/runtime.h"

namespace codeapi {
namespace {

// The reference's, so that its dashboards go on working, and finer ones below them.
const std::vector<double> kJobSeconds = {.01, .025, .05, .1, .5, 1, 5, 10, 30, 60, 120, 300};

}  // namespace

std::string LanguageLabel(std::string_view runtime) {
  const Runtime* known = FindRuntime(runtime);
  return known == nullptr ? "other" : known->id;
}

WorkerMetrics::WorkerMetrics(Metrics& metrics)
    : metrics_(metrics),
      waiting_(metrics.gauge("codeapi_waiting_programs", "Programs that wait for answers to tool calls")),
      refused_(metrics.counter("codeapi_jobs_refused_total", "Jobs whose manifest did not admit them")) {
  // So that every series stands there from the start, at 0.
  for (const Runtime& runtime : Runtimes()) {
    Active(runtime.id);
    for (const End end : {End::kCompleted, End::kFailed, End::kCancelled}) Ended(end, runtime.id);
  }
}

prometheus::Gauge& WorkerMetrics::Active(const std::string& language) {
  return metrics_.gauge("codeapi_active_jobs", "Jobs that run now", {{"language", language}});
}

prometheus::Counter& WorkerMetrics::Ended(End end, const std::string& language) {
  const Metrics::Labels labels = {{"language", language}};
  switch (end) {
    case End::kCompleted:
      return metrics_.counter("codeapi_jobs_completed_total", "Jobs answered with a result", labels);
    case End::kFailed:
      return metrics_.counter("codeapi_jobs_failed_total", "Jobs that could not be run", labels);
    case End::kCancelled:
      break;
  }
  return metrics_.counter("codeapi_jobs_cancelled_total", "Jobs whose submitter gave up, or handed back",
                          labels);
}

prometheus::Histogram& WorkerMetrics::Duration(const std::string& language) {
  return metrics_.histogram("codeapi_job_processing_duration_seconds", "Time from taking a job to its answer",
                            kJobSeconds, {{"language", language}});
}

WorkerMetrics::Job::Job(WorkerMetrics& metrics, std::string_view runtime)
    : metrics_(metrics), language_(LanguageLabel(runtime)) {
  metrics_.Active(language_).Increment();
}

WorkerMetrics::Job::~Job() {
  metrics_.Active(language_).Decrement();
  metrics_.Ended(end_, language_).Increment();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start_;
  if (end_ != End::kCancelled) metrics_.Duration(language_).Observe(took.count());
}

}  // namespace codeapi
