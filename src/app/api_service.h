// The part that answers clients, as `serve` and `api` both have it.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <boost/asio/awaitable.hpp>

#include "api/api_context.h"
#include "app/service_host.h"
#include "base/result.h"
#include "files/janitor.h"
#include "net/http_server.h"

namespace codeapi {

/// Authenticates, limits, queues, waits and answers. What it is given must outlive Stop().
class ApiService {
 public:
  /// Decides from the settings who may come in and how much they may ask for. Speaks to nobody. kInvalid when
  /// the settings contradict each other or would let strangers in.
  static Result<std::unique_ptr<ApiService>> Make(ServiceHost& host, StateStore& state);

  /// Begins to serve the public routes and /metrics. `healthy` is asked by /v1/health.
  Result<void> Listen(JobQueue& queue, ObjectStore& objects,
                      std::function<boost::asio::awaitable<bool>()> healthy);

  /// Begins to remove files that have expired.
  void StartJanitor() { janitor_->Start(); }

  /// Accepts no more, and gives the requests under way the grace period.
  boost::asio::awaitable<void> StopListening();

  /// Stops the rest. After StopListening(), or without Listen().
  boost::asio::awaitable<void> Stop();

 private:
  ApiService(ServiceHost& host, StateStore& state) : host_(host), state_(state), metrics_(host.metrics) {}
  Result<void> OpenAccess();
  Result<void> CheckExposure() const;

  ServiceHost& host_;
  StateStore& state_;
  ApiMetrics metrics_;
  std::unique_ptr<JobSeal> seal_;  // none: jobs are not signed
  std::unique_ptr<Authenticator> authenticator_;
  std::optional<PlanLimits> plans_;
  std::optional<RateLimiter> rates_;
  std::optional<ConcurrencyLimiter> running_;
  std::unique_ptr<Janitor> janitor_;
  std::unique_ptr<ApiContext> context_;
  std::unique_ptr<HttpServer> server_;
};

/// What clients are answered with, as far as it needs no connection to anything. Of `api`, the others must
/// outlive Stop().
struct ApiParts {
  std::unique_ptr<StateStore> state;
  std::unique_ptr<JobQueue> queue;
  std::unique_ptr<ApiService> api;
};

/// As the settings say. kInvalid as ApiService::Make() has it, or when they name no usable store or queue.
Result<ApiParts> OpenApiParts(ServiceHost& host);

}  // namespace codeapi
