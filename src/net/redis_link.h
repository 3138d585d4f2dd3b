// One connection to a Redis, from the first byte to the last.
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
#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>

#include "net/redis_options.h"
#include "net/redis_value.h"

namespace codeapi {

/// Whom to trust when Redis speaks TLS: made once, used by every connection.
class RedisTrust {
 public:
  /// Reads the authorities; empty when `options` do without TLS. kInvalid, naming the file, if they cannot be
  /// read.
  static Result<RedisTrust> Make(const RedisOptions& options);

  struct Context;  ///< private to the .cc
  Context* context() const { return context_.get(); }

 private:
  std::shared_ptr<Context> context_;
};

/// A connection that has been greeted. One read and one write may be under way at a time, all on the executor
/// (a strand) it was opened on.
class RedisLink {
 public:
  using error_code = boost::system::error_code;

  /// Connects, proves who both are, chooses the database and sees that the server serves: kUnavailable if it
  /// does not, is loading, or has lost its master; also after `options.connect_timeout`.
  static boost::asio::awaitable<Result<std::shared_ptr<RedisLink>>> Open(
      boost::asio::any_io_executor executor, RedisOptions options, RedisTrust trust);

  virtual ~RedisLink() = default;

  /// The next reply. kUnavailable when the connection ends.
  boost::asio::awaitable<Result<RedisValue>> read();

  /// Writes all of it.
  virtual boost::asio::awaitable<error_code> write(std::span<const boost::asio::const_buffer> buffers) = 0;

  /// Ends it at once; reads and writes under way fail.
  virtual void close() = 0;

 protected:
  struct Got {
    error_code error;
    std::size_t size = 0;
  };

  explicit RedisLink(std::size_t max_reply_bytes) : reader_(max_reply_bytes), buffer_(64uz << 10) {}
  virtual boost::asio::awaitable<error_code> connect(const RedisOptions& options) = 0;
  virtual boost::asio::awaitable<Got> readSome(boost::asio::mutable_buffer into) = 0;

 private:
  boost::asio::awaitable<Result<void>> greet(const RedisOptions& options);
  boost::asio::awaitable<Result<RedisValue>> ask(std::vector<std::string_view> args);

  RedisReplyReader reader_;
  std::vector<char> buffer_;
};

/// Whether an error reply means that this server cannot serve now though another, or it itself later, can:
/// after a failover, while loading, without its master.
bool IsRedisElsewhere(std::string_view error);

/// An error reply as an Error.
Error RedisReplyError(const std::string& reply);

}  // namespace codeapi
