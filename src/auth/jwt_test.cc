#include "auth/jwt.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "auth/testing.h"

namespace codeapi {
namespace {

namespace json = boost::json;
using testing::NewEd25519;
using testing::NewRsa;
using testing::PublicPem;
using testing::SigningKey;
using testing::Token;

constexpr std::int64_t kNow = 1'800'000'000;
const std::string kSecret = "a secret of exactly 32 bytes, ok";

struct Keys {
  SigningKey ed = NewEd25519();
  SigningKey other = NewEd25519();
  SigningKey rsa = NewRsa(2048);
};

const Keys& Private() {
  static const Keys keys;
  return keys;
}

class JwtTest : public ::testing::Test {
 protected:
  JwtTest() {
    keys_.emplace("ed", *JwtKey::FromPublicText(PublicPem(Private().ed)));
    keys_.emplace("rsa", *JwtKey::FromPublicText(PublicPem(Private().rsa)));
    keys_.emplace("hs", *JwtKey::FromSecret(kSecret));
    Settings settings;
    rules_ = *JwtRules::Make(settings, {JwtAlgorithm::kEdDsa, JwtAlgorithm::kRs256});
    claims_ = {{"iss", "librechat"},
               {"aud", "codeapi"},
               {"sub", "user-0001"},
               {"iat", kNow},
               {"nbf", kNow},
               {"exp", kNow + 300},
               {"jti", "edeb1f4e-2612-46b2-a529-bc841ca68148"},
               {"tenant_id", "acme"},
               {"role", "USER"},
               {"principal_source", "librechat_jwt"},
               {"auth_context_hash", "de2a8cc7316aa6c2fb75e903a313489e9089c40a351b8e835fb017d277f13299"}};
  }

  std::string Check(const std::string& token, std::int64_t now = kNow) const {
    const auto principal =
        VerifyJwt(token, keys_, rules_, std::chrono::system_clock::time_point(std::chrono::seconds(now)));
    return principal ? "ok" : std::string(ProblemName(principal.error()));
  }
  Principal Accepted(const std::string& token) const {
    const auto principal =
        VerifyJwt(token, keys_, rules_, std::chrono::system_clock::time_point(std::chrono::seconds(kNow)));
    EXPECT_TRUE(principal) << ProblemName(principal.error());
    return principal.value_or(Principal{});
  }
  std::string Signed() const { return Token(Private().ed, kHeader, json::serialize(claims_)); }
  std::string CheckHeader(const std::string& header) const {
    return Check(Token(Private().ed, header, json::serialize(claims_)));
  }
  // With one claim replaced; taken out for null.
  std::string CheckWith(const char* name, const json::value& value, std::int64_t now = kNow) {
    const json::object before = claims_;
    claims_[name] = value;
    const std::string problem = Check(Signed(), now);
    claims_ = before;
    return problem;
  }

  const std::string kHeader = R"({"alg":"EdDSA","typ":"JWT","kid":"ed"})";
  JwtKeySet keys_;
  JwtRules rules_;
  json::object claims_;
};

TEST_F(JwtTest, SaysWhoTheCallerIs) {
  claims_["plan_id"] = "gold";
  const Principal caller = Accepted(Signed());
  EXPECT_EQ(caller.tenant, "acme");
  EXPECT_EQ(caller.user, "user-0001");
  EXPECT_EQ(caller.plan, "gold");
  EXPECT_EQ(caller.source, PrincipalSource::kLibreChatJwt);
  EXPECT_EQ(caller.auth_context_hash, "de2a8cc7316aa6c2fb75e903a313489e9089c40a351b8e835fb017d277f13299");
  EXPECT_EQ(caller.key_id, "");
  claims_["principal_source"] = "openid_reuse";
  EXPECT_EQ(Accepted(Signed()).source, PrincipalSource::kOpenIdReuse);
}

TEST_F(JwtTest, AcceptsRs256AndOnRequestHs256) {
  const std::string payload = json::serialize(claims_);
  EXPECT_EQ(Check(Token(Private().rsa, R"({"alg":"RS256","kid":"rsa"})", payload)), "ok");
  const std::string token = Token(kSecret, R"({"alg":"HS256","kid":"hs"})", payload);
  EXPECT_EQ(Check(token), "wrong_alg");
  rules_.allowed = {JwtAlgorithm::kHs256};
  EXPECT_EQ(Check(token), "ok");
  EXPECT_EQ(Check(Token(kSecret + "x", R"({"alg":"HS256","kid":"hs"})", payload)), "bad_signature");
  EXPECT_EQ(Check(Signed()), "wrong_alg");
}

// The classic: a public key, which everyone knows, taken for the secret of an HMAC.
TEST_F(JwtTest, APublicKeyIsNeverASecret) {
  rules_.allowed = {JwtAlgorithm::kEdDsa, JwtAlgorithm::kRs256, JwtAlgorithm::kHs256};
  const std::string payload = json::serialize(claims_);
  for (const SigningKey& key : {Private().ed, Private().rsa}) {
    const std::string kid = key == Private().ed ? "ed" : "rsa";
    const std::string header = R"({"alg":"HS256","kid":")" + kid + "\"}";
    for (const std::string& secret : {PublicPem(key), testing::PublicJwk(key), std::string()}) {
      EXPECT_EQ(Check(Token(secret, header, payload)), "wrong_alg");
    }
  }
  EXPECT_EQ(Check(Token(Private().ed, R"({"alg":"RS256","kid":"ed"})", payload)), "wrong_alg");
  EXPECT_EQ(Check(Token(Private().ed, R"({"alg":"EdDSA","kid":"rsa"})", payload)), "wrong_alg");
  EXPECT_EQ(Check(Token(Private().ed, R"({"alg":"EdDSA","kid":"hs"})", payload)), "wrong_alg");
  EXPECT_EQ(Check(Token(Private().rsa, R"({"alg":"RS256","kid":"hs"})", payload)), "wrong_alg");
}

TEST_F(JwtTest, AKeyOfAnotherIdDoesNotVerify) {
  keys_.emplace("other", *JwtKey::FromPublicText(PublicPem(Private().other)));
  EXPECT_EQ(CheckHeader(R"({"alg":"EdDSA","kid":"other"})"), "bad_signature");
  EXPECT_EQ(CheckHeader(R"({"alg":"EdDSA","kid":"nobody"})"), "unknown_kid");
  EXPECT_EQ(CheckHeader(R"({"alg":"EdDSA","kid":"ED"})"), "unknown_kid");
  EXPECT_EQ(CheckHeader(R"({"alg":"EdDSA","kid":"ed "})"), "unknown_kid");
}

TEST_F(JwtTest, HeaderRules) {
  EXPECT_EQ(CheckHeader(R"({"alg":"EdDSA","kid":"ed"})"), "ok");
  EXPECT_EQ(CheckHeader(R"({"alg":"EdDSA","kid":"ed","typ":"JWT","x":1})"), "ok");
  for (const char* header :
       {R"({"alg":"EdDSA"})", R"({"kid":"ed"})", R"({"alg":"EdDSA","kid":""})",
        R"({"alg":"EdDSA","kid":"  "})", R"({"alg":"EdDSA","kid":7})", R"({"alg":7,"kid":"ed"})",
        R"({"alg":null,"kid":"ed"})", R"({"alg":"EdDSA","kid":"ed","typ":"jwt"})",
        R"({"alg":"EdDSA","kid":"ed","typ":"at+jwt"})", R"({"alg":"EdDSA","kid":"ed","typ":null})",
        R"({"alg":"EdDSA","kid":"ed","crit":["exp"]})", R"({"alg":"EdDSA","kid":"ed","crit":null})",
        R"({"alg":"EdDSA","kid":"ed","kid":"ed"})", R"({"alg":"none","kid":"ed","alg":"EdDSA"})",
        R"(["EdDSA"])", "EdDSA", ""}) {
    EXPECT_EQ(CheckHeader(header), "malformed") << header;
  }
  for (const char* alg : {"none", "None", "eddsa", "ES256", "RS512", "PS256", ""}) {
    EXPECT_EQ(CheckHeader(R"({"alg":")" + std::string(alg) + R"(","kid":"ed"})"), "wrong_alg") << alg;
  }
}

TEST_F(JwtTest, ATokenWithoutASignatureIsNone) {
  const std::string input =
      EncodeBase64Url(R"({"alg":"none","kid":"ed"})") + "." + EncodeBase64Url(json::serialize(claims_)) + ".";
  EXPECT_EQ(Check(input), "wrong_alg");
  const std::string token = Signed();
  EXPECT_EQ(Check(token.substr(0, token.rfind('.') + 1)), "bad_signature");
}

TEST_F(JwtTest, AKeyTheTokenBringsAlongIsNotUsed) {
  const std::string header =
      R"({"alg":"EdDSA","kid":"ed","jwk":)" + testing::PublicJwk(Private().other) + "}";
  EXPECT_EQ(Check(Token(Private().other, header, json::serialize(claims_))), "bad_signature");
}

TEST_F(JwtTest, MalformedTokens) {
  const std::string token = Signed();
  const std::size_t first = token.find('.');
  const std::size_t second = token.rfind('.');
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string("..."), std::string("a.b"),
        token.substr(0, second), token + ".", token + ".x", "." + token, token + "=", token + " ",
        " " + token, token + "\n", token.substr(0, first) + ".." + token.substr(second + 1),
        token.substr(0, first) + "=" + token.substr(first),
        std::string(2, '.') + std::string(kMaxToken, 'A')}) {
    EXPECT_NE(Check(bad), "ok") << bad;
  }
  EXPECT_EQ(Check("a.b"), "malformed");
  EXPECT_EQ(Check(token + "="), "malformed");
}

TEST_F(JwtTest, SizeIsBounded) {
  const auto padded = [&](std::size_t length) {
    claims_["pad"] = std::string(length, 'x');
    return Signed();
  };
  EXPECT_EQ(Check(padded(11'000)), "ok");
  const std::string large = padded(kMaxToken);
  EXPECT_GT(large.size(), kMaxToken);
  EXPECT_EQ(Check(large), "malformed");
}

TEST_F(JwtTest, EveryChangedCharacterIsNoticed) {
  const std::string token = Signed();
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_NE(Check(changed), "ok") << i;
  }
  const std::string forged = token.substr(0, token.find('.') + 1) + EncodeBase64Url("{\"sub\":\"admin\"}") +
                             token.substr(token.rfind('.'));
  EXPECT_EQ(Check(forged), "bad_signature");
}

TEST_F(JwtTest, EveryRequiredClaimMustBeThereAndOfItsType) {
  for (const char* name :
       {"iss", "aud", "sub", "jti", "iat", "nbf", "exp", "principal_source", "auth_context_hash"}) {
    const json::object before = claims_;
    claims_.erase(name);
    EXPECT_EQ(Check(Signed()), "malformed_claims") << "without " << name;
    claims_ = before;
    const json::value wrong[] = {nullptr, true, json::object(), json::array(), json::parse("[1]")};
    for (const json::value& value : wrong) {
      EXPECT_EQ(CheckWith(name, value), "malformed_claims") << name << " " << json::serialize(value);
    }
  }
  for (const char* name : {"iss", "aud", "sub", "jti", "principal_source", "auth_context_hash"}) {
    EXPECT_EQ(CheckWith(name, 7), "malformed_claims") << name;
  }
  for (const char* name : {"sub", "jti", "principal_source", "auth_context_hash"}) {
    for (const std::string& text :
         {std::string(), std::string("  "), std::string("a\nb"), std::string(257, 'a')}) {
      EXPECT_EQ(CheckWith(name, json::string(text)), "malformed_claims") << name << " " << text;
    }
  }
  for (const char* name : {"iat", "nbf", "exp"}) {
    const json::value wrong[] = {"1800000000", -1, -1e300, 1e300, 1e12, UINT64_MAX, INT64_MIN};
    for (const json::value& value : wrong) {
      EXPECT_EQ(CheckWith(name, value), "malformed_claims") << name << " " << json::serialize(value);
    }
  }
}

TEST_F(JwtTest, ClaimsMustBeOneUnambiguousObject) {
  for (const std::string& payload :
       {std::string(), std::string("[]"), std::string("null"), std::string("{"),
        json::serialize(claims_) + "{}", R"({"sub":"x",)" + json::serialize(claims_).substr(1)}) {
    EXPECT_EQ(Check(Token(Private().ed, kHeader, payload)), "malformed_claims") << payload;
  }
}

TEST_F(JwtTest, IssuerAndAudience) {
  EXPECT_EQ(CheckWith("iss", "evil"), "wrong_issuer");
  EXPECT_EQ(CheckWith("iss", "librechat "), "wrong_issuer");
  EXPECT_EQ(CheckWith("aud", "other"), "wrong_audience");
  EXPECT_EQ(CheckWith("aud", ""), "wrong_audience");
  EXPECT_EQ(CheckWith("aud", json::parse(R"(["codeapi"])")), "ok");
  EXPECT_EQ(CheckWith("aud", json::parse(R"(["x", "codeapi"])")), "ok");
  EXPECT_EQ(CheckWith("aud", json::parse(R"(["x", "CodeAPI"])")), "wrong_audience");
  EXPECT_EQ(CheckWith("aud", json::parse(R"(["codeapi", 1])")), "malformed_claims");
  EXPECT_EQ(CheckWith("principal_source", "synthetic_test"), "malformed_claims");
  EXPECT_EQ(CheckWith("principal_source", "none"), "malformed_claims");
  EXPECT_EQ(CheckWith("principal_source", "api_key"), "malformed_claims");
}

TEST_F(JwtTest, TimesAtTheirEdges) {
  rules_.skew = std::chrono::seconds(30);
  const std::string token = Signed();  // iat = nbf = kNow, exp = kNow + 300
  EXPECT_EQ(Check(token, kNow + 300 + 29), "ok");
  EXPECT_EQ(Check(token, kNow + 300 + 30), "expired");
  EXPECT_EQ(Check(token, kNow - 30), "ok");
  EXPECT_EQ(Check(token, kNow - 31), "not_yet_valid");
  EXPECT_EQ(CheckWith("nbf", kNow + 30), "ok");
  EXPECT_EQ(CheckWith("nbf", kNow + 31), "not_yet_valid");
  EXPECT_EQ(CheckWith("nbf", 0), "ok");
  EXPECT_EQ(CheckWith("iat", kNow + 30), "ok");
  EXPECT_EQ(CheckWith("iat", kNow + 31), "future_iat");
  rules_.skew = std::chrono::seconds(0);
  EXPECT_EQ(Check(token, kNow + 299), "ok");
  EXPECT_EQ(Check(token, kNow + 300), "expired");
  EXPECT_EQ(Check(token, kNow), "ok");
  EXPECT_EQ(Check(token, kNow - 1), "not_yet_valid");
}

TEST_F(JwtTest, LifeIsPositiveAndBounded) {
  EXPECT_EQ(CheckWith("exp", kNow + 301), "ttl_too_long");
  EXPECT_EQ(CheckWith("exp", kNow), "ttl_too_long");
  EXPECT_EQ(CheckWith("exp", kNow - 1), "ttl_too_long");
  EXPECT_EQ(CheckWith("exp", kNow + 300.5), "ttl_too_long");
  EXPECT_EQ(CheckWith("exp", static_cast<double>(kNow) + 300.0), "ok");
  EXPECT_EQ(CheckWith("iat", kNow - 1), "ttl_too_long");
  EXPECT_EQ(CheckWith("iat", 0), "ttl_too_long");
  rules_.max_ttl = std::chrono::seconds(60);
  EXPECT_EQ(Check(Signed()), "ttl_too_long");
  EXPECT_EQ(CheckWith("exp", kNow + 60), "ok");
}

TEST_F(JwtTest, TenantsFallBackUnlessTheyAreStrict) {
  const json::value wrong[] = {nullptr, 7, "", " ", "a\tb", json::string(257, 't'), json::array()};
  for (const json::value& value : wrong) {
    EXPECT_EQ(CheckWith("tenant_id", value), "malformed_claims") << json::serialize(value);
  }
  claims_.erase("tenant_id");
  EXPECT_EQ(Accepted(Signed()).tenant, "legacy");
  Settings settings;
  settings.tenant_isolation_strict = true;
  rules_ = *JwtRules::Make(settings, rules_.allowed);
  EXPECT_EQ(Check(Signed()), "malformed_claims");
  claims_["tenant_id"] = "a:b";
  EXPECT_EQ(Accepted(Signed()).tenant, "a:b");
}

TEST_F(JwtTest, ThePlanIsOptional) {
  EXPECT_EQ(Accepted(Signed()).plan, "");
  EXPECT_EQ(CheckWith("plan_id", ""), "ok");
  const json::value wrong[] = {nullptr, 7, json::object(), "a\nb", " ", json::string(257, 'p')};
  for (const json::value& value : wrong) {
    EXPECT_EQ(CheckWith("plan_id", value), "malformed_claims") << json::serialize(value);
  }
}

TEST(JwtRules, ABadFallbackTenantIsNamed) {
  Settings settings;
  settings.jwt_single_tenant_id = "a\nb";
  const auto rules = JwtRules::Make(settings, {});
  ASSERT_FALSE(rules);
  EXPECT_NE(rules.error().message.find("CODEAPI_JWT_SINGLE_TENANT_ID"), std::string::npos);
}

}  // namespace
}  // namespace codeapi
