#include "auth/jwt_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <future>

#include "auth/testing.h"

namespace codeapi {
namespace {

using testing::EventLog;
using ::testing::HasSubstr;
using testing::NewEd25519;
using testing::PublicJwk;
using testing::PublicPem;
using testing::Signature;
using testing::SigningKey;
using testing::TempDir;
using testing::WriteFile;

const std::string kSecret(32, 's');

std::string Ids(const JwtKeys& keys) {
  std::string out;
  for (const auto& [kid, key] : *keys.current()) {
    out += (out.empty() ? "" : " ") + kid + "=" + std::string(AlgorithmName(key.algorithm()));
  }
  return out;
}

// Whether the key id stands for this key.
bool Is(const JwtKeys& keys, const std::string& kid, const SigningKey& key) {
  const auto set = keys.current();
  const auto found = set->find(kid);
  return found != set->end() && found->second.Verify("x", Signature(key, "x"));
}

class JwtKeysTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<JwtKeys>> TryLoad() {
    return JwtKeys::Load(settings_, *AllowedAlgorithms(settings_, log_), log_);
  }
  std::unique_ptr<JwtKeys> Load() {
    auto keys = TryLoad();
    EXPECT_TRUE(keys) << keys.error().message;
    return keys ? std::move(*keys) : nullptr;
  }
  std::string Problem() {
    const auto keys = TryLoad();
    EXPECT_FALSE(keys);
    return keys ? "none" : keys.error().message;
  }
  void UseDirectory() {
    settings_.jwt_public_keys_dir = dir_.path();
    // Only Reload() reads it again, unless a test wants the thread to.
    settings_.jwt_key_cache_ttl = std::chrono::hours(1);
  }

  TempDir dir_;
  EventLog log_;
  Settings settings_;
  const SigningKey a_ = NewEd25519();
  const SigningKey b_ = NewEd25519();
};

TEST_F(JwtKeysTest, OfAKeySet) {
  settings_.jwt_jwks_json = R"({"keys":[)" + PublicJwk(a_, R"("kid":"a","alg":"EdDSA")") + "," +
                            PublicJwk(testing::NewRsa(2048), R"("kid":"r")") + "]}";
  const auto keys = Load();
  EXPECT_EQ(Ids(*keys), "a=EdDSA r=RS256");
  EXPECT_TRUE(Is(*keys, "a", a_));
  EXPECT_FALSE(Is(*keys, "a", b_));
}

TEST_F(JwtKeysTest, OfAKeySetWithoutKeyIdsAndWithForeignKindsOnlyTheUsableOnes) {
  settings_.jwt_jwks_json = R"({"keys":[)" + PublicJwk(b_) + "," + PublicJwk(a_, R"("kid":"a")") +
                            R"(,{"kty":"EC","crv":"P-256","x":"AA","y":"AA","kid":"ec"})" +
                            R"(,{"kty":"oct","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0","kid":"oct"}]})";
  EXPECT_EQ(Ids(*Load()), "a=EdDSA");
  EXPECT_THAT(log_.text(), HasSubstr("kid=ec"));
  EXPECT_THAT(log_.text(), HasSubstr("kid=oct"));
}

TEST_F(JwtKeysTest, ABadKeySetIsNamed) {
  const std::string good = PublicJwk(a_, R"("kid":"a")");
  for (const std::string& text :
       {std::string("x"), std::string("[]"), std::string("{}"), std::string(R"({"keys":{}})"),
        std::string(R"({"keys":[1]})"), R"({"keys":[)" + good + R"(],"keys":[]})",
        R"({"keys":[)" + PublicJwk(a_, R"("kid":7)") + "]}",
        R"({"keys":[)" + PublicJwk(a_, R"("kid":"a","d":"AAAA")") + "]}"}) {
    settings_.jwt_jwks_json = text;
    EXPECT_THAT(Problem(), HasSubstr("CODEAPI_JWT_JWKS_JSON: ")) << text;
  }
  settings_.jwt_jwks_json = R"({"keys":[]})";
  EXPECT_THAT(Problem(), HasSubstr("no key to check tokens with"));
}

TEST_F(JwtKeysTest, OfOneKeyWithEscapedLineEnds) {
  std::string pem = PublicPem(a_);
  for (std::size_t at = pem.find('\n'); at != std::string::npos; at = pem.find('\n'))
    pem.replace(at, 1, "\\n");
  settings_.jwt_kid = "lc-codeapi-2026-05";
  for (const std::string& text : {pem, PublicPem(a_), PublicJwk(a_)}) {
    settings_.jwt_public_key = text;
    EXPECT_TRUE(Is(*Load(), "lc-codeapi-2026-05", a_));
  }
  settings_.jwt_public_key = "-----BEGIN PUBLIC KEY-----\\nAAAA\\n-----END PUBLIC KEY-----";
  EXPECT_THAT(Problem(), HasSubstr("CODEAPI_JWT_PUBLIC_KEY: "));
  settings_.jwt_public_key = pem;
  settings_.jwt_kid = "";
  EXPECT_THAT(Problem(), HasSubstr("CODEAPI_JWT_KID: "));
}

TEST_F(JwtKeysTest, ASecretNeedsHs256ToBeAllowedAndLength) {
  settings_.jwt_hs256_secret = kSecret;
  EXPECT_THAT(Problem(), HasSubstr("no key"));
  EXPECT_THAT(log_.text(), HasSubstr("warning: CODEAPI_JWT_HS256_SECRET is not used"));
  settings_.jwt_allowed_algs = "EdDSA, HS256";
  EXPECT_EQ(Ids(*Load()), "hs256-dev=HS256");
  settings_.jwt_kid = "general";
  EXPECT_EQ(Ids(*Load()), "general=HS256");
  settings_.jwt_hs256_kid = "own";
  EXPECT_EQ(Ids(*Load()), "own=HS256");
  settings_.jwt_hs256_secret.pop_back();
  EXPECT_THAT(Problem(), HasSubstr("CODEAPI_JWT_HS256_SECRET: has less than 32 bytes"));
  EXPECT_EQ(log_.text().find(std::string(20, 's')), std::string::npos);
  settings_.jwt_hs256_secret = PublicPem(a_);
  EXPECT_THAT(Problem(), HasSubstr("CODEAPI_JWT_HS256_SECRET: "));
}

TEST_F(JwtKeysTest, ALaterSourceWins) {
  UseDirectory();
  settings_.jwt_jwks_json = R"({"keys":[)" + PublicJwk(a_, R"("kid":"x")") + "]}";
  WriteFile(dir_ / "x.pem", PublicPem(b_));
  EXPECT_TRUE(Is(*Load(), "x", b_));
  EXPECT_TRUE(log_.Has("warning: token key replaced"));
  settings_.jwt_public_key = PublicPem(a_);
  settings_.jwt_kid = "x";
  EXPECT_TRUE(Is(*Load(), "x", a_));
  settings_.jwt_hs256_secret = kSecret;
  settings_.jwt_allowed_algs = "EdDSA,HS256";
  EXPECT_EQ(Ids(*Load()), "x=HS256");
}

TEST_F(JwtKeysTest, OfADirectoryTheNameIsTheKeyId) {
  UseDirectory();
  WriteFile(dir_ / "one.pem", PublicPem(a_));
  WriteFile(dir_ / "two.json", PublicJwk(b_));
  WriteFile(dir_ / "with.dots.pub", PublicPem(a_));
  WriteFile(dir_ / "bare", PublicPem(a_));
  WriteFile(dir_ / ".one.pem.swp", "not a key");
  std::filesystem::create_directory(dir_ / "sub.pem");
  std::filesystem::create_directory(dir_ / "..2026_01");
  WriteFile(dir_ / "..2026_01/linked.pem", PublicPem(b_));
  std::filesystem::create_symlink("..2026_01/linked.pem", dir_ / "linked.pem");
  std::filesystem::create_symlink("nowhere", dir_ / "dangling.pem");
  ASSERT_EQ(::mkfifo((dir_ / "pipe.pem").c_str(), 0600), 0);
  const auto keys = Load();
  EXPECT_EQ(Ids(*keys), "bare=EdDSA linked=EdDSA one=EdDSA two=EdDSA with.dots=EdDSA");
  EXPECT_TRUE(Is(*keys, "linked", b_));
}

TEST_F(JwtKeysTest, ABadDirectoryIsNamed) {
  UseDirectory();
  EXPECT_THAT(Problem(), HasSubstr("no key"));
  settings_.jwt_public_keys_dir = dir_ / "missing";
  EXPECT_THAT(Problem(), HasSubstr("CODEAPI_JWT_PUBLIC_KEYS_DIR: "));
  UseDirectory();
  WriteFile(dir_ / "a.pem", PublicPem(a_));
  WriteFile(dir_ / "a.json", PublicJwk(a_));
  EXPECT_THAT(Problem(), HasSubstr("two files for the key id a"));
  std::filesystem::remove(dir_ / "a.json");
  WriteFile(dir_ / "bad.pem", "nonsense");
  EXPECT_THAT(Problem(), HasSubstr("CODEAPI_JWT_PUBLIC_KEYS_DIR: the file of bad is not a public key"));
  WriteFile(dir_ / "bad.pem", std::string(70'000, 'x'));
  EXPECT_THAT(Problem(), HasSubstr("bad.pem is too long"));
}

TEST_F(JwtKeysTest, KeysAreRotatedByReadingTheDirectoryAgain) {
  UseDirectory();
  WriteFile(dir_ / "old.pem", PublicPem(a_));
  const auto keys = Load();
  const auto before = keys->current();
  WriteFile(dir_ / "new.pem", PublicPem(b_));
  EXPECT_EQ(Ids(*keys), "old=EdDSA");
  keys->Reload();
  EXPECT_EQ(Ids(*keys), "new=EdDSA old=EdDSA");
  std::filesystem::remove(dir_ / "old.pem");
  keys->Reload();
  EXPECT_EQ(Ids(*keys), "new=EdDSA");
  WriteFile(dir_ / "new.pem", PublicPem(a_));
  keys->Reload();
  EXPECT_TRUE(Is(*keys, "new", a_));
  EXPECT_EQ(before->size(), 1u) << "a set in use does not change";
  std::filesystem::remove(dir_ / "new.pem");
  keys->Reload();
  EXPECT_EQ(Ids(*keys), "") << "a removed key is refused, even the last one";
}

TEST_F(JwtKeysTest, WhileTheDirectoryIsBadTheLastKeysStay) {
  UseDirectory();
  WriteFile(dir_ / "a.pem", PublicPem(a_));
  const auto keys = Load();
  WriteFile(dir_ / "b.pem", "half of a k");
  keys->Reload();
  EXPECT_EQ(Ids(*keys), "a=EdDSA");
  EXPECT_THAT(log_.text(), HasSubstr("warning: token keys not read again, the old ones stay"));
  WriteFile(dir_ / "b.pem", PublicPem(b_));
  keys->Reload();
  EXPECT_EQ(Ids(*keys), "a=EdDSA b=EdDSA");
  std::filesystem::remove_all(dir_.path());
  keys->Reload();
  EXPECT_EQ(Ids(*keys), "a=EdDSA b=EdDSA");
}

TEST_F(JwtKeysTest, TheThreadReadsTheDirectoryByItself) {
  UseDirectory();
  settings_.jwt_key_cache_ttl = std::chrono::milliseconds(1);
  WriteFile(dir_ / "a.pem", PublicPem(a_));
  std::promise<void> again;
  log_.seen = [&](const std::string& line) {
    if (line == "token keys read again keys=2") again.set_value();
  };
  const auto keys = Load();
  WriteFile(dir_ / "b.pem", PublicPem(b_));
  again.get_future().wait();
  EXPECT_EQ(Ids(*keys), "a=EdDSA b=EdDSA");
}

TEST_F(JwtKeysTest, AllowedAlgorithms) {
  using enum JwtAlgorithm;
  const auto allowed = [&](const std::string& text) {
    settings_.jwt_allowed_algs = text;
    return AllowedAlgorithms(settings_, log_);
  };
  EXPECT_EQ(*allowed("EdDSA,RS256"), (std::vector{kEdDsa, kRs256}));
  EXPECT_EQ(*allowed(" HS256 ,,"), (std::vector{kHs256}));
  EXPECT_EQ(*allowed("ES256,RS256"), (std::vector{kRs256}));
  EXPECT_TRUE(log_.Has("algorithm=ES256"));
  for (const char* text : {"none", "eddsa", ",", "RS256 EdDSA"}) {
    ASSERT_FALSE(allowed(text)) << text;
    EXPECT_THAT(allowed(text).error().message, HasSubstr("CODEAPI_JWT_ALLOWED_ALGS: "));
  }
}

}  // namespace
}  // namespace codeapi
