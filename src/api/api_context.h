// What the public routes need. The API sees interfaces, not their implementations.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "api/api_metrics.h"
#include "api/job_seal.h"
#include "auth/authenticator.h"
#include "auth/concurrency_limiter.h"
#include "auth/ownership.h"
#include "auth/plan_limits.h"
#include "auth/principal.h"
#include "auth/rate_limiter.h"
#include "base/log.h"
#include "base/settings.h"
#include "net/http_message.h"
#include "net/router.h"
#include "store/job_queue.h"
#include "store/object_store.h"
#include "store/state_store.h"

namespace codeapi {

/// Everything in it must outlive the server.
struct ApiContext {
  const Settings& settings;
  JobQueue& queue;
  StateStore& state;
  ObjectStore& objects;
  Log& log;
  Authenticator& authenticator;
  RateLimiter& rates;
  ConcurrencyLimiter& running;
  const PlanLimits& plans;
  /// Whether an execution sent now would be run, as far as this process can tell.
  std::function<asio::awaitable<bool>()> healthy;
  ApiMetrics* metrics = nullptr;  ///< none: nothing is counted
  const JobSeal* seal = nullptr;  ///< none: jobs are not signed
};

/// A request that was let in.
struct ApiCall {
  Request& request;
  Principal principal;
  Plan plan;
  std::unique_ptr<ObjectStore>
      traced;  ///< ApiContext::objects as part of the request's trace, if that matters
};

/// The store to use for a request.
inline ObjectStore& ObjectsFor(const ApiContext& api, const ApiCall& call) {
  return call.traced ? *call.traced : api.objects;
}

/// POST /v1/exec
asio::awaitable<Response> HandleExec(const ApiContext& api, ApiCall& call);
/// POST /v1/exec/programmatic: a round of a program with tools
asio::awaitable<Response> HandleProgrammatic(const ApiContext& api, ApiCall& call);
/// POST /v1/exec/programmatic/cancel
asio::awaitable<Response> HandleProgrammaticCancel(const ApiContext& api, ApiCall& call);
/// POST /v1/upload: one or more files, all or none
asio::awaitable<Response> HandleUpload(const ApiContext& api, ApiCall& call);
/// POST /v1/upload/batch: up to 200 files, each with a result of its own
asio::awaitable<Response> HandleBatchUpload(const ApiContext& api, ApiCall& call);
/// GET /v1/download/{session}/{file}
asio::awaitable<Response> HandleDownload(const ApiContext& api, ApiCall& call);
/// GET /v1/files/{session}
asio::awaitable<Response> HandleListFiles(const ApiContext& api, ApiCall& call);
/// GET /v1/sessions/{session}/objects/{file}
asio::awaitable<Response> HandleFileMetadata(const ApiContext& api, ApiCall& call);
/// DELETE /v1/files/{session}/{file} and DELETE /v1/sessions/{session}/objects/{file}
asio::awaitable<Response> HandleDeleteFile(const ApiContext& api, ApiCall& call);
/// GET /v1/health
asio::awaitable<Response> HandleHealth(const ApiContext& api, Request& request);

/// Every public route, behind authentication and limits.
Router MakeApiRouter(const ApiContext& api);

}  // namespace codeapi
