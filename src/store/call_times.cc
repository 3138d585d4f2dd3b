#include "store/call_times.h"

#include <vector>

namespace codeapi {
namespace {

const std::vector<double> kSeconds = {.0005, .001, .0025, .005, .01, .025, .05, .1,
                                      .25,   .5,   1,     2.5,  5,   10,   30};

// Answers that a store in perfect health gives.
bool IsFailure(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kInternal || code == ErrorCode::kDeadline;
}

}  // namespace

CallTimes::CallTimes(Metrics& metrics, std::string_view store,
                     std::initializer_list<std::string_view> operations) {
  for (const std::string_view operation : operations) {
    const Metrics::Labels labels = {{"store", std::string(store)}, {"operation", std::string(operation)}};
    series_[operation] = {
        &metrics.histogram("codeapi_store_seconds", "Time that calls of a store take", kSeconds, labels),
        &metrics.counter("codeapi_store_errors_total", "Calls of a store that failed", labels)};
  }
}

void CallTimes::Observe(std::string_view operation, std::chrono::duration<double> took, const Error* error) {
  const Series& series = series_.at(operation);
  series.seconds->Observe(took.count());
  if (error != nullptr && IsFailure(error->code)) series.errors->Increment();
}

}  // namespace codeapi
