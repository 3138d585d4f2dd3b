#include "worker/input_cache.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace codeapi {
namespace {

// What an entry costs beside its content.
constexpr std::uint64_t kOverhead = 512;

std::uint64_t CostOf(std::uint64_t size) {
  return size + kOverhead;
}

// No id contains a slash.
std::string NameOf(const std::string& tenant, const ObjectKey& key) {
  return key.session + "/" + key.id + "/" + tenant;
}

}  // namespace

InputCache::InputCache(InputCacheLimits limits, Metrics& metrics)
    : limits_(limits),
      hits_(metrics.counter("codeapi_input_cache_requests_total", "Inputs looked up in the cache",
                            {{"result", "hit"}})),
      misses_(metrics.counter("codeapi_input_cache_requests_total", "Inputs looked up in the cache",
                              {{"result", "miss"}})),
      served_(metrics.counter("codeapi_input_cache_served_bytes_total", "Bytes of inputs out of the cache")),
      evictions_(metrics.counter("codeapi_input_cache_evictions_total", "Inputs that made room for others")),
      bytes_(metrics.gauge("codeapi_input_cache_bytes", "Bytes that the cache of inputs holds")) {}

bool InputCache::Has(const std::string& tenant, const ObjectKey& key) const {
  const std::lock_guard lock(mutex_);
  return by_name_.contains(NameOf(tenant, key));
}

InputCache::Content InputCache::Find(const std::string& tenant, const ObjectInfo& now) {
  const std::lock_guard lock(mutex_);
  const auto found = by_name_.find(NameOf(tenant, now.key));
  if (found == by_name_.end()) {
    misses_.Increment();
    return nullptr;
  }
  const auto entry = found->second;
  if (entry->etag != now.etag || entry->content->size() != now.size) {
    Remove(entry);
    misses_.Increment();
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  hits_.Increment();
  served_.Increment(static_cast<double>(now.size));
  return entry->content;
}

void InputCache::Drop(const std::string& tenant, const ObjectKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_name_.find(NameOf(tenant, key));
  if (found != by_name_.end()) Remove(found->second);
}

bool InputCache::Takes(std::uint64_t size) const {
  const std::uint64_t most = std::min(limits_.all, limits_.tenant);
  return most > kOverhead && size <= most - kOverhead;
}

void InputCache::Put(const std::string& tenant, const ObjectInfo& info, std::string content) {
  // Without a tag nothing would tell one content from another.
  if (info.etag.empty() || content.size() != info.size || !Takes(content.size())) return;
  const std::lock_guard lock(mutex_);
  std::string name = NameOf(tenant, info.key);
  if (const auto found = by_name_.find(name); found != by_name_.end()) Remove(found->second);
  MakeRoom(tenant, CostOf(content.size()));
  total_ += CostOf(content.size());
  of_tenant_[tenant] += CostOf(content.size());
  bytes_.Set(static_cast<double>(total_));
  entries_.push_front({name, tenant, info.etag, std::make_shared<const std::string>(std::move(content))});
  by_name_.emplace(std::move(name), entries_.begin());
}

// The tenant's own go first when it has too much, then whoever's was not used for longest.
void InputCache::MakeRoom(const std::string& tenant, std::uint64_t cost) {
  const auto evict_last_that = [&](auto matches) {
    const auto found = std::find_if(entries_.rbegin(), entries_.rend(), matches);
    if (found == entries_.rend()) return false;
    Remove(std::prev(found.base()));
    evictions_.Increment();
    return true;
  };
  const auto used = [&] {
    const auto it = of_tenant_.find(tenant);
    return it == of_tenant_.end() ? 0 : it->second;
  };
  while (used() + cost > limits_.tenant &&
         evict_last_that([&](const Entry& entry) { return entry.tenant == tenant; })) {
  }
  while (total_ + cost > limits_.all && evict_last_that([](const Entry&) { return true; })) {
  }
}

void InputCache::Remove(Entries::iterator entry) {
  const std::uint64_t cost = CostOf(entry->content->size());
  total_ -= cost;
  bytes_.Set(static_cast<double>(total_));
  const auto of_tenant = of_tenant_.find(entry->tenant);
  of_tenant->second -= cost;
  if (of_tenant->second == 0) of_tenant_.erase(of_tenant);
  by_name_.erase(entry->name);
  entries_.erase(entry);
}

}  // namespace codeapi
