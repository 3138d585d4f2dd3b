// Names that one holder at a time has, in memory.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace codeapi {

/// What StateStore::hold() means, for one process. Thread-safe. Names that have run out are dropped now and
/// then, so memory is proportional to those that are held.
class HeldNames {
 public:
  using TimePoint = std::chrono::system_clock::time_point;

  bool Hold(const std::string& key, const std::string& holder, std::chrono::milliseconds ttl, TimePoint now);
  bool Release(const std::string& key, const std::string& holder, TimePoint now);
  std::optional<std::string> Holder(const std::string& key, TimePoint now) const;

  /// Names that are remembered, those that have run out included.
  std::size_t size() const;

 private:
  struct Held {
    std::string holder;
    TimePoint end;
  };

  mutable std::mutex mutex_;
  std::unordered_map<std::string, Held> names_;
  std::size_t sweep_at_ = 1024;
};

}  // namespace codeapi
