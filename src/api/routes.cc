#include "api/api_context.h"

namespace codeapi {

asio::awaitable<Response> HandleHealth(const ApiContext& api, Request&) {
  if (api.healthy()) co_return TextResponse(200, "OK");
  co_return TextResponse(503, "Service Unavailable");
}

Router MakeApiRouter(const ApiContext& api) {
  Router router;
  const auto add = [&](const char* method, const char* path, auto handler) {
    router.add(method, path, [&api, handler](Request& request) { return handler(api, request); });
  };
  add("POST", "/v1/exec", HandleExec);
  add("GET", "/v1/download/{session}/{file}", HandleDownload);
  add("GET", "/v1/health", HandleHealth);
  return router;
}

}  // namespace codeapi
