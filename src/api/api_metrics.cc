#include "api/api_metrics.h"

#include <string>

#include "runtime/runtime.h"
#include "worker/worker_metrics.h"

namespace codeapi {
namespace {

prometheus::Counter& SubmittedJobs(Metrics& metrics, const std::string& language) {
  return metrics.counter("codeapi_jobs_submitted_total", "Executions sent to the queue",
                         {{"language", language}});
}

}  // namespace

ApiMetrics::ApiMetrics(Metrics& metrics) : metrics_(metrics) {
  for (const Runtime& runtime : Runtimes()) SubmittedJobs(metrics_, runtime.id);
}

void ApiMetrics::Submitted(std::string_view runtime) {
  SubmittedJobs(metrics_, LanguageLabel(runtime)).Increment();
}

}  // namespace codeapi
