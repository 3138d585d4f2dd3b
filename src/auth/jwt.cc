#include "auth/jwt.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include <boost/json.hpp>

#include "auth/strict_json.h"
#include "base/base64url.h"

namespace codeapi {
namespace {

namespace json = boost::json;
using Text = std::string_view;

// Later than this (the year 9999) nobody means a time in seconds.
constexpr double kLastSecond = 253'402'300'799.0;

struct Times {
  double iat = 0;
  double nbf = 0;
  double exp = 0;
};

// The member as text if it is a string.
std::optional<Text> String(const json::object& in, Text name) {
  const json::value* value = in.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || !value->is_string()) return {};
  const json::string& text = value->get_string();
  return Text(text.data(), text.size());
}

// The member if it is a name.
std::optional<Text> Name(const json::object& in, Text name) {
  const auto text = String(in, name);
  return text && IsPrincipalId(*text) ? text : std::nullopt;
}

std::optional<double> Seconds(const json::object& in, Text name) {
  const json::value* value = in.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || !value->is_number()) return {};
  const double seconds = value->is_double()  ? value->get_double()
                         : value->is_int64() ? static_cast<double>(value->get_int64())
                                             : static_cast<double>(value->get_uint64());
  // Written so that NaN fails too.
  if (!(seconds >= 0 && seconds <= kLastSecond)) return {};
  return seconds;
}

// The three parts of `token`; empty if there are more or fewer.
std::optional<std::array<Text, 3>> Split(Text token) {
  const std::size_t first = token.find('.');
  if (first == Text::npos) return {};
  const std::size_t second = token.find('.', first + 1);
  if (second == Text::npos || token.find('.', second + 1) != Text::npos) return {};
  return std::array{token.substr(0, first), token.substr(first + 1, second - first - 1),
                    token.substr(second + 1)};
}

std::optional<json::object> DecodeObject(Text part) {
  const auto bytes = DecodeBase64Url(part);
  if (!bytes) return {};
  auto object = ParseStrictObject(*bytes);
  if (!object) return {};
  return std::move(*object);
}

// The key a header asks for.
std::expected<const JwtKey*, JwtProblem> FindKey(const json::object& header, const JwtKeySet& keys,
                                                 const JwtRules& rules) {
  // We understand no extension, so one that must be understood ends it (RFC 7515, section 4.1.11).
  if (header.contains("crit")) return std::unexpected(JwtProblem::kMalformed);
  if (header.contains("typ") && String(header, "typ") != "JWT") {
    return std::unexpected(JwtProblem::kMalformed);
  }
  const auto name = String(header, "alg");
  const auto kid = String(header, "kid");
  if (!name || !kid || !IsKeyId(*kid)) return std::unexpected(JwtProblem::kMalformed);
  const auto algorithm = FindAlgorithm(*name);
  if (!algorithm || std::ranges::find(rules.allowed, *algorithm) == rules.allowed.end()) {
    return std::unexpected(JwtProblem::kWrongAlgorithm);
  }
  const auto found = keys.find(*kid);
  if (found == keys.end()) return std::unexpected(JwtProblem::kUnknownKid);
  if (found->second.algorithm() != *algorithm) return std::unexpected(JwtProblem::kWrongAlgorithm);
  return &found->second;
}

bool IsFor(const json::value& audience, Text us) {
  const auto is_us = [&](const json::value& one) {
    return Text(one.get_string().data(), one.get_string().size()) == us;
  };
  return audience.is_string() ? is_us(audience) : std::ranges::any_of(audience.get_array(), is_us);
}

// A string, or some strings in an array.
bool IsAudience(const json::value* value) {
  if (value == nullptr) return false;
  if (value->is_string()) return true;
  return value->is_array() && !value->get_array().empty() &&
         std::ranges::all_of(value->get_array(), [](const json::value& one) { return one.is_string(); });
}

std::optional<PrincipalSource> Source(const json::object& claims) {
  const auto name = String(claims, "principal_source");
  for (const PrincipalSource source : {PrincipalSource::kLibreChatJwt, PrincipalSource::kOpenIdReuse}) {
    if (name == SourceName(source)) return source;
  }
  return {};
}

// Nothing if a claim that must be there is not, or one is of no use.
std::optional<Principal> ReadPrincipal(const json::object& claims, const JwtRules& rules) {
  const auto user = Name(claims, "sub");
  const auto source = Source(claims);
  const auto context = Name(claims, "auth_context_hash");
  if (!user || !source || !context || !Name(claims, "jti")) return {};
  Principal out;
  out.user = *user;
  out.source = *source;
  out.auth_context_hash = *context;
  out.tenant = rules.single_tenant;
  if (claims.contains("tenant_id")) {
    const auto tenant = Name(claims, "tenant_id");
    if (!tenant) return {};
    out.tenant = *tenant;
  }
  if (claims.contains("plan_id")) {
    const auto plan = String(claims, "plan_id");
    if (!plan || (!plan->empty() && !IsPrincipalId(*plan))) return {};
    out.plan = *plan;
  }
  return out.tenant.empty() ? std::nullopt : std::optional(std::move(out));
}

std::optional<Times> ReadTimes(const json::object& claims) {
  const auto iat = Seconds(claims, "iat");
  const auto nbf = Seconds(claims, "nbf");
  const auto exp = Seconds(claims, "exp");
  if (!iat || !nbf || !exp) return {};
  return Times{*iat, *nbf, *exp};
}

std::optional<JwtProblem> CheckTimes(const Times& times, const JwtRules& rules,
                                     std::chrono::system_clock::time_point now) {
  using Real = std::chrono::duration<double>;
  const double skew = Real(rules.skew).count();
  const double present = Real(std::chrono::floor<std::chrono::seconds>(now.time_since_epoch())).count();
  if (times.exp <= present - skew) return JwtProblem::kExpired;
  if (times.nbf > present + skew) return JwtProblem::kNotYetValid;
  if (times.iat > present + skew) return JwtProblem::kFutureIat;
  const double ttl = times.exp - times.iat;
  if (ttl <= 0 || ttl > Real(rules.max_ttl).count()) return JwtProblem::kTtlTooLong;
  return {};
}

std::expected<Principal, JwtProblem> ReadClaims(const json::object& claims, const JwtRules& rules,
                                                std::chrono::system_clock::time_point now) {
  const auto issuer = String(claims, "iss");
  const json::value* audience = claims.if_contains("aud");
  auto principal = ReadPrincipal(claims, rules);
  const auto times = ReadTimes(claims);
  if (!issuer || !IsAudience(audience) || !principal || !times) {
    return std::unexpected(JwtProblem::kMalformedClaims);
  }
  if (*issuer != rules.issuer) return std::unexpected(JwtProblem::kWrongIssuer);
  if (!IsFor(*audience, rules.audience)) return std::unexpected(JwtProblem::kWrongAudience);
  if (const auto problem = CheckTimes(*times, rules, now)) return std::unexpected(*problem);
  return std::move(*principal);
}

}  // namespace

std::string_view ProblemName(JwtProblem problem) {
  constexpr std::array<Text, 11> kNames = {
      "malformed",      "wrong_alg", "unknown_kid",   "bad_signature", "malformed_claims", "wrong_issuer",
      "wrong_audience", "expired",   "not_yet_valid", "future_iat",    "ttl_too_long"};
  return kNames.at(static_cast<std::size_t>(problem));
}

Result<JwtRules> JwtRules::Make(const Settings& settings, std::vector<JwtAlgorithm> allowed) {
  JwtRules rules;
  rules.allowed = std::move(allowed);
  rules.issuer = settings.jwt_issuer;
  rules.audience = settings.jwt_audience;
  rules.skew = settings.jwt_clock_skew;
  rules.max_ttl = settings.jwt_max_ttl;
  if (settings.tenant_isolation_strict) return rules;
  if (!IsPrincipalId(settings.jwt_single_tenant_id)) {
    return Fail(ErrorCode::kInvalid, "CODEAPI_JWT_SINGLE_TENANT_ID: cannot name a tenant");
  }
  rules.single_tenant = settings.jwt_single_tenant_id;
  return rules;
}

std::expected<Principal, JwtProblem> VerifyJwt(std::string_view token, const JwtKeySet& keys,
                                               const JwtRules& rules,
                                               std::chrono::system_clock::time_point now) {
  if (token.size() > kMaxToken) return std::unexpected(JwtProblem::kMalformed);
  const auto parts = Split(token);
  if (!parts) return std::unexpected(JwtProblem::kMalformed);
  const auto header = DecodeObject((*parts)[0]);
  const auto signature = DecodeBase64Url((*parts)[2]);
  if (!header || !signature) return std::unexpected(JwtProblem::kMalformed);
  const auto key = FindKey(*header, keys, rules);
  if (!key) return std::unexpected(key.error());
  const Text signed_part = token.substr(0, token.size() - (*parts)[2].size() - 1);
  if (!(*key)->Verify(signed_part, *signature)) return std::unexpected(JwtProblem::kBadSignature);
  // Only now: nothing of the claims is read before somebody we trust has signed them.
  const auto claims = DecodeObject((*parts)[1]);
  if (!claims) return std::unexpected(JwtProblem::kMalformedClaims);
  return ReadClaims(*claims, rules, now);
}

}  // namespace codeapi
