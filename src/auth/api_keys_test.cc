#include "auth/api_keys.h"

#include <gtest/gtest.h>

#include <set>

#include "auth/testing.h"
#include "store/sqlite_state_store.h"

namespace codeapi {
namespace {

using std::chrono::hours;
using std::chrono::system_clock;
using testing::Await;
using testing::CodeOf;

class ApiKeysTest : public ::testing::Test {
 protected:
  // Keys over a store of their own connection, as another process would have.
  std::unique_ptr<SqliteStateStore> Open() {
    auto store = SqliteStateStore::Open(dir_ / "state.sqlite", {.now = [this] { return now_; }});
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  std::string Create(const ApiKeyGrant& grant) {
    const auto key = Await(keys_.Create(grant));
    EXPECT_TRUE(key) << key.error().message;
    return key.value_or("");
  }
  std::optional<Principal> Verify(const std::string& key) {
    auto found = Await(keys_.Verify(key));
    EXPECT_TRUE(found) << found.error().message;
    return found ? *found : std::nullopt;
  }
  static std::string IdOf(const std::string& key) { return key.substr(5, 12); }

  testing::TempDir dir_;
  system_clock::time_point now_{hours(500'000)};
  const std::unique_ptr<SqliteStateStore> store_ = Open();
  ApiKeys keys_{*store_, [this] { return now_; }};
  const ApiKeyGrant grant_{.user = "u1", .tenant = "acme", .plan = "gold", .label = "CI"};
};

TEST_F(ApiKeysTest, AKeySpeaksForItsUser) {
  const std::string key = Create(grant_);
  EXPECT_TRUE(LooksLikeApiKey(key)) << key;
  const auto caller = Verify(key);
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->user, "u1");
  EXPECT_EQ(caller->tenant, "acme");
  EXPECT_EQ(caller->plan, "gold");
  EXPECT_EQ(caller->source, PrincipalSource::kApiKey);
  EXPECT_EQ(caller->key_id, IdOf(key));
  EXPECT_EQ(caller->auth_context_hash.size(), 64u);
  EXPECT_EQ(Verify(Create(grant_))->auth_context_hash, caller->auth_context_hash);
  EXPECT_NE(Verify(Create({.user = "u2", .tenant = "acme"}))->auth_context_hash, caller->auth_context_hash);
}

TEST_F(ApiKeysTest, NothingElseDoes) {
  const std::string key = Create(grant_);
  const std::string other = Create(grant_);
  EXPECT_FALSE(Verify(""));
  EXPECT_FALSE(Verify(key + "x"));
  EXPECT_FALSE(Verify(" " + key));
  EXPECT_FALSE(Verify(std::string(1'000'000, 'x')));
  EXPECT_FALSE(Verify(key.substr(0, 17) + other.substr(17))) << "the secret of another key";
  for (std::size_t i = 0; i < key.size(); ++i) {
    std::string changed = key;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(Verify(changed)) << i;
  }
}

TEST_F(ApiKeysTest, TheStoreHasNoSecret) {
  const std::string key = Create(grant_);
  const auto record = *Await(store_->get("apikey:" + IdOf(key)));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->find(key.substr(18, 8)), std::string::npos);
}

TEST_F(ApiKeysTest, KeysAreNeverTheSame) {
  std::set<std::string> ids, secrets;
  for (int i = 0; i < 50; ++i) {
    const std::string key = Create(grant_);
    ids.insert(IdOf(key));
    secrets.insert(key.substr(18));
  }
  EXPECT_EQ(ids.size(), 50u);
  EXPECT_EQ(secrets.size(), 50u);
}

TEST_F(ApiKeysTest, ARevokedKeyIsRefusedByTheNextRequest) {
  const std::string key = Create(grant_);
  ASSERT_TRUE(Verify(key));
  // As `codeapi keys revoke` does beside a running server.
  const auto beside = Open();
  ApiKeys administration(*beside, [this] { return now_; });
  EXPECT_EQ(Await(administration.Revoke(IdOf(key))), true);
  EXPECT_FALSE(Verify(key));
  EXPECT_EQ(Await(administration.Revoke(IdOf(key))), false);
  for (const char* id : {"", "x", "../../etc/pw", "123456789_12"}) EXPECT_EQ(Await(keys_.Revoke(id)), false);
}

TEST_F(ApiKeysTest, AKeyMadeByAnotherProcessCountsAtOnce) {
  const auto beside = Open();
  ApiKeys administration(*beside, [this] { return now_; });
  EXPECT_TRUE(Verify(*Await(administration.Create(grant_))));
}

TEST_F(ApiKeysTest, AnExpiredKeyIsGone) {
  ApiKeyGrant grant = grant_;
  grant.life = hours(1);
  const std::string key = Create(grant);
  Create(grant_);
  EXPECT_EQ(Await(keys_.List())->size(), 2u);
  now_ += hours(1) - std::chrono::milliseconds(1);
  EXPECT_TRUE(Verify(key));
  now_ += std::chrono::milliseconds(1);
  EXPECT_FALSE(Verify(key));
  EXPECT_EQ(Await(keys_.List())->size(), 1u);
  EXPECT_EQ(Await(keys_.Revoke(IdOf(key))), false);
}

TEST_F(ApiKeysTest, ExpiryDoesNotDependOnTheStoresClock) {
  ApiKeyGrant grant = grant_;
  grant.life = hours(1);
  const std::string key = Create(grant);
  ApiKeys later(*store_, [this] { return now_ + hours(1); });
  EXPECT_FALSE(*Await(later.Verify(key)));
  EXPECT_TRUE(Await(later.List())->empty());
}

TEST_F(ApiKeysTest, TheListTellsWhoseTheyAre) {
  EXPECT_TRUE(Await(keys_.List())->empty());
  ASSERT_TRUE(Await(store_->put("apikex", "not ours")));
  ApiKeyGrant grant = grant_;
  grant.life = hours(2);
  const std::string key = Create(grant);
  const auto list = *Await(keys_.List());
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].id, IdOf(key));
  EXPECT_EQ(list[0].user, "u1");
  EXPECT_EQ(list[0].tenant, "acme");
  EXPECT_EQ(list[0].plan, "gold");
  EXPECT_EQ(list[0].label, "CI");
  EXPECT_EQ(list[0].created, now_);
  EXPECT_EQ(list[0].expires, now_ + hours(2));
}

TEST_F(ApiKeysTest, TheListHasAllPages) {
  std::vector<StateEntry> entries;
  const std::string record = **Await(store_->get("apikey:" + IdOf(Create(grant_))));
  for (int i = 0; i < 1000; ++i) {
    entries.push_back({"apikey:x" + std::to_string(10'000'000'000 + i), record, {}});
  }
  ASSERT_TRUE(Await(store_->put_many(entries)));
  EXPECT_EQ(Await(keys_.List())->size(), 1001u);
}

TEST_F(ApiKeysTest, AGrantHasBounds) {
  const auto problem = [&](auto change) {
    ApiKeyGrant grant = grant_;
    change(grant);
    return CodeOf(Await(keys_.Create(grant)));
  };
  EXPECT_EQ(problem([](ApiKeyGrant& g) { g.user = ""; }), ErrorCode::kInvalid);
  EXPECT_EQ(problem([](ApiKeyGrant& g) { g.user = "a\nb"; }), ErrorCode::kInvalid);
  EXPECT_EQ(problem([](ApiKeyGrant& g) { g.tenant = ""; }), ErrorCode::kInvalid);
  EXPECT_EQ(problem([](ApiKeyGrant& g) { g.tenant = std::string(257, 't'); }), ErrorCode::kInvalid);
  EXPECT_EQ(problem([](ApiKeyGrant& g) { g.plan = "\x1b[1m"; }), ErrorCode::kInvalid);
  EXPECT_EQ(problem([](ApiKeyGrant& g) { g.label = std::string(257, 'l'); }), ErrorCode::kInvalid);
  EXPECT_EQ(problem([](ApiKeyGrant& g) { g.life = std::chrono::milliseconds(999); }), ErrorCode::kInvalid);
  EXPECT_EQ(problem([](ApiKeyGrant& g) { g.life = hours(24 * 3651); }), ErrorCode::kInvalid);
  EXPECT_EQ(problem([](ApiKeyGrant& g) { g.plan = g.label = ""; }), std::nullopt);
}

TEST_F(ApiKeysTest, ABrokenRecordIsAFaultAndNoPass) {
  const std::string key = Create(grant_);
  for (const char* record : {"", "{}", "[]", R"({"hash":"","user":"u","tenant":"t","plan":"","label":""})"}) {
    ASSERT_TRUE(Await(store_->put("apikey:" + IdOf(key), record)));
    EXPECT_EQ(CodeOf(Await(keys_.Verify(key))), ErrorCode::kInternal) << record;
  }
}

}  // namespace
}  // namespace codeapi
