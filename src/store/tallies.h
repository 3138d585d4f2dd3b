// Counters that close with their window, in memory.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "store/state_store.h"

namespace codeapi {

/// What StateStore::count() means, for one process. Thread-safe. Closed windows are dropped now and then, so
/// memory is proportional to the windows that are open.
class Tallies {
 public:
  using TimePoint = std::chrono::system_clock::time_point;

  /// Counts one more for `key`, at `now`.
  Tally Count(const std::string& key, std::chrono::milliseconds window, TimePoint now);

  /// Windows that are remembered, closed ones included.
  std::size_t size() const;

 private:
  struct Window {
    std::int64_t count = 0;
    TimePoint end;
  };

  mutable std::mutex mutex_;
  std::unordered_map<std::string, Window> windows_;
  std::size_t sweep_at_ = 1024;
};

}  // namespace codeapi
