// What is said to Redis and what it answers: RESP2, by hiredis' formatter and reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct redisReader;

namespace codeapi {

/// A reply. Errors that a command as a whole met are Results and not values; inside of arrays they are
/// values.
struct RedisValue {
  enum class Type { kNil, kString, kStatus, kInteger, kArray, kError };

  Type type = Type::kNil;
  std::string text;                  ///< of strings, statuses and errors
  std::int64_t integer = 0;          ///< of integers
  std::vector<RedisValue> elements;  ///< of arrays

  bool nil() const { return type == Type::kNil; }
};

/// A command as it goes over the wire.
class RedisCommand {
 public:
  /// kInvalid without arguments or with more bytes than the protocol can carry.
  static Result<RedisCommand> Encode(std::span<const std::string_view> args);

  std::string_view bytes() const { return {data_.get(), size_}; }

 private:
  struct Free {
    void operator()(char* data) const { std::free(data); }
  };
  std::unique_ptr<char, Free> data_;
  std::size_t size_ = 0;
};

/// Cuts a stream of bytes into replies. A reply has at most `max_bytes`, counted as they arrive, and at most
/// one million elements.
class RedisReplyReader {
 public:
  explicit RedisReplyReader(std::size_t max_bytes);
  ~RedisReplyReader();
  RedisReplyReader(const RedisReplyReader&) = delete;
  RedisReplyReader& operator=(const RedisReplyReader&) = delete;

  /// Takes what came in. kUnavailable once it is not the protocol, or a reply is too large: then all that can
  /// be done is to close the connection.
  Result<void> feed(std::string_view bytes);

  /// The next whole reply; nothing when there is none yet. Fails like feed().
  Result<std::optional<RedisValue>> next();

 private:
  redisReader* reader_;
  const std::size_t max_bytes_;
  std::size_t unanswered_ = 0;  // bytes fed since the last whole reply
};

}  // namespace codeapi
