#include "auth/authenticator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "auth/testing.h"
#include "store/sqlite_state_store.h"

namespace codeapi {
namespace {

using testing::Await;
using ::testing::HasSubstr;
using testing::NewEd25519;
using testing::PublicPem;
using testing::SigningKey;

constexpr std::int64_t kNow = 1'800'000'000;
const std::string kMonitor = "a monitor's token of 32 bytes...";

class AuthenticatorTest : public ::testing::Test {
 protected:
  static std::chrono::system_clock::time_point Now() {
    return std::chrono::system_clock::time_point(std::chrono::seconds(kNow));
  }
  void UseTokens() {
    settings_.jwt_public_key = PublicPem(key_);
    settings_.jwt_kid = "k";
  }
  std::unique_ptr<Authenticator> Make() {
    auto made = Authenticator::Make(settings_, *store_, log_, Now);
    EXPECT_TRUE(made) << made.error().message;
    return made ? std::move(*made) : nullptr;
  }
  std::string Problem() {
    const auto made = Authenticator::Make(settings_, *store_, log_, Now);
    EXPECT_FALSE(made);
    return made ? "none" : made.error().message;
  }
  // `source user`, or `status text (reason)`.
  static std::string Ask(Authenticator& authenticator, Credentials credentials) {
    const auto caller = Await(authenticator.Authenticate(std::move(credentials)));
    if (caller) return std::string(SourceName(caller->source)) + " " + caller->user;
    return std::to_string(caller.error().status) + " " + caller.error().text + " (" + caller.error().reason +
           ")";
  }
  std::string Token(const std::string& user = "u1", const std::string& kid = "k") const {
    const std::string now = std::to_string(kNow);
    return testing::Token(
        key_, R"({"alg":"EdDSA","typ":"JWT","kid":")" + kid + "\"}",
        R"({"iss":"librechat","aud":"codeapi","sub":")" + user + R"(","iat":)" + now + R"(,"nbf":)" + now +
            R"(,"exp":)" + std::to_string(kNow + 300) +
            R"(,"jti":"j","tenant_id":"acme","principal_source":"librechat_jwt","auth_context_hash":"h"})");
  }
  std::string Bearer() const { return "Bearer " + Token(); }
  std::string NewKey(const std::string& user) {
    return *Await(ApiKeys(*store_, Now).Create({.user = user, .tenant = "acme"}));
  }

  testing::TempDir dir_;
  testing::EventLog log_;
  const std::unique_ptr<SqliteStateStore> store_ =
      *SqliteStateStore::Open(dir_ / "state.sqlite", {.now = Now});
  const SigningKey key_ = NewEd25519();
  Settings settings_;
};

TEST_F(AuthenticatorTest, WithoutSettingsEveryoneIsTheLocalUser) {
  const auto it = Make();
  EXPECT_TRUE(it->open());
  EXPECT_EQ(it->Describe(), "no authentication: everyone is one user");
  EXPECT_EQ(Ask(*it, {}), "none local-test-user");
  EXPECT_EQ(Ask(*it, {.authorization = "Bearer x", .api_key = "y", .synthetic = "z", .repeated = true}),
            "none local-test-user");
}

TEST_F(AuthenticatorTest, LocalModeWinsOverAProviderAndSaysSo) {
  UseTokens();
  settings_.local_mode = LocalMode::kOn;
  settings_.auth_provider = AuthProvider::kBoth;
  EXPECT_TRUE(Make()->open());
  EXPECT_TRUE(log_.Has("warning: CODEAPI_AUTH_PROVIDER is not used"));
}

TEST_F(AuthenticatorTest, AnyKeyOfTokensEndsLocalMode) {
  UseTokens();
  const auto it = Make();
  EXPECT_FALSE(it->open());
  EXPECT_EQ(it->Describe(), "LibreChat tokens (1 key)");
  EXPECT_EQ(Ask(*it, {.authorization = Bearer()}), "librechat_jwt u1");
  EXPECT_EQ(Ask(*it, {}), "401 Bearer token is required (no_credentials)");
}

TEST_F(AuthenticatorTest, ProviderNoneMustBeMeant) {
  settings_.auth_provider = AuthProvider::kNone;
  EXPECT_THAT(Problem(), HasSubstr("CODEAPI_ALLOW_AUTH_PROVIDER_NONE"));
  settings_.allow_auth_provider_none = true;
  const auto it = Make();
  EXPECT_TRUE(it->open());
  EXPECT_EQ(Ask(*it, {}), "none local-test-user");
}

TEST_F(AuthenticatorTest, MisconfigurationsAreNamed) {
  settings_.local_mode = LocalMode::kOff;
  EXPECT_THAT(Problem(), HasSubstr("CODEAPI_JWT_PUBLIC_KEY"));
  UseTokens();
  settings_.jwt_kid = "";
  EXPECT_THAT(Problem(), HasSubstr("CODEAPI_JWT_KID"));
  settings_.jwt_kid = "k";
  settings_.jwt_public_key = "nonsense";
  EXPECT_THAT(Problem(), HasSubstr("CODEAPI_JWT_PUBLIC_KEY: is not a public key in PEM"));
  UseTokens();
  settings_.jwt_allowed_algs = "ES256";
  EXPECT_THAT(Problem(), HasSubstr("CODEAPI_JWT_ALLOWED_ALGS"));
  settings_.jwt_allowed_algs = "EdDSA";
  settings_.jwt_single_tenant_id = "\t";
  EXPECT_THAT(Problem(), HasSubstr("CODEAPI_JWT_SINGLE_TENANT_ID"));
  settings_.jwt_single_tenant_id = "legacy";
  settings_.synthetic_access_token = kMonitor.substr(1);
  EXPECT_THAT(Problem(), HasSubstr("CODEAPI_SYNTHETIC_ACCESS_TOKEN"));
  settings_.synthetic_access_token = kMonitor;
  settings_.synthetic_user_id = "\t";
  EXPECT_THAT(Problem(), HasSubstr("CODEAPI_SYNTHETIC_USER_ID"));
  settings_.synthetic_user_id = "s";
  settings_.synthetic_tenant_id = " ";
  EXPECT_THAT(Problem(), HasSubstr("CODEAPI_SYNTHETIC_TENANT_ID"));
  settings_.synthetic_tenant_id = "s";
  // A secret that cannot be used is no reason to stop as long as there is a key.
  settings_.jwt_hs256_secret = std::string(32, 's');
  EXPECT_TRUE(Make());
  EXPECT_TRUE(log_.Has("warning: CODEAPI_JWT_HS256_SECRET is not used"));
}

TEST_F(AuthenticatorTest, ABearerDecidesAndItsFaultIsForTheLogOnly) {
  UseTokens();
  const auto it = Make();
  EXPECT_EQ(Ask(*it, {.authorization = "bearer " + Token()}), "librechat_jwt u1");
  EXPECT_EQ(Ask(*it, {.authorization = "BEARER  \t" + Token() + " "}), "librechat_jwt u1");
  EXPECT_EQ(Ask(*it, {.authorization = "Bearer x"}), "401 Invalid bearer token (malformed)");
  EXPECT_EQ(Ask(*it, {.authorization = "Bearer " + Token("u1", "other")}),
            "401 Invalid bearer token (unknown_kid)");
  EXPECT_EQ(Ask(*it, {.authorization = Bearer() + " x"}), "401 Invalid bearer token (malformed)");
  EXPECT_EQ(Ask(*it, {.authorization = Bearer(), .repeated = true}),
            "400 Ambiguous authentication headers (repeated_header)");
}

TEST_F(AuthenticatorTest, AKeyAloneIsNoBearer) {
  UseTokens();
  const auto it = Make();
  const std::string key = NewKey("u2");
  EXPECT_EQ(Ask(*it, {.api_key = key}), "401 Bearer token is required (no_credentials)");
  EXPECT_EQ(Ask(*it, {.authorization = "Bearer " + key}), "401 Invalid bearer token (malformed)");
  EXPECT_EQ(Ask(*it, {.authorization = Bearer(), .api_key = key}), "librechat_jwt u1");
}

TEST_F(AuthenticatorTest, TokensAndKeysTogether) {
  UseTokens();
  settings_.auth_provider = AuthProvider::kBoth;
  const auto it = Make();
  EXPECT_EQ(it->Describe(), "LibreChat tokens (1 key) and API keys");
  const std::string key = NewKey("u2");
  EXPECT_EQ(Ask(*it, {.authorization = Bearer()}), "librechat_jwt u1");
  EXPECT_EQ(Ask(*it, {.api_key = key}), "api_key u2");
  EXPECT_EQ(Ask(*it, {.api_key = " " + key + " "}), "api_key u2");
  EXPECT_EQ(Ask(*it, {.authorization = Bearer(), .api_key = key}), "librechat_jwt u1");
  EXPECT_EQ(Ask(*it, {.authorization = Bearer(), .api_key = "wrong"}), "librechat_jwt u1");
  EXPECT_EQ(Ask(*it, {.authorization = "Bearer x", .api_key = key}), "401 Invalid bearer token (malformed)");
  EXPECT_EQ(Ask(*it, {.api_key = key + "x"}), "401 Invalid API key (wrong_api_key)");
  EXPECT_EQ(Ask(*it, {.api_key = "  "}), "401 Bearer token is required (no_credentials)");
}

TEST_F(AuthenticatorTest, AnEmptyBearerIsNone) {
  UseTokens();
  settings_.auth_provider = AuthProvider::kBoth;
  const auto it = Make();
  const std::string key = NewKey("u2");
  for (const char* header : {"Bearer", "Bearer ", "bearer \t ", "", " ", "Basic dTpw", "BearerX y"}) {
    EXPECT_EQ(Ask(*it, {.authorization = header, .api_key = key}), "api_key u2") << header;
    EXPECT_EQ(Ask(*it, {.authorization = header}), "401 Bearer token is required (no_credentials)") << header;
  }
}

TEST_F(AuthenticatorTest, KeysAlone) {
  settings_.auth_provider = AuthProvider::kApiKey;
  const auto it = Make();
  EXPECT_FALSE(it->open());
  EXPECT_EQ(it->Describe(), "API keys");
  const std::string key = NewKey("u2");
  EXPECT_EQ(Ask(*it, {.api_key = key}), "api_key u2");
  EXPECT_EQ(Ask(*it, {.authorization = Bearer(), .api_key = key}), "api_key u2");
  EXPECT_EQ(Ask(*it, {.authorization = Bearer()}), "401 API key is required (no_credentials)");
  const std::string id = key.substr(5, 12);
  ASSERT_EQ(Await(ApiKeys(*store_, Now).Revoke(id)), true);
  EXPECT_EQ(Ask(*it, {.api_key = key}), "401 Invalid API key (wrong_api_key)");
  ASSERT_TRUE(Await(store_->put("apikey:" + id, "broken")));
  EXPECT_EQ(Ask(*it, {.api_key = key}), "503 Authentication is temporarily unavailable (store_failed)");
}

TEST_F(AuthenticatorTest, TheMonitorMayExecuteAndNothingElse) {
  UseTokens();
  settings_.synthetic_access_token = kMonitor;
  const auto it = Make();
  EXPECT_THAT(it->Describe(), HasSubstr("synthetic"));
  EXPECT_EQ(Ask(*it, {.synthetic = kMonitor, .is_exec = true}), "synthetic_test synthetic-tests");
  EXPECT_EQ(Ask(*it, {.synthetic = kMonitor}),
            "403 Synthetic auth is only allowed for CodeAPI exec (synthetic_elsewhere)");
  EXPECT_EQ(Ask(*it, {.synthetic = kMonitor + "x", .is_exec = true}),
            "401 Invalid synthetic token (wrong_synthetic)");
  EXPECT_EQ(Ask(*it, {.synthetic = "", .is_exec = true}), "401 Bearer token is required (no_credentials)");
  const std::string ambiguous = "400 Ambiguous authentication headers (several_credentials)";
  EXPECT_EQ(Ask(*it, {.authorization = Bearer(), .synthetic = kMonitor, .is_exec = true}), ambiguous);
  EXPECT_EQ(Ask(*it, {.api_key = "k", .synthetic = kMonitor, .is_exec = true}), ambiguous);
  const auto caller = Await(it->Authenticate({.synthetic = kMonitor, .is_exec = true}));
  EXPECT_EQ(caller->tenant, "synthetic");
  // printf 'synthetic_test:synthetic:synthetic-tests' | sha256sum
  EXPECT_EQ(caller->auth_context_hash, "d29f2d2403d8676b855eb7fce6cc4cc448dfe36b9aee296feaddde9c1d8d1bca");
}

TEST_F(AuthenticatorTest, WithoutAMonitorsTokenThereIsNoMonitor) {
  UseTokens();
  EXPECT_EQ(Ask(*Make(), {.synthetic = kMonitor, .is_exec = true}),
            "401 Synthetic auth is not configured (no_synthetic)");
}

TEST_F(AuthenticatorTest, KeysThatAppearLaterAreUsed) {
  settings_.jwt_public_keys_dir = dir_.path() / "keys";
  settings_.jwt_key_cache_ttl = std::chrono::milliseconds(1);
  std::filesystem::create_directory(dir_.path() / "keys");
  testing::WriteFile(dir_ / "keys/other.pem", PublicPem(NewEd25519()));
  std::promise<void> again;
  log_.seen = [&](const std::string& line) {
    if (line == "token keys read again keys=2") again.set_value();
  };
  const auto it = Make();
  EXPECT_EQ(Ask(*it, {.authorization = Bearer()}), "401 Invalid bearer token (unknown_kid)");
  testing::WriteFile(dir_ / "keys/k.pem", PublicPem(key_));
  again.get_future().wait();
  EXPECT_EQ(Ask(*it, {.authorization = Bearer()}), "librechat_jwt u1");
}

}  // namespace
}  // namespace codeapi
