#include "store/tallies.h"

#include <algorithm>

namespace codeapi {

Tally Tallies::Count(const std::string& key, std::chrono::milliseconds window, TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (windows_.size() >= sweep_at_) {
    std::erase_if(windows_, [now](const auto& entry) { return entry.second.end <= now; });
    // Doubling keeps the sweeps' cost in proportion to the counts.
    sweep_at_ = std::max<std::size_t>(1024, 2 * windows_.size());
  }
  Window& open = windows_[key];
  if (open.end <= now) open = {0, now + window};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(open.end - now);
  return {++open.count, left};
}

std::size_t Tallies::size() const {
  const std::lock_guard lock(mutex_);
  return windows_.size();
}

}  // namespace codeapi
