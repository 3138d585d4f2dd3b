// Small values under string keys, some with a time to live: session keys, upload marks, limits, tool-call
// state. One interface over a SQLite file or Redis.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"

namespace codeapi {

inline constexpr std::size_t kMaxStateKey = 512;                 ///< bytes; a key is not empty
inline constexpr std::size_t kMaxStateValue = 12 * 1024 * 1024;  ///< bytes; a value may be empty
inline constexpr std::size_t kMaxStateBatch = 1000;  ///< keys of one get_many(), put_many() or keys()
inline constexpr std::chrono::milliseconds kMaxStateTtl = std::chrono::hours(24 * 3650);

/// How long a value lives, at least 1 ms and at most kMaxStateTtl; none means until it is removed.
using StateTtl = std::optional<std::chrono::milliseconds>;

/// One write of put_many().
struct StateEntry {
  std::string key;
  std::string value;
  StateTtl ttl;
};

/// How often a key was counted in the window that is open now.
struct Tally {
  std::int64_t count = 0;          ///< this one included
  std::chrono::milliseconds left;  ///< until the window closes and counting begins anew; at least 1 ms
};

/// `kInvalid` unless the key has 1 to kMaxStateKey bytes.
Result<void> CheckStateKey(std::string_view key);

/// `kInvalid` for a bad key or TTL, `kTooLarge` for a value over kMaxStateValue.
Result<void> CheckStateEntry(std::string_view key, std::string_view value, StateTtl ttl);

/// Keys and values are bytes. Thread-safe: any number of calls from any executors at once; each completes on
/// the executor of the coroutine that made it. A write that returned success survives a crash, and every
/// later read sees it. An expired value is never returned and counts as absent everywhere. Calls are not
/// interrupted by cancellation: they finish and report. Every call can fail with kUnavailable when the store
/// is full, busy or away; then nothing was written as far as is known. The store must outlive its pending
/// calls, and when the process ends be destroyed before their execution contexts.
class StateStore {
 public:
  virtual ~StateStore() = default;

  /// The value, or nothing when the key is absent.
  virtual boost::asio::awaitable<Result<std::optional<std::string>>> get(std::string key) = 0;

  /// The values of `keys` (at most kMaxStateBatch) at one moment, in the same order.
  virtual boost::asio::awaitable<Result<std::vector<std::optional<std::string>>>> get_many(
      std::vector<std::string> keys) = 0;

  /// Sets the value and its TTL, replacing both.
  virtual boost::asio::awaitable<Result<void>> put(std::string key, std::string value, StateTtl ttl = {}) = 0;

  /// Like put() for every entry (at most kMaxStateBatch), all or none, for the price of one.
  virtual boost::asio::awaitable<Result<void>> put_many(std::vector<StateEntry> entries) = 0;

  /// Sets the value only if the key is absent; whether it did. Of several callers at once exactly one gets
  /// true.
  virtual boost::asio::awaitable<Result<bool>> put_if_absent(std::string key, std::string value,
                                                             StateTtl ttl = {}) = 0;

  /// Removes the key; whether it was there.
  virtual boost::asio::awaitable<Result<bool>> remove(std::string key) = 0;

  /// Gives a present key a new TTL, counted from now; whether it was there.
  virtual boost::asio::awaitable<Result<bool>> touch(std::string key, std::chrono::milliseconds ttl) = 0;

  /// The first `limit` (1 to kMaxStateBatch) keys that begin with `prefix` and come after `after` in byte
  /// order, sorted. Keys that appear or go meanwhile may be missed. For administration: may take time
  /// proportional to what is stored.
  virtual boost::asio::awaitable<Result<std::vector<std::string>>> keys(std::string prefix, std::string after,
                                                                        std::size_t limit) = 0;

  /// Counts one more for `key`. The first count opens a window of `window` (1 ms to kMaxStateTtl), which no
  /// later one prolongs. Counters are apart from values of the same key. They are exact while the store is up
  /// and may be lost when it goes down.
  virtual boost::asio::awaitable<Result<Tally>> count(std::string key, std::chrono::milliseconds window) = 0;

  /// A cheap look whether the store answers, for readiness probes. kUnavailable if not.
  virtual boost::asio::awaitable<Result<void>> check() = 0;
};

}  // namespace codeapi
