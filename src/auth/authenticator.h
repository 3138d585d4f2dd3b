// Who a request comes from: the one place that weighs credentials.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "auth/api_keys.h"
#include "auth/jwt.h"
#include "auth/jwt_keys.h"
#include "auth/principal.h"
#include "base/log.h"
#include "base/result.h"
#include "base/settings.h"
#include "store/state_store.h"

namespace codeapi {

/// What a request brings along. A header that is empty or blank counts as absent.
struct Credentials {
  std::optional<std::string> authorization;  ///< the value of `Authorization`
  std::optional<std::string> api_key;        ///< of `X-API-Key`
  std::optional<std::string> synthetic;      ///< of `X-CodeAPI-Synthetic-Token`
  bool is_exec = false;                      ///< whether it is a POST to /exec
  bool repeated = false;                     ///< whether one of the three headers is there twice
};

/// Why a request is not served.
struct AuthFailure {
  int status = 401;
  std::string text;    ///< for the client: the `error` member
  std::string reason;  ///< for the log only, one word of [a-z_]; for example `bad_signature`
};

/// Decides by the settings, as follows (the first line that fits):
///
///   local mode, provider none      everyone is Principal::Local()
///   a header twice                 400 Ambiguous authentication headers
///   synthetic token and another    400 Ambiguous authentication headers
///   synthetic token                only for exec (403) and if configured (401); compared in constant time
///   bearer, tokens enabled         it decides (401 Invalid bearer token), whatever X-API-Key says
///   API key, keys enabled          it decides (401 Invalid API key)
///   anything else                  401 Bearer token is required, or API key is required without tokens
///
/// `Authorization: Bearer` without a token, and every other scheme, count as no bearer: LibreChat sends the
/// first when it has no token but a key. Where only API keys are enabled a bearer says nothing. 503 when the
/// store is away. Thread-safe.
class Authenticator {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  /// Reads the settings and the keys they name. Local mode is on if LOCAL_MODE says so, or does not say and
  /// no provider, key or secret is named; CODEAPI_AUTH_PROVIDER=auto is then librechat-jwt. kInvalid, in one
  /// line that names the setting, when they cannot work. `store` and `log` must outlive the object; `now` is
  /// the system's clock when empty.
  static Result<std::unique_ptr<Authenticator>> Make(const Settings& settings, StateStore& store, Log& log,
                                                     Clock now = {});

  /// The caller, or why there is none.
  boost::asio::awaitable<std::expected<Principal, AuthFailure>> Authenticate(Credentials credentials);

  /// Whether everyone is one user without credentials. Limits per caller mean nothing then.
  bool open() const { return !jwt_ && !keys_; }

  /// A line for the operator: `LibreChat tokens (2 keys) and API keys`.
  std::string Describe() const;

 private:
  struct Tokens {
    JwtRules rules;
    std::unique_ptr<JwtKeys> keys;
  };
  using Answer = std::expected<Principal, AuthFailure>;

  explicit Authenticator(Clock now) : now_(std::move(now)) {}
  Result<void> ConfigureTokens(const Settings& settings, Log& log);
  Result<void> ConfigureSynthetic(const Settings& settings);
  Answer CheckSynthetic(const std::string& token, bool is_exec) const;
  Answer CheckBearer(const std::string& token) const;
  boost::asio::awaitable<Answer> CheckKey(std::string key);

  const Clock now_;
  std::optional<Tokens> jwt_;
  std::optional<ApiKeys> keys_;
  std::string synthetic_token_;  // empty: not configured
  Principal synthetic_;
};

}  // namespace codeapi
