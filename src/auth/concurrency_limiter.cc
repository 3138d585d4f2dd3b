#include "auth/concurrency_limiter.h"

#include <mutex>
#include <string>
#include <unordered_map>

namespace codeapi {

struct ConcurrencyLimiter::Counts {
  std::mutex mutex;
  std::unordered_map<std::string, std::size_t> taken;  // by UserKey; never zero
};

ConcurrencyLimiter::ConcurrencyLimiter(std::size_t limit)
    : limit_(limit), counts_(std::make_shared<Counts>()) {}

std::optional<ConcurrencyLimiter::Slot> ConcurrencyLimiter::TryAcquire(const Principal& principal) {
  Slot slot(nullptr, UserKey(principal));
  const std::lock_guard lock(counts_->mutex);
  const auto found = counts_->taken.find(slot.key_);
  const std::size_t taken = found == counts_->taken.end() ? 0 : found->second;
  if (taken >= limit_) return {};
  if (taken == 0) {
    counts_->taken.emplace(slot.key_, 1);
  } else {
    ++found->second;
  }
  slot.counts_ = counts_;
  return slot;
}

ConcurrencyLimiter::Slot::~Slot() {
  if (!counts_) return;
  const std::lock_guard lock(counts_->mutex);
  const auto found = counts_->taken.find(key_);
  if (--found->second == 0) counts_->taken.erase(found);
}

std::size_t ConcurrencyLimiter::callers() const {
  const std::lock_guard lock(counts_->mutex);
  return counts_->taken.size();
}

}  // namespace codeapi
