// What the public routes need. The API sees interfaces, not their implementations.
#pragma once

#include <functional>
#include <string>

#include "auth/ownership.h"
#include "auth/principal.h"
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
  std::function<bool()> healthy;  ///< whether a program has run recently
};

/// POST /v1/exec
asio::awaitable<Response> HandleExec(const ApiContext& api, Request& request);
/// GET /v1/download/{session}/{file}
asio::awaitable<Response> HandleDownload(const ApiContext& api, Request& request);
/// GET /v1/health
asio::awaitable<Response> HandleHealth(const ApiContext& api, Request& request);

/// Every public route.
Router MakeApiRouter(const ApiContext& api);

}  // namespace codeapi
