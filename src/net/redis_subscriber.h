// Messages that Redis pushes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "base/result.h"
#include "net/redis_options.h"

namespace codeapi {

/// What becomes of messages. Called on a strand, one at a time, possibly still while and after the subscriber
/// is destroyed: hold weakly what may go before.
struct RedisListener {
  std::function<void(std::string_view message)> on_message;
  /// From now on messages arrive. What was published before is lost: look at what they would have told of.
  std::function<void()> on_subscribed;
  std::function<void()> on_lost;  ///< from now on messages are lost; may be empty
};

/// A subscription to one channel on a connection of its own, which is made again whenever it is lost. A
/// server that says nothing for `command_timeout` is asked whether it is there.
class RedisSubscriber {
 public:
  /// Begins to connect, on `executor`. kInvalid for certificates that cannot be read.
  static Result<std::unique_ptr<RedisSubscriber>> Make(const boost::asio::any_io_executor& executor,
                                                       RedisOptions options, std::string channel,
                                                       RedisListener listener);
  ~RedisSubscriber();
  RedisSubscriber(const RedisSubscriber&) = delete;
  RedisSubscriber& operator=(const RedisSubscriber&) = delete;

  struct Core;  ///< private to the .cc

 private:
  explicit RedisSubscriber(std::shared_ptr<Core> core);
  std::shared_ptr<Core> core_;
};

}  // namespace codeapi
