// StateStore in one SQLite file.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "store/state_store.h"

namespace codeapi {

struct SqliteStateStoreOptions {
  std::chrono::milliseconds busy_timeout{5000};  ///< how long to wait for another process that holds the file

  /// The clock TTLs are counted by; the system's when empty. Called from any thread.
  std::function<std::chrono::system_clock::time_point()> now;
};

/// Keeps its state in a WAL-mode SQLite file with full synchronisation. One thread of its own does all file
/// work; writes that arrive while a commit is under way share the next one.
class SqliteStateStore final : public StateStore {
 public:
  /// Opens or creates the file (mode 0600; its directory must exist) and checks it. Blocks; meant for
  /// start-up, and takes time proportional to the file's size. kInvalid, naming the file, if it is damaged,
  /// not ours, or of a newer version; kUnavailable if it cannot be opened.
  static Result<std::unique_ptr<SqliteStateStore>> Open(const std::string& path,
                                                        SqliteStateStoreOptions options = {});

  /// Finishes the calls under way, then closes the file.
  ~SqliteStateStore() override;

  boost::asio::awaitable<Result<std::optional<std::string>>> get(std::string key) override;
  boost::asio::awaitable<Result<std::vector<std::optional<std::string>>>> get_many(
      std::vector<std::string> keys) override;
  boost::asio::awaitable<Result<void>> put(std::string key, std::string value, StateTtl ttl = {}) override;
  boost::asio::awaitable<Result<void>> put_many(std::vector<StateEntry> entries) override;
  boost::asio::awaitable<Result<bool>> put_if_absent(std::string key, std::string value,
                                                     StateTtl ttl = {}) override;
  boost::asio::awaitable<Result<bool>> remove(std::string key) override;
  boost::asio::awaitable<Result<bool>> touch(std::string key, std::chrono::milliseconds ttl) override;
  boost::asio::awaitable<Result<std::vector<std::string>>> keys(std::string prefix, std::string after,
                                                                std::size_t limit) override;
  /// Counters are in memory: a file that only this process opens need not remember them.
  boost::asio::awaitable<Result<Tally>> count(std::string key, std::chrono::milliseconds window) override;
  /// As are held names.
  boost::asio::awaitable<Result<bool>> hold(std::string key, std::string holder,
                                            std::chrono::milliseconds ttl) override;
  boost::asio::awaitable<Result<bool>> release(std::string key, std::string holder) override;
  boost::asio::awaitable<Result<std::optional<std::string>>> holder(std::string key) override;
  boost::asio::awaitable<Result<void>> check() override;

 private:
  struct Core;
  explicit SqliteStateStore(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace codeapi
