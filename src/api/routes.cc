#include "api/api_context.h"
#include "api/gate.h"

namespace codeapi {

asio::awaitable<Response> HandleHealth(const ApiContext& api, Request&) {
  if (co_await api.healthy()) co_return TextResponse(200, "OK");
  co_return TextResponse(503, "Service Unavailable");
}

Router MakeApiRouter(const ApiContext& api) {
  Router router;
  const auto add = [&](const char* method, const char* path, RateLimit rate, ApiHandler handler) {
    router.add(method, path, Gated(api, rate, std::move(handler)));
  };
  add("POST", "/v1/exec", RateLimit::kExec, HandleExec);
  add("POST", "/v1/exec/programmatic", RateLimit::kExec, HandleProgrammatic);
  add("POST", "/v1/exec/programmatic/cancel", RateLimit::kFetch, HandleProgrammaticCancel);
  add("POST", "/v1/upload", RateLimit::kUpload, HandleUpload);
  add("POST", "/v1/upload/batch", RateLimit::kUpload, HandleBatchUpload);
  add("GET", "/v1/download/{session}/{file}", RateLimit::kDownload, HandleDownload);
  add("GET", "/v1/files/{session}", RateLimit::kFetch, HandleListFiles);
  add("DELETE", "/v1/files/{session}/{file}", RateLimit::kFetch, HandleDeleteFile);
  add("GET", "/v1/sessions/{session}/objects/{file}", RateLimit::kFetch, HandleFileMetadata);
  add("DELETE", "/v1/sessions/{session}/objects/{file}", RateLimit::kFetch, HandleDeleteFile);
  router.add("GET", "/v1/health", [&api](Request& request) { return HandleHealth(api, request); });
  router.otherwise(GatedNotFound(api));
  return router;
}

}  // namespace codeapi
