// StateStore in Redis.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "net/redis_options.h"
#include "store/state_store.h"

namespace codeapi {

struct RedisStateStoreOptions {
  std::string prefix = "codeapi:";  ///< of all keys
};

/// See StateStore. Values are strings at `<prefix>{state}:v:<key>`, counters at `<prefix>{state}:n:<key>`.
/// What "survives a crash" means is up to Redis: with `appendfsync always` everything, with `everysec` all
/// but a second before the machine fails. Any number of processes may share one; counts are exact among them.
/// A call that failed with kUnavailable may have been carried out.
class RedisStateStore final : public StateStore {
 public:
  /// Begins to connect, on `executor`; does not wait for it. kInvalid for certificates that cannot be read.
  static Result<std::unique_ptr<RedisStateStore>> Make(const boost::asio::any_io_executor& executor,
                                                       RedisOptions redis,
                                                       RedisStateStoreOptions options = {});

  /// Ends the calls under way with kUnavailable.
  ~RedisStateStore() override;

  boost::asio::awaitable<Result<std::optional<std::string>>> get(std::string key) override;
  boost::asio::awaitable<Result<std::vector<std::optional<std::string>>>> get_many(
      std::vector<std::string> keys) override;
  boost::asio::awaitable<Result<void>> put(std::string key, std::string value, StateTtl ttl = {}) override;
  boost::asio::awaitable<Result<void>> put_many(std::vector<StateEntry> entries) override;
  boost::asio::awaitable<Result<bool>> put_if_absent(std::string key, std::string value,
                                                     StateTtl ttl = {}) override;
  boost::asio::awaitable<Result<bool>> remove(std::string key) override;
  boost::asio::awaitable<Result<bool>> touch(std::string key, std::chrono::milliseconds ttl) override;
  /// Looks at every key of the database.
  boost::asio::awaitable<Result<std::vector<std::string>>> keys(std::string prefix, std::string after,
                                                                std::size_t limit) override;
  boost::asio::awaitable<Result<Tally>> count(std::string key, std::chrono::milliseconds window) override;
  boost::asio::awaitable<Result<void>> check() override;

 private:
  struct Core;
  explicit RedisStateStore(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace codeapi
