#include "auth/jwt_key.h"

#include <gtest/gtest.h>

#include "auth/jwt_testing.h"
#include "auth/strict_json.h"

namespace codeapi {
namespace {

using testing::NewEd25519;
using testing::NewRsa;
using testing::PublicJwk;
using testing::PublicPem;
using testing::Signature;

const testing::SigningKey& Rsa() {
  static const testing::SigningKey key = NewRsa(2048);
  return key;
}

std::string Problem(const Result<JwtKey>& key) {
  return key ? "none" : key.error().message;
}

TEST(JwtKey, VerifiesWithPemAndWithJwk) {
  for (const testing::SigningKey& key : {NewEd25519(), Rsa()}) {
    const std::string signature = Signature(key, "text");
    for (const std::string& text : {PublicPem(key), PublicJwk(key), "\n " + PublicPem(key) + " \n"}) {
      const auto made = JwtKey::FromPublicText(text);
      ASSERT_TRUE(made) << made.error().message;
      EXPECT_TRUE(made->Verify("text", signature));
      EXPECT_FALSE(made->Verify("texT", signature));
      EXPECT_FALSE(made->Verify("text", ""));
      EXPECT_FALSE(made->Verify("text", signature.substr(1)));
      EXPECT_FALSE(made->Verify("text", signature + '\0'));
      for (std::size_t i = 0; i < signature.size(); i += 7) {
        std::string changed = signature;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        EXPECT_FALSE(made->Verify("text", changed));
      }
    }
  }
}

// RFC 8037, appendix A.4: the key of A.2 and the signature over "Example of Ed25519 signing".
TEST(JwtKey, KnownAnswerOfEd25519) {
  const auto key = JwtKey::FromPublicText(
      R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})");
  ASSERT_TRUE(key);
  EXPECT_TRUE(
      key->Verify("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
                  *DecodeBase64Url("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt"
                                   "9g7sVvpAr_MuM0KAg")));
}

// RFC 7515, appendix A.1.
TEST(JwtKey, KnownAnswerOfHs256) {
  const auto key = JwtKey::FromSecret(*DecodeBase64Url(
      "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"));
  ASSERT_TRUE(key);
  const std::string input =
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
  const std::string signature = *DecodeBase64Url("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
  EXPECT_TRUE(key->Verify(input, signature));
  EXPECT_FALSE(key->Verify(input, signature.substr(0, 31)));
  EXPECT_FALSE(key->Verify(input, ""));
  EXPECT_FALSE(key->Verify(input + "x", signature));
}

TEST(JwtKey, RefusesRsaThatIsTooShortOrBoundToPss) {
  EXPECT_NE(Problem(JwtKey::FromPublicText(PublicPem(NewRsa(1024)))).find("1024 bits"), std::string::npos);
  EXPECT_NE(Problem(JwtKey::FromPublicText(PublicJwk(NewRsa(1024)))).find("1024 bits"), std::string::npos);
  EXPECT_NE(Problem(JwtKey::FromPublicText(PublicPem(testing::NewRsaPss()))).find("PSS"), std::string::npos);
}

TEST(JwtKey, RefusesAnRsaExponentWithWhichEverythingVerifies) {
  const auto modulus = ParseStrictObject(PublicJwk(Rsa()))->at("n").as_string();
  const auto with = [&](const std::string& e) {
    return JwtKey::FromPublicText(R"({"kty":"RSA","n":")" + std::string(modulus) + R"(","e":")" + e + "\"}");
  };
  EXPECT_TRUE(with("AQAB"));
  EXPECT_FALSE(with("AQ"));
  EXPECT_FALSE(with("AA"));
  EXPECT_FALSE(with("Ag"));
  EXPECT_FALSE(with(""));
}

TEST(JwtKey, RefusesOtherKindsOfKeys) {
  const testing::SigningKey ec = testing::OwnKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  EXPECT_NE(Problem(JwtKey::FromPublicText(PublicPem(ec))).find("neither"), std::string::npos);
  const testing::SigningKey x25519 = testing::OwnKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));
  EXPECT_NE(Problem(JwtKey::FromPublicText(PublicPem(x25519))).find("neither"), std::string::npos);
  for (const char* text :
       {"", "  ", "hello", "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "{}", "{", R"({"kty":1})",
        R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"})",
        R"({"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
        R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUR"})",
        R"({"kty":"OKP","crv":"Ed25519"})", R"({"kty":"RSA","n":"AQAB"})", R"({"kty":"RSA","n":1,"e":2})"}) {
    EXPECT_FALSE(JwtKey::FromPublicText(text)) << text;
  }
  EXPECT_FALSE(JwtKey::FromPublicText(std::string(100'000, 'A')));
}

TEST(JwtKey, RefusesAPrivateKey) {
  for (const testing::SigningKey& key : {NewEd25519(), Rsa()}) {
    EXPECT_NE(Problem(JwtKey::FromPublicText(testing::PrivatePem(key))).find("private"), std::string::npos);
    EXPECT_NE(Problem(JwtKey::FromPublicText(PublicJwk(key, R"("d":"AAAA")"))).find("private"),
              std::string::npos);
  }
}

TEST(JwtKey, HeedsWhatAJwkIsFor) {
  const auto with = [](const testing::SigningKey& key, const std::string& more) {
    return Problem(JwtKey::FromPublicText(PublicJwk(key, more)));
  };
  const testing::SigningKey ed = NewEd25519();
  EXPECT_EQ(with(ed, R"("alg":"EdDSA","use":"sig")"), "none");
  EXPECT_EQ(with(Rsa(), R"("alg":"RS256")"), "none");
  EXPECT_NE(with(ed, R"("use":"enc")"), "none");
  EXPECT_NE(with(ed, R"("alg":"HS256")"), "none");
  EXPECT_NE(with(Rsa(), R"("alg":"RS512")"), "none");
  EXPECT_NE(with(Rsa(), R"("alg":"PS256")"), "none");
  EXPECT_NE(with(Rsa(), R"("alg":7)"), "none");
}

TEST(JwtKey, ASecretIsLongAndNotAPublicKey) {
  EXPECT_FALSE(JwtKey::FromSecret(std::string(31, 's')));
  EXPECT_TRUE(JwtKey::FromSecret(std::string(32, 's')));
  EXPECT_TRUE(JwtKey::FromSecret(std::string(4096, 's')));
  EXPECT_FALSE(JwtKey::FromSecret(std::string(4097, 's')));
  EXPECT_NE(Problem(JwtKey::FromSecret(PublicPem(NewEd25519()))).find("PEM"), std::string::npos);
}

TEST(JwtKey, AlgorithmsHaveOneName) {
  EXPECT_EQ(FindAlgorithm("EdDSA"), JwtAlgorithm::kEdDsa);
  EXPECT_EQ(FindAlgorithm("RS256"), JwtAlgorithm::kRs256);
  EXPECT_EQ(FindAlgorithm("HS256"), JwtAlgorithm::kHs256);
  for (const char* name : {"", "none", "None", "eddsa", "RS512", "PS256", "HS256 "})
    EXPECT_FALSE(FindAlgorithm(name));
}

}  // namespace
}  // namespace codeapi
