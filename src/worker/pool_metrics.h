// What a worker shows of the cells that its jailer has ready.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "jailer/messages.h"
#include "net/metrics.h"

namespace codeapi {

/// `codeapi_warm_cells{runtime,state}` (ready, starting, target), `codeapi_warm_memory_bytes{runtime}` and
/// `codeapi_warm_requests_total{runtime,result}` (hit, miss); `runtime` is `plain` for cells that any program
/// may have. Thread-safe.
class PoolMetrics {
 public:
  /// `metrics` must outlive it.
  explicit PoolMetrics(Metrics& metrics) : metrics_(metrics) {}

  /// Of one jailer at a time; one that was started anew counts from 0 again.
  void Observe(const std::vector<PoolState>& states);

 private:
  struct Seen {
    std::uint64_t hits = 0, misses = 0;
  };
  void Show(const std::string& runtime, const PoolState& state);
  void Add(const std::string& runtime, const char* result, std::uint64_t now, std::uint64_t& before);

  Metrics& metrics_;
  std::mutex mutex_;
  std::map<std::string, Seen> seen_;  // by label
};

}  // namespace codeapi
