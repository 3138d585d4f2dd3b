#include "net/redis_options.h"

#include <gtest/gtest.h>

#include <string>

namespace codeapi {
namespace {

TEST(RedisUrl, SaysWhereAndWho) {
  const auto full = ParseRedisUrl("rediss://us%40er:p%3Aw@[::1]:7000/5");
  ASSERT_TRUE(full) << full.error().message;
  EXPECT_TRUE(full->tls);
  EXPECT_EQ(full->username, "us@er");
  EXPECT_EQ(full->password, "p:w");
  EXPECT_EQ(full->host, "::1");
  EXPECT_EQ(full->port, 7000);
  EXPECT_EQ(full->db, 5);
  const auto plain = ParseRedisUrl("redis://:secret@cache");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->username, "");
  EXPECT_EQ(plain->password, "secret");
  EXPECT_EQ(plain->where(), "cache:6379");
  EXPECT_FALSE(plain->tls);
  EXPECT_EQ(ParseRedisUrl("REDIS://h/")->host, "h");
  const auto path = ParseRedisUrl("unix:///run/redis.sock?db=2");
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(path->where(), "/run/redis.sock");
  EXPECT_EQ(path->db, 2);
}

TEST(RedisUrl, RefusesTheRestWithoutShowingIt) {
  for (const std::string bad : {"", "redis", "http://hunter2", "redis://", "redis://:hunter2@", "redis://h:0",
                                "redis://h:65536", "redis://h:x", "redis://h/x", "redis://h/-1",
                                "redis://[::1", "redis://[::1]7", "unix://hunter2", "unix:///p?x=1"}) {
    const auto parsed = ParseRedisUrl(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalid);
    EXPECT_EQ(parsed.error().message.find("hunter2"), std::string::npos);
  }
}

TEST(RedisOptionsFrom, ReadsTheSettings) {
  Settings settings;
  EXPECT_FALSE(RedisOptionsFrom(settings)->has_value());
  settings.redis_host = "cache";
  settings.redis_port = 7000;
  settings.redis_username = "u";
  settings.redis_password = "p";
  settings.redis_db = 1;
  settings.redis_tls = true;
  settings.redis_tls_ca = "/ca.pem";
  auto options = **RedisOptionsFrom(settings);
  EXPECT_EQ(options.where(), "cache:7000");
  EXPECT_EQ(options.username + options.password, "up");
  EXPECT_EQ(options.db, 1);
  EXPECT_TRUE(options.tls && options.tls_verify);
  EXPECT_EQ(options.tls_ca_file, "/ca.pem");
  settings.redis_url = "redis://other";
  options = **RedisOptionsFrom(settings);
  EXPECT_EQ(options.where(), "other:6379");
  EXPECT_EQ(options.password, "p");
  settings.redis_url = "nonsense";
  EXPECT_FALSE(RedisOptionsFrom(settings));
}

}  // namespace
}  // namespace codeapi
