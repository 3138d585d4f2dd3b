#include "app/worker_routes.h"

#include <utility>

#include <boost/json/object.hpp>

namespace codeapi {

namespace json = boost::json;

namespace {

asio::awaitable<Response> HandleWorkerHealth(const WorkerState& state) {
  const bool programs = state.programs_run();
  const bool queue = co_await state.queue_answers();
  const bool healthy = programs && queue;
  // `workers` is how the service we stand in for says it: one pool for Python, one for everything else.
  co_return JsonResponse(healthy ? 200 : 503,
                         json::object{{"status", healthy ? "healthy" : "unhealthy"},
                                      {"workers", json::object{{"python", healthy}, {"other", healthy}}},
                                      {"checks", json::object{{"programs", programs ? "ok" : "failing"},
                                                              {"queue", queue ? "ok" : "unavailable"}}},
                                      {"config", json::object{{"concurrency", state.concurrency}}}});
}

asio::awaitable<Response> HandleWorkerReady(const WorkerState& state) {
  const bool ready = state.programs_run() && co_await state.queue_answers();
  co_return TextResponse(ready ? 200 : 503, ready ? "ready" : "not ready");
}

}  // namespace

Router MakeWorkerRouter(const WorkerState& state, Handler metrics) {
  Router router;
  router.add("GET", "/live",
             [](Request&) -> asio::awaitable<Response> { co_return TextResponse(200, "OK"); });
  router.add("GET", "/health", [&state](Request&) { return HandleWorkerHealth(state); });
  router.add("GET", "/ready", [&state](Request&) { return HandleWorkerReady(state); });
  router.add("GET", "/metrics", std::move(metrics));
  return router;
}

}  // namespace codeapi
