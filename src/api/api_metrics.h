// What the API counts beside its requests.
#pragma once

#include <string_view>

#include "net/metrics.h"

namespace codeapi {

/// Thread-safe.
class ApiMetrics {
 public:
  /// `metrics` must outlive it.
  explicit ApiMetrics(Metrics& metrics);

  /// An execution of this runtime goes to the queue: `codeapi_jobs_submitted_total{language}`.
  void Submitted(std::string_view runtime);

 private:
  Metrics& metrics_;
};

}  // namespace codeapi
