// Inputs that were read lately, kept by content where reading them means asking another machine.
//
// What is kept is never believed by itself. Whoever wants to use it asks the store first what the object is
// now, in the name of the same execution that would read it: an object that was removed, or that this
// execution may not read, is an error as ever, and one whose tag or length is another is read anew. Entries
// belong to a tenant; no other finds them.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "net/metrics.h"
#include "store/object_store.h"

namespace codeapi {

/// Bytes, a little for each entry's own cost included.
struct InputCacheLimits {
  std::uint64_t all = 0;     ///< of everybody together
  std::uint64_t tenant = 0;  ///< of one tenant; no object larger than this is kept
};

/// Thread-safe.
class InputCache {
 public:
  using Content = std::shared_ptr<const std::string>;

  /// `metrics` must outlive it.
  InputCache(InputCacheLimits limits, Metrics& metrics);

  /// Whether there is something under this key. To ask the store about it is only then worth it.
  bool Has(const std::string& tenant, const ObjectKey& key) const;

  /// The content of the object that the store has just described; nullptr, and what there was is dropped,
  /// when another content is kept. Counts a hit or a miss.
  Content Find(const std::string& tenant, const ObjectInfo& now);

  /// Forgets an object that the store no longer gives.
  void Drop(const std::string& tenant, const ObjectKey& key);

  /// Whether an object of this size would be kept.
  bool Takes(std::uint64_t size) const;

  /// Keeps what was read of `info`, and lets go of what was not used for longest.
  void Put(const std::string& tenant, const ObjectInfo& info, std::string content);

  /// Counts an input that had to be read.
  void Missed() { misses_.Increment(); }

 private:
  struct Entry {
    std::string name, tenant, etag;
    Content content;
  };
  using Entries = std::list<Entry>;

  void Remove(Entries::iterator entry);
  void MakeRoom(const std::string& tenant, std::uint64_t cost);

  const InputCacheLimits limits_;
  prometheus::Counter &hits_, &misses_, &served_, &evictions_;
  prometheus::Gauge& bytes_;
  mutable std::mutex mutex_;
  Entries entries_;  // the latest used first
  std::unordered_map<std::string, Entries::iterator> by_name_;
  std::unordered_map<std::string, std::uint64_t> of_tenant_;
  std::uint64_t total_ = 0;
};

}  // namespace codeapi
