#include "store/held_names.h"

#include <algorithm>

namespace codeapi {

bool HeldNames::Hold(const std::string& key, const std::string& holder, std::chrono::milliseconds ttl,
                     TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (names_.size() >= sweep_at_) {
    std::erase_if(names_, [now](const auto& entry) { return entry.second.end <= now; });
    // Doubling keeps the sweeps' cost in proportion to the calls.
    sweep_at_ = std::max<std::size_t>(1024, 2 * names_.size());
  }
  Held& held = names_[key];
  if (held.end > now && held.holder != holder) return false;
  held = {holder, now + ttl};
  return true;
}

bool HeldNames::Release(const std::string& key, const std::string& holder, TimePoint now) {
  const std::lock_guard lock(mutex_);
  const auto found = names_.find(key);
  if (found == names_.end() || found->second.holder != holder) return false;
  const bool held = found->second.end > now;
  names_.erase(found);
  return held;
}

std::optional<std::string> HeldNames::Holder(const std::string& key, TimePoint now) const {
  const std::lock_guard lock(mutex_);
  const auto found = names_.find(key);
  if (found == names_.end() || found->second.end <= now) return std::nullopt;
  return found->second.holder;
}

std::size_t HeldNames::size() const {
  const std::lock_guard lock(mutex_);
  return names_.size();
}

}  // namespace codeapi
