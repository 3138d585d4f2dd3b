#include "store/s3_credentials.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>

#include "net/http_client_fixture.h"
#include "net/http_test_server.h"
#include "store/testing.h"

namespace codeapi {
namespace {

using namespace std::chrono_literals;
using testing::CodeOf;
using testing::TempDir;
using TimePoint = std::chrono::system_clock::time_point;

// An STS that gives KEY1, KEY2, ... for an hour of the test's own clock, or what it is told.
class FakeSts {
 public:
  FakeSts() : server_(routes()) {}

  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_.port()) + "/"; }

  std::vector<std::string> bodies() {
    const std::lock_guard lock(mutex_);
    return bodies_;
  }

  void say(int status, std::string body) {
    const std::lock_guard lock(mutex_);
    status_ = status;
    body_ = std::move(body);
  }

  void hold(std::shared_future<void> until) {
    const std::lock_guard lock(mutex_);
    until_ = std::move(until);
  }

 private:
  Router routes() {
    Router router;
    router.add("POST", "/", [this](Request& request) -> asio::awaitable<Response> {
      const auto body = co_await request.body.read_all(100'000);
      std::shared_future<void> until;
      {
        const std::lock_guard lock(mutex_);
        bodies_.push_back(*body);
        until = until_;
      }
      if (until.valid()) until.wait();  // one of the server's two threads
      const std::lock_guard lock(mutex_);
      if (status_ != 200 || !body_.empty()) co_return TextResponse(status_, body_, "text/xml");
      const std::string n = std::to_string(bodies_.size());
      co_return TextResponse(
          200,
          "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
          "<AssumeRoleWithWebIdentityResult><Credentials><SessionToken>TOKEN" +
              n +
              "</SessionToken>"
              "<SecretAccessKey>SECRET" +
              n +
              "</SecretAccessKey><Expiration>2030-01-01T01:00:00Z</Expiration>"
              "<AccessKeyId>KEY" +
              n +
              "</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult>"
              "</AssumeRoleWithWebIdentityResponse>",
          "text/xml");
    });
    return router;
  }

  std::mutex mutex_;
  std::vector<std::string> bodies_;
  int status_ = 200;
  std::string body_;
  std::shared_future<void> until_;
  TestServer server_;
};

class WebIdentityTest : public ::testing::Test {
 protected:
  WebIdentityTest() {
    write_token("token one\n");
    http_ = std::move(*HttpClient::Make(io().get_executor()));
    provider_ =
        MakeWebIdentityCredentials(io().get_executor(), http_,
                                   {.token_file = dir_ / "token",
                                    .role_arn = "arn:aws:iam::1:role/r",
                                    .sts_url = sts_.url(),
                                    .backoff = 1ms,
                                    .now = [this] { return TimePoint(std::chrono::seconds(now_.load())); }});
  }
  ~WebIdentityTest() override { http_.reset(); }

  asio::io_context& io() { return client_.io(); }
  void write_token(const std::string& text) { std::ofstream(dir_ / "token") << text; }
  Result<AwsCredentials> get() { return client_.await(provider_->get()); }

  // Refreshes run behind the caller's back; this waits until one has come through.
  AwsCredentials wait_for(const std::string& key) {
    for (;;) {
      auto got = get();
      if (!got || got->access_key == key) return got.value_or(AwsCredentials{});
      std::this_thread::yield();
    }
  }

  static constexpr std::int64_t kStart = 1'893'456'000;  // 2030-01-01T00:00:00Z
  static constexpr std::int64_t kEnd = kStart + 3600;

  TempDir dir_;
  FakeSts sts_;
  std::atomic<std::int64_t> now_ = kStart;
  TestClient client_;
  std::shared_ptr<HttpClient> http_;
  std::shared_ptr<AwsCredentialsProvider> provider_;
};

TEST(StaticCredentials, AreWhatTheyAre) {
  TestClient client;
  const AwsCredentials keys{"a", "b", "c"};
  const auto provider = MakeStaticCredentials(keys);
  provider->expire(keys);
  EXPECT_EQ(client.await(provider->get()), keys);
}

TEST_F(WebIdentityTest, TakesOnTheRoleOnce) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get(), (AwsCredentials{"KEY1", "SECRET1", "TOKEN1"}));
  ASSERT_EQ(sts_.bodies().size(), 1u);
  EXPECT_EQ(
      sts_.bodies()[0],
      "Action=AssumeRoleWithWebIdentity&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=codeapi&"
      "Version=2011-06-15&WebIdentityToken=token%20one");
}

TEST_F(WebIdentityTest, RefreshesBeforeTheEndWithTheTokenOfThatTime) {
  ASSERT_EQ(get()->access_key, "KEY1");
  write_token("token two");
  now_ = kEnd - 200;
  EXPECT_EQ(get()->access_key, "KEY1");  // does not wait for the new ones
  // The fake says the same end again, so each look may cause another request.
  EXPECT_EQ(wait_for("KEY2").secret_key, "SECRET2");
  EXPECT_NE(sts_.bodies()[1].find("token%20two"), std::string::npos);
}

TEST_F(WebIdentityTest, OneRequestServesAllThatWait) {
  std::promise<void> open;
  sts_.hold(open.get_future().share());
  std::vector<std::future<Result<AwsCredentials>>> all;
  for (int i = 0; i < 20; ++i) all.push_back(asio::co_spawn(io(), provider_->get(), asio::use_future));
  while (sts_.bodies().empty()) std::this_thread::yield();
  open.set_value();
  for (auto& one : all) EXPECT_EQ(one.get()->access_key, "KEY1");
  EXPECT_EQ(sts_.bodies().size(), 1u);
}

TEST_F(WebIdentityTest, GoodOnesAreUsedWhileStsIsAway) {
  ASSERT_EQ(get()->access_key, "KEY1");
  sts_.say(503, "");
  now_ = kEnd - 200;
  for (int i = 0; i < 50; ++i) EXPECT_EQ(get()->access_key, "KEY1");
  while (sts_.bodies().size() < 4) std::this_thread::yield();  // three attempts, then a pause
  for (int i = 0; i < 50; ++i) EXPECT_EQ(get()->access_key, "KEY1");
  EXPECT_EQ(sts_.bodies().size(), 4u);
  now_ = kEnd - 5;
  EXPECT_EQ(CodeOf(get()), ErrorCode::kUnavailable);
  sts_.say(200, "");
  EXPECT_TRUE(get()->access_key.starts_with("KEY"));
}

TEST_F(WebIdentityTest, RefusedOnesAreReplaced) {
  const auto first = get();
  provider_->expire({"other", "", ""});
  EXPECT_EQ(get()->access_key, "KEY1");
  provider_->expire(*first);
  EXPECT_EQ(get()->access_key, "KEY2");
}

TEST_F(WebIdentityTest, FailuresSayWhatFailedAndNoSecret) {
  sts_.say(
      403,
      "<ErrorResponse><Error><Code>AccessDenied</Code><Message>token one</Message></Error></ErrorResponse>");
  auto got = get();
  ASSERT_EQ(CodeOf(got), ErrorCode::kUnavailable);
  EXPECT_NE(got.error().message.find("403 AccessDenied"), std::string::npos) << got.error().message;
  EXPECT_EQ(got.error().message.find("token"), std::string::npos);
  EXPECT_EQ(sts_.bodies().size(), 1u);  // asking again would not help
  for (const std::string garbage :
       {"x", "<a/>",
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
        "<AccessKeyId>a</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult>"
        "</AssumeRoleWithWebIdentityResponse>"}) {
    sts_.say(200, garbage);
    EXPECT_EQ(CodeOf(get()), ErrorCode::kUnavailable) << garbage;
  }
  std::filesystem::remove(dir_ / "token");
  got = get();
  ASSERT_EQ(CodeOf(got), ErrorCode::kUnavailable);
  EXPECT_NE(got.error().message.find(dir_ / "token"), std::string::npos);
  write_token("\n");
  EXPECT_EQ(CodeOf(get()), ErrorCode::kUnavailable);
  write_token(std::string(30'000, 'x'));
  EXPECT_EQ(CodeOf(get()), ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace codeapi
