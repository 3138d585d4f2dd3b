// API keys: for callers that are not LibreChat, and for LibreChats that are too old for tokens.
//
// A key reads `capi_<id>_<secret>`: a prefix that secret scanners can be told of, 12 characters that name it
// and 43 that are the secret, both of [0-9A-Za-z]. The state store has, under `apikey:<id>`, who it is for
// and a SHA-256 of the key, never the key. A slow hash would be there to make guessing dear; here it would
// only make every request dear, since nobody guesses 256 random bits.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "auth/principal.h"
#include "base/result.h"
#include "store/state_store.h"

namespace codeapi {

/// What an API key is for.
struct ApiKeyGrant {
  std::string user;
  std::string tenant;
  std::string plan;   ///< may be empty
  std::string label;  ///< for people; may be empty; at most 256 bytes without control characters
  std::optional<std::chrono::milliseconds> life;  ///< 1 s to 10 years; none: until it is revoked
};

/// An API key as it can be shown.
struct ApiKeyInfo {
  std::string id;
  std::string user;
  std::string tenant;
  std::string plan;
  std::string label;
  std::chrono::system_clock::time_point created;
  std::optional<std::chrono::system_clock::time_point> expires;
};

/// Whether `text` has the shape of an API key. Says nothing of whether it is one.
bool LooksLikeApiKey(std::string_view text);

/// Thread-safe. Nothing is cached: what is created or revoked here or in another process that shares the
/// store counts with the next request. Every call can fail with kUnavailable, like the store.
class ApiKeys {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  /// `store` must outlive the object. `now` is the system's clock when empty.
  explicit ApiKeys(StateStore& store, Clock now = {});

  /// A new key: the only time it can be seen. kInvalid, with the reason, for a grant that cannot be.
  boost::asio::awaitable<Result<std::string>> Create(ApiKeyGrant grant);

  /// Every key that has not expired, sorted by id. Takes time in proportion to what the store holds.
  boost::asio::awaitable<Result<std::vector<ApiKeyInfo>>> List();

  /// Makes the key of that id useless, from the next request on; whether there was one.
  boost::asio::awaitable<Result<bool>> Revoke(std::string id);

  /// Whom a key speaks for, or nothing if it is none of ours, revoked or expired. Secrets are compared in
  /// constant time; that an id exists may show in the time taken, and is no secret.
  boost::asio::awaitable<Result<std::optional<Principal>>> Verify(std::string key);

 private:
  StateStore& store_;
  Clock now_;
};

}  // namespace codeapi
