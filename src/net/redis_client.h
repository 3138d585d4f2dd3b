// Commands to Redis from any number of coroutines over one connection.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "net/redis_options.h"
#include "net/redis_script.h"
#include "net/redis_value.h"

namespace codeapi {

/// One pipelined connection that is made again whenever it is lost, with growing pauses. While Redis is away
/// calls fail at once; a call made as the connection has just been lost waits for the next one. A call that
/// is not answered in time ends the connection, since after it no reply could be told from another.
///
/// Errors of calls: kUnavailable when Redis is away, slow, loading, a replica (the connection is then made
/// anew, which after a failover leads to the new master), or when too much is pending: the command may or may
/// not have been executed. kForbidden for what the ACL user may not do, kInternal for other error replies,
/// kCancelled if the awaiting coroutine was cancelled (the command may be executed all the same).
///
/// Thread-safe; a call completes on the executor of the coroutine that made it.
class RedisClient {
 public:
  /// Begins to connect, on `executor`; does not wait for it. kInvalid for certificates that cannot be read.
  static Result<std::unique_ptr<RedisClient>> Make(const boost::asio::any_io_executor& executor,
                                                   RedisOptions options);

  /// Closes the connection. Pending calls end with kUnavailable.
  ~RedisClient();
  RedisClient(const RedisClient&) = delete;
  RedisClient& operator=(const RedisClient&) = delete;

  /// Sends one command and waits for its reply. `timeout` in place of the options' `command_timeout`: for a
  /// command that blocks, on a client that nobody else uses.
  boost::asio::awaitable<Result<RedisValue>> Command(std::vector<std::string> args,
                                                     std::optional<std::chrono::milliseconds> timeout = {});

  /// Runs a script, by its hash; sends it first when Redis does not know it. `script` must outlive the call.
  boost::asio::awaitable<Result<RedisValue>> Eval(const RedisScript& script, std::vector<std::string> keys,
                                                  std::vector<std::string> args);

  /// As destroying it does, but may come while other threads still make calls: they fail.
  void close();

  /// Whether there is a connection now; for people and metrics.
  bool connected() const;

  const RedisOptions& options() const;

  struct Core;  ///< private to the .cc

 private:
  explicit RedisClient(std::shared_ptr<Core> core);
  std::shared_ptr<Core> core_;
};

}  // namespace codeapi
