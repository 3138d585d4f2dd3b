// Fuzzes what a stranger's token and an operator's key reach. Signatures cannot be guessed, so besides taking
// the input as a whole token this signs what the input says, header before the first line end and claims
// after it, with a secret of its own: then the rules for claims are reached.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

#include "auth/jwt.h"
#include "auth/jwt_key.h"
#include "auth/jwt_testing.h"
#include "auth/strict_json.h"
#include "base/base64url.h"
#include "base/fuzzing.h"
#include "base/text.h"

namespace codeapi {
namespace {

namespace json = boost::json;

constexpr std::int64_t kNow = 1'800'000'000;
constexpr std::int64_t kSkew = 30;
constexpr std::int64_t kMaxTtl = 300;
const std::string kSecret = "a secret of exactly 32 bytes, ok";

// RFC 8037, appendix A: its private half is public, but no input here is signed with it.
constexpr char kPublicKey[] =
    R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";

const JwtKeySet& Keys() {
  static const JwtKeySet keys = [] {
    JwtKeySet out;
    out.emplace("hs", *JwtKey::FromSecret(kSecret));
    out.emplace("ed", *JwtKey::FromPublicText(kPublicKey));
    return out;
  }();
  return keys;
}

std::expected<Principal, JwtProblem> Check(std::string_view token, bool hs256, std::int64_t now = kNow) {
  JwtRules rules;
  rules.allowed = {JwtAlgorithm::kEdDsa, JwtAlgorithm::kRs256};
  if (hs256) rules.allowed.push_back(JwtAlgorithm::kHs256);
  rules.issuer = "librechat";
  rules.audience = "codeapi";
  rules.skew = std::chrono::seconds(kSkew);
  rules.max_ttl = std::chrono::seconds(kMaxTtl);
  rules.single_tenant = "legacy";
  return VerifyJwt(token, Keys(), rules, std::chrono::system_clock::time_point(std::chrono::seconds(now)));
}

// What must be so of every caller, whatever the claims said.
void CheckPrincipal(const Principal& caller, const std::string& token, std::string_view claims) {
  Require(IsPrincipalId(caller.tenant) && IsPrincipalId(caller.user), "a caller has usable names");
  Require(caller.plan.empty() || IsPrincipalId(caller.plan), "a plan has a usable name");
  Require(caller.source == PrincipalSource::kLibreChatJwt || caller.source == PrincipalSource::kOpenIdReuse,
          "a token speaks for users of LibreChat");
  const std::string key = UserKey(caller);
  Require(key.substr(0, key.find(':')).size() >= caller.tenant.size() && IsUtf8(key),
          "a tenant has no colon in keys");
  Require(key.ends_with(":user:" + caller.user), "a key names its user");
  const json::value parsed = json::parse(json::string_view(claims.data(), claims.size()));
  Require(parsed.at("sub").as_string() == caller.user, "the user is the one who was signed");
  Require(!Check(token, false), "HS256 is refused unless it is allowed");
  Require(!Check(token, true, kNow + kMaxTtl + 2 * kSkew + 1), "a token does not live for long");
  Require(!Check(token, true, kNow - kMaxTtl - 2 * kSkew - 1), "a token is not good before its time");
  Require(!Check(token + ".", true) && !Check(token + "=", true), "a token has one spelling");
  for (const std::size_t i : {std::size_t{0}, token.find('.') + 1, token.size() - 1}) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    Require(!Check(changed, true), "a changed token is refused");
  }
}

void FuzzSigned(std::string_view input) {
  const std::size_t end = input.find('\n');
  if (end == std::string_view::npos) return;
  const std::string_view claims = input.substr(end + 1);
  const std::string token = testing::Token(kSecret, input.substr(0, end), claims);
  const auto caller = Check(token, true);
  if (caller) CheckPrincipal(*caller, token, claims);
}

void FuzzBase64(std::string_view input) {
  Require(DecodeBase64Url(EncodeBase64Url(input)) == input, "base64url can be undone");
  const auto decoded = DecodeBase64Url(input);
  Require(!decoded || EncodeBase64Url(*decoded) == input, "bytes have one spelling");
}

void FuzzJson(std::string_view input) {
  const auto object = ParseStrictObject(input);
  if (!object) return;
  const std::string text = json::serialize(*object);
  Require(static_cast<bool>(ParseStrictObject(text)), "what was accepted is accepted again");
  if (text.size() < 3) return;
  Require(!ParseStrictObject(text.substr(0, text.size() - 1) + "," + text.substr(1)),
          "a member twice is noticed");
}

void FuzzKey(std::string_view input) {
  const auto key = JwtKey::FromPublicText(input);
  if (!key) return;
  Require(key->algorithm() != JwtAlgorithm::kHs256, "a public text is never a secret");
  Require(!key->Verify("input", testing::Signature(input, "input")), "a public key is no secret");
}

}  // namespace
}  // namespace codeapi

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  codeapi::Require(!codeapi::Check(input, false), "nobody can sign for the public key");
  codeapi::FuzzSigned(input);
  codeapi::FuzzBase64(input);
  codeapi::FuzzJson(input);
  codeapi::FuzzKey(input);
  return 0;
}
