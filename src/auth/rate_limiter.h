// How many requests of a kind one caller may make in a while. The numbers, headers and texts are those of the
// service we stand in for.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "auth/principal.h"
#include "base/result.h"
#include "base/settings.h"
#include "store/state_store.h"

namespace codeapi {

/// What is counted apart. Executions and programmatic executions share kExec; kFetch is for listings,
/// metadata and deletions.
enum class RateLimit { kExec, kUpload, kDownload, kFetch };

/// What became of one request.
struct RateDecision {
  RateLimit kind = RateLimit::kExec;
  bool allowed = false;
  std::int64_t limit = 0;          ///< requests in a window
  std::int64_t remaining = 0;      ///< of those, after this one
  std::chrono::seconds window{0};  ///< rounded up
  std::chrono::seconds reset{0};   ///< until counting begins anew, rounded up; at least 1
};

/// The headers of an answer: the fields of draft-ietf-httpapi-ratelimit-headers-06, and `Retry-After` if the
/// request is refused.
std::vector<std::pair<std::string, std::string>> RateLimitHeaders(const RateDecision& decision);

/// The JSON body of the 429 for a refused request. Both forms say `retry_after_seconds`.
std::string RateLimitBody(const RateDecision& decision);

/// Fixed windows: the first request opens one, which no later request prolongs. A refused request counts too.
/// Thread-safe.
class RateLimiter {
 public:
  /// `store` must outlive the object.
  RateLimiter(const Settings& settings, StateStore& store);

  /// Counts one request. kUnavailable when the store is away; then nothing is known and the request should
  /// not be served.
  boost::asio::awaitable<Result<RateDecision>> Count(RateLimit kind, Principal principal);

 private:
  struct Rule {
    const char* prefix;
    std::int64_t limit;
    std::chrono::milliseconds window;
  };
  const Rule& rule(RateLimit kind) const;

  const Rule exec_;
  const Rule upload_;
  const Rule download_;
  const Rule fetch_;
  StateStore& store_;
};

}  // namespace codeapi
