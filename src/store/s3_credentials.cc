#include "store/s3_credentials.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/unique_fd.h"
#include "net/wake.h"
#include "store/http_time.h"
#include "store/xml.h"

namespace codeapi {
namespace {

using asio::awaitable;
using TimePoint = std::chrono::system_clock::time_point;

constexpr std::size_t kMaxToken = 20'000;  // STS takes no more
constexpr std::size_t kMaxAnswer = 64uz * 1024;
constexpr std::chrono::seconds kTooLate{10};  // so close to their end, credentials could fail under way

class StaticCredentials final : public AwsCredentialsProvider {
 public:
  explicit StaticCredentials(AwsCredentials keys) : keys_(std::move(keys)) {}
  awaitable<Result<AwsCredentials>> get() override { co_return keys_; }
  void expire(const AwsCredentials& /*refused*/) override {}

 private:
  AwsCredentials keys_;
};

struct Lease {
  AwsCredentials credentials;
  TimePoint end;
};

// One refresh, and those that wait for it.
struct Flight {
  std::optional<Result<AwsCredentials>> outcome;
  std::vector<std::shared_ptr<Wake>> waiters;
};

// A small file in memory (a projected volume), so reading it does not hold up the executor.
Result<std::string> ReadToken(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return FailErrno("web identity token file " + path, errno, ErrorCode::kUnavailable);
  std::string token(kMaxToken + 1, '\0');
  std::size_t size = 0;
  while (size < token.size()) {
    const ssize_t got = ::read(file.get(), token.data() + size, token.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno("web identity token file " + path, errno, ErrorCode::kUnavailable);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kMaxToken)
    return Fail(ErrorCode::kUnavailable, "web identity token file " + path + " is too large");
  token.resize(size);
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' '))
    token.pop_back();
  if (token.empty()) return Fail(ErrorCode::kUnavailable, "web identity token file " + path + " is empty");
  return token;
}

Result<Lease> ParseLease(const std::string& body) {
  const auto fail = [] { return Fail(ErrorCode::kUnavailable, "STS: the answer has no credentials"); };
  const auto root = ParseXml(body);
  if (!root) return fail();
  const XmlElement* result = root->find("AssumeRoleWithWebIdentityResult");
  const XmlElement* found = result != nullptr ? result->find("Credentials") : nullptr;
  if (found == nullptr) return fail();
  Lease lease{{found->get("AccessKeyId"), found->get("SecretAccessKey"), found->get("SessionToken")}, {}};
  const auto end = ParseIsoTime(found->get("Expiration"));
  if (!end || lease.credentials.access_key.empty() || lease.credentials.secret_key.empty()) return fail();
  lease.end = *end;
  return lease;
}

std::string ErrorCodeOf(const std::string& body) {
  const auto root = ParseXml(body);
  const XmlElement* error = root ? root->find("Error") : nullptr;
  return error != nullptr ? error->get("Code").substr(0, 100) : std::string();
}

class WebIdentity final : public AwsCredentialsProvider, public std::enable_shared_from_this<WebIdentity> {
 public:
  WebIdentity(const asio::any_io_executor& executor, std::shared_ptr<HttpClient> http,
              WebIdentityOptions options)
      : executor_(executor), http_(std::move(http)), options_(std::move(options)) {}

  awaitable<Result<AwsCredentials>> get() override {
    const auto self = shared_from_this();
    const auto wake = std::make_shared<Wake>();
    std::shared_ptr<Flight> flight;
    {
      const std::lock_guard lock(mutex_);
      const TimePoint now = options_.now();
      if (lease_ && lease_->end - now > options_.refresh_before) co_return lease_->credentials;
      const bool good = lease_ && lease_->end - now > kTooLate;
      if (!flight_ && (!good || now >= next_attempt_)) take_off();
      if (good) co_return lease_->credentials;
      flight = flight_;
      flight->waiters.push_back(wake);
    }
    for (;;) {
      {
        const std::lock_guard lock(mutex_);
        if (flight->outcome) co_return *flight->outcome;
      }
      co_await wake->wait();
    }
  }

  void expire(const AwsCredentials& refused) override {
    const std::lock_guard lock(mutex_);
    if (lease_ && lease_->credentials == refused) lease_.reset();
  }

 private:
  // With the mutex held.
  void take_off() {
    flight_ = std::make_shared<Flight>();
    // Posted, since it could come to land() before it waits for anything.
    asio::post(executor_, [self = shared_from_this()] {
      asio::co_spawn(
          self->executor_, [self] { return self->refresh(); },
          [self](const std::exception_ptr& failure) {
            if (failure) self->land(Fail(ErrorCode::kInternal, "STS: the request failed"));
          });
    });
  }

  awaitable<void> refresh() {
    Result<Lease> lease = Fail(ErrorCode::kUnavailable, "STS: not asked");
    asio::steady_timer pause(executor_);
    std::chrono::milliseconds most = options_.backoff;
    for (int attempt = 1;; ++attempt, most *= 2) {
      bool again = false;
      lease = co_await ask(again);
      if (lease || !again || attempt >= options_.attempts) break;
      std::minstd_rand random{std::random_device{}()};
      pause.expires_after(most / 2 + std::chrono::milliseconds(std::uniform_int_distribution<std::int64_t>(
                                         0, most.count() / 2)(random)));
      co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    land(std::move(lease));
  }

  // One request. Sets `again` when another one might help.
  awaitable<Result<Lease>> ask(bool& again) {
    const Result<std::string> token = ReadToken(options_.token_file);
    if (!token) co_return std::unexpected(token.error());
    ClientRequest request{.method = "POST",
                          .url = options_.sts_url,
                          .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                          .total_timeout = std::chrono::seconds(10)};
    request.body = AwsQueryString({{"Action", "AssumeRoleWithWebIdentity"},
                                   {"Version", "2011-06-15"},
                                   {"RoleArn", options_.role_arn},
                                   {"RoleSessionName", options_.session_name},
                                   {"WebIdentityToken", *token}});
    const Result<FetchedResponse> response = co_await http_->fetch(std::move(request), kMaxAnswer);
    if (!response) {
      again = true;
      co_return Fail(ErrorCode::kUnavailable, "STS: " + response.error().message);
    }
    if (response->status != 200) {
      again = response->status >= 500 || response->status == 429;
      co_return Fail(ErrorCode::kUnavailable, "STS: AssumeRoleWithWebIdentity as " + options_.role_arn +
                                                  " was answered " + std::to_string(response->status) + " " +
                                                  ErrorCodeOf(response->body));
    }
    co_return ParseLease(response->body);
  }

  void land(Result<Lease> lease) {
    std::vector<std::shared_ptr<Wake>> waiters;
    {
      const std::lock_guard lock(mutex_);
      if (lease) lease_ = *lease;
      next_attempt_ = options_.now() + options_.retry_after;
      flight_->outcome = lease ? Result<AwsCredentials>(lease->credentials) : std::unexpected(lease.error());
      waiters = std::move(flight_->waiters);
      flight_.reset();
    }
    for (const auto& waiter : waiters) waiter->notify();
  }

  asio::any_io_executor executor_;
  std::shared_ptr<HttpClient> http_;
  WebIdentityOptions options_;
  std::mutex mutex_;  // guards what follows
  std::optional<Lease> lease_;
  std::shared_ptr<Flight> flight_;
  TimePoint next_attempt_;
};

}  // namespace

std::shared_ptr<AwsCredentialsProvider> MakeStaticCredentials(AwsCredentials keys) {
  return std::make_shared<StaticCredentials>(std::move(keys));
}

std::shared_ptr<AwsCredentialsProvider> MakeWebIdentityCredentials(const asio::any_io_executor& executor,
                                                                   std::shared_ptr<HttpClient> http,
                                                                   WebIdentityOptions options) {
  return std::make_shared<WebIdentity>(executor, std::move(http), std::move(options));
}

}  // namespace codeapi
