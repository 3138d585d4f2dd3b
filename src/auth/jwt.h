// LibreChat's tokens: compact JWS with claims of a fixed kind. The rules are those of the service we stand in
// for; where it is lax we are not (docs/adr/0005-jwt-on-openssl.md).
#pragma once

#include <chrono>
#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "auth/jwt_keys.h"
#include "auth/principal.h"
#include "base/result.h"
#include "base/settings.h"

namespace codeapi {

inline constexpr std::size_t kMaxToken = 16'384;  ///< bytes

/// Why a token is not accepted. For logs only: a stranger learns nothing from an answer.
enum class JwtProblem {
  kMalformed,        ///< not three parts of base64url, or a header that is not acceptable
  kWrongAlgorithm,   ///< not allowed, or not the key's own
  kUnknownKid,       ///< no key of that id
  kBadSignature,     ///<
  kMalformedClaims,  ///< not an object, or a claim is missing, of the wrong type or not usable
  kWrongIssuer,      ///<
  kWrongAudience,    ///<
  kExpired,          ///<
  kNotYetValid,      ///<
  kFutureIat,        ///<
  kTtlTooLong,       ///< or not positive
};

/// `malformed`, `wrong_alg`, `unknown_kid`, … as the service we stand in for names them in its log.
std::string_view ProblemName(JwtProblem problem);

/// What tokens must satisfy besides a signature.
struct JwtRules {
  std::vector<JwtAlgorithm> allowed;
  std::string issuer;
  std::string audience;
  std::chrono::milliseconds skew{0};     ///< how far clocks may differ
  std::chrono::milliseconds max_ttl{0};  ///< of exp - iat
  std::string single_tenant;             ///< of tokens without tenant_id; empty: those are refused

  /// The rules of the settings; kInvalid, naming the setting, if one cannot be used.
  static Result<JwtRules> Make(const Settings& settings, std::vector<JwtAlgorithm> allowed);
};

/// The caller that `token` speaks for at the time `now`.
///
/// Header: `alg` allowed and the key's own, `kid` a known key, `typ` absent or "JWT", no `crit`; keys that a
/// token brings along (`jwk`, `jku`, `x5c`) are never looked at. Claims: `iss`, `aud` (a string, or an array
/// of strings with ours among them), `sub`, `jti`, `iat`, `nbf`, `exp`, `principal_source` and
/// `auth_context_hash` must be there; `tenant_id` and `plan_id` may; all others are ignored. Names satisfy
/// IsPrincipalId. Times are numbers of seconds: exp > now - skew, nbf <= now + skew, iat <= now + skew,
/// 0 < exp - iat <= max_ttl, where `now` is in whole seconds. A `jti` is not remembered, since LibreChat uses
/// one token for many requests. No member of header or claims may occur twice.
///
/// Pure; thread-safe; takes time linear in the token, which has at most kMaxToken bytes.
std::expected<Principal, JwtProblem> VerifyJwt(std::string_view token, const JwtKeySet& keys,
                                               const JwtRules& rules,
                                               std::chrono::system_clock::time_point now);

}  // namespace codeapi
