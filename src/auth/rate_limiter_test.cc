#include "auth/rate_limiter.h"

#include <gtest/gtest.h>

#include "auth/testing.h"
#include "store/sqlite_state_store.h"

namespace codeapi {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Await;

class RateLimiterTest : public ::testing::Test {
 protected:
  RateDecision Count(RateLimit kind, const Principal& principal) {
    const auto decision = Await(limiter_.Count(kind, principal));
    EXPECT_TRUE(decision) << decision.error().message;
    return decision.value_or(RateDecision{});
  }
  static Settings Small() {
    Settings settings;
    settings.exec_limit_max = 2;
    settings.exec_limit_window = milliseconds(30'000);
    settings.upload_limit_max = 1;
    settings.upload_limit_window = milliseconds(1'500);
    return settings;
  }

  testing::TempDir dir_;
  std::chrono::system_clock::time_point now_{std::chrono::hours(500'000)};
  const std::unique_ptr<SqliteStateStore> store_ =
      *SqliteStateStore::Open(dir_ / "state.sqlite", {.now = [this] { return now_; }});
  RateLimiter limiter_{Small(), *store_};
  const Principal caller_{"acme", "u1"};
};

TEST_F(RateLimiterTest, CountsAndRefusesUntilTheWindowCloses) {
  RateDecision decision = Count(RateLimit::kExec, caller_);
  EXPECT_TRUE(decision.allowed);
  EXPECT_EQ(decision.limit, 2);
  EXPECT_EQ(decision.remaining, 1);
  EXPECT_EQ(decision.window, seconds(30));
  EXPECT_EQ(decision.reset, seconds(30));
  now_ += milliseconds(10'001);
  decision = Count(RateLimit::kExec, caller_);
  EXPECT_TRUE(decision.allowed);
  EXPECT_EQ(decision.remaining, 0);
  EXPECT_EQ(decision.reset, seconds(20));
  now_ += milliseconds(19'998);
  decision = Count(RateLimit::kExec, caller_);
  EXPECT_FALSE(decision.allowed);
  EXPECT_EQ(decision.remaining, 0);
  EXPECT_EQ(decision.reset, seconds(1));
  now_ += milliseconds(1);
  decision = Count(RateLimit::kExec, caller_);
  EXPECT_TRUE(decision.allowed);
  EXPECT_EQ(decision.remaining, 1);
}

TEST_F(RateLimiterTest, KindsAndCallersAreCountedApart) {
  EXPECT_TRUE(Count(RateLimit::kUpload, caller_).allowed);
  EXPECT_FALSE(Count(RateLimit::kUpload, caller_).allowed);
  EXPECT_TRUE(Count(RateLimit::kExec, caller_).allowed);
  EXPECT_TRUE(Count(RateLimit::kDownload, caller_).allowed);
  EXPECT_TRUE(Count(RateLimit::kFetch, caller_).allowed);
  EXPECT_TRUE(Count(RateLimit::kUpload, {"acme", "u2"}).allowed);
  EXPECT_TRUE(Count(RateLimit::kUpload, {"other", "u1"}).allowed);
}

TEST_F(RateLimiterTest, NamesThatLookAlikeAreNotOneCaller) {
  const Principal callers[] = {{"a", "b:user:c"}, {"a:user:b", "c"},     {"a_user_b", "c"},
                               {"a", "b_user_c"}, {"a%3Auser%3Ab", "c"}, {"sha256", "c"}};
  for (const Principal& caller : callers) {
    EXPECT_TRUE(Count(RateLimit::kUpload, caller).allowed) << caller.tenant << " " << caller.user;
  }
}

TEST_F(RateLimiterTest, TheLongestNamesAreCountedToo) {
  const std::string longest(kMaxPrincipalId, ':');
  EXPECT_TRUE(Count(RateLimit::kUpload, {longest, longest}).allowed);
  EXPECT_TRUE(Count(RateLimit::kUpload, {longest, longest.substr(1) + "x"}).allowed);
  EXPECT_FALSE(Count(RateLimit::kUpload, {longest, longest}).allowed);
}

TEST_F(RateLimiterTest, DefaultsAreTheReferences) {
  RateLimiter limiter(Settings{}, *store_);
  const auto policy = [&](RateLimit kind) {
    return RateLimitHeaders(*Await(limiter.Count(kind, {"t", "u"})))[0].second;
  };
  EXPECT_EQ(policy(RateLimit::kExec), "20;w=30");
  EXPECT_EQ(policy(RateLimit::kUpload), "30;w=300");
  EXPECT_EQ(policy(RateLimit::kDownload), "60;w=60");
  EXPECT_EQ(policy(RateLimit::kFetch), "120;w=60");
}

TEST(RateLimitAnswer, Headers) {
  using Headers = std::vector<std::pair<std::string, std::string>>;
  RateDecision decision{RateLimit::kExec, true, 20, 19, seconds(30), seconds(29)};
  EXPECT_EQ(RateLimitHeaders(decision), (Headers{{"RateLimit-Policy", "20;w=30"},
                                                 {"RateLimit-Limit", "20"},
                                                 {"RateLimit-Remaining", "19"},
                                                 {"RateLimit-Reset", "29"}}));
  decision.allowed = false;
  EXPECT_EQ(RateLimitHeaders(decision).back(), std::pair(std::string("Retry-After"), std::string("29")));
}

TEST(RateLimitAnswer, Bodies) {
  const auto body = [](RateLimit kind, int wait) {
    return RateLimitBody({kind, false, 1, 0, seconds(30), seconds(wait)});
  };
  EXPECT_EQ(body(RateLimit::kExec, 7),
            R"({"error":"rate_limited","message":"Too many CodeAPI execution requests. )"
            R"(Please retry in 7 seconds.","retry_after_seconds":7})");
  EXPECT_NE(body(RateLimit::kExec, 1).find("Please retry in 1 second.\""), std::string::npos);
  EXPECT_EQ(body(RateLimit::kUpload, 2),
            R"({"error":"Too many file uploads. Please retry in 2 seconds.","retry_after_seconds":2})");
  EXPECT_NE(body(RateLimit::kDownload, 2).find("Too many file downloads. Please"), std::string::npos);
  EXPECT_NE(body(RateLimit::kFetch, 2).find("Too many file list requests. Please"), std::string::npos);
}

}  // namespace
}  // namespace codeapi
