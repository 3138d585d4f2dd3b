// What Redis is to do in one step.
#pragma once

#include <string>

namespace codeapi {

/// A Lua script, known to Redis by its hash once it has been sent.
class RedisScript {
 public:
  explicit RedisScript(std::string source);
  const std::string& source() const { return source_; }
  const std::string& sha1() const { return sha1_; }

 private:
  std::string source_;
  std::string sha1_;
};

}  // namespace codeapi
