#include "auth/rate_limiter.h"

#include <algorithm>

#include <boost/json.hpp>

#include "store/sha256.h"

namespace codeapi {
namespace {

namespace json = boost::json;
using std::chrono::seconds;

// One text per caller and kind. The service we stand in for replaces colons in names by `_` here, which lets
// two callers share a window, and so one starve the other; the encoding of UserKey does not.
std::string CountKey(const char* prefix, const Principal& principal) {
  const std::string user = UserKey(principal);
  std::string key = std::string(prefix) + ":" + user;
  if (key.size() <= kMaxStateKey) return key;
  // Apart from the keys of a tenant called sha256, which go on with `user:`.
  Sha256 hash;
  hash.update(user);
  return std::string(prefix) + ":sha256:" + hash.finish();
}

const char* RefusedThings(RateLimit kind) {
  switch (kind) {
    case RateLimit::kExec:
      return "CodeAPI execution requests";
    case RateLimit::kUpload:
      return "file uploads";
    case RateLimit::kDownload:
      return "file downloads";
    case RateLimit::kFetch:
      break;
  }
  return "file list requests";
}

}  // namespace

std::vector<std::pair<std::string, std::string>> RateLimitHeaders(const RateDecision& decision) {
  const std::string limit = std::to_string(decision.limit);
  const std::string reset = std::to_string(decision.reset.count());
  std::vector<std::pair<std::string, std::string>> headers = {
      {"RateLimit-Policy", limit + ";w=" + std::to_string(decision.window.count())},
      {"RateLimit-Limit", limit},
      {"RateLimit-Remaining", std::to_string(decision.remaining)},
      {"RateLimit-Reset", reset}};
  if (!decision.allowed) headers.emplace_back("Retry-After", reset);
  return headers;
}

std::string RateLimitBody(const RateDecision& decision) {
  const std::int64_t wait = decision.reset.count();
  const std::string message = std::string("Too many ") + RefusedThings(decision.kind) + ". Please retry in " +
                              std::to_string(wait) + (wait == 1 ? " second." : " seconds.");
  if (decision.kind == RateLimit::kExec) {
    return json::serialize(
        json::object{{"error", "rate_limited"}, {"message", message}, {"retry_after_seconds", wait}});
  }
  return json::serialize(json::object{{"error", message}, {"retry_after_seconds", wait}});
}

RateLimiter::RateLimiter(const Settings& settings, StateStore& store)
    : exec_{"exec", settings.exec_limit_max, settings.exec_limit_window},
      upload_{"upload", settings.upload_limit_max, settings.upload_limit_window},
      download_{"download", settings.download_limit_max, settings.download_limit_window},
      fetch_{"fetch", settings.fetch_limit_max, settings.fetch_limit_window},
      store_(store) {}

const RateLimiter::Rule& RateLimiter::rule(RateLimit kind) const {
  switch (kind) {
    case RateLimit::kExec:
      return exec_;
    case RateLimit::kUpload:
      return upload_;
    case RateLimit::kDownload:
      return download_;
    case RateLimit::kFetch:
      break;
  }
  return fetch_;
}

boost::asio::awaitable<Result<RateDecision>> RateLimiter::Count(RateLimit kind, Principal principal) {
  const Rule& rule = this->rule(kind);
  auto tally = co_await store_.count(CountKey(rule.prefix, principal), rule.window);
  if (!tally) co_return std::unexpected(std::move(tally.error()));
  RateDecision out;
  out.kind = kind;
  out.allowed = tally->count <= rule.limit;
  out.limit = rule.limit;
  out.remaining = std::max<std::int64_t>(rule.limit - tally->count, 0);
  out.window = std::chrono::ceil<seconds>(rule.window);
  out.reset = std::max(std::chrono::ceil<seconds>(tally->left), seconds(1));
  co_return out;
}

}  // namespace codeapi
