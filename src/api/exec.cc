#include <boost/json.hpp>

#include "api/api_context.h"
#include "api/exec_request.h"
#include "base/ids.h"

namespace codeapi {
namespace {

Response NamedError(int status, std::string_view error, std::string_view message) {
  return JsonResponse(status, boost::json::object{{"error", error}, {"message", message}});
}

Response RetryLater(std::string_view error) {
  Response response = ErrorResponse(503, error);
  response.headers.set("Retry-After", "1");
  return response;
}

Response SubmitFailed(const ApiContext& api, const std::string& id, const Error& error) {
  api.log.Write(Severity::kWarning, "execution not answered",
                {{"execution", id}, {"error", ErrorCodeName(error.code)}, {"detail", error.message}});
  switch (error.code) {
    case ErrorCode::kUnavailable:
      return RetryLater(error.message == "queue_full"      ? "queue_full"
                        : error.message == "shutting down" ? "Service is shutting down"
                                                           : "Service is temporarily unavailable");
    case ErrorCode::kDeadline:
      return NamedError(504, "execution_timeout", "Execution timed out");
    default:
      return ErrorResponse(500, "Internal server error");
  }
}

// Whether every file may be read by who asks: 0, or the status to refuse with.
asio::awaitable<Result<bool>> MayRead(const ApiContext& api, const Principal& principal,
                                      const ExecRequest& request) {
  std::vector<std::string> keys;
  for (const InputRef& file : request.execution.files) keys.push_back(OwnerKey(file.session));
  if (keys.empty()) co_return true;
  auto owners = co_await api.state.get_many(std::move(keys));
  if (!owners) co_return std::unexpected(owners.error());
  for (std::size_t i = 0; i < owners->size(); ++i) {
    const auto wanted = SessionKey(principal, request.scopes[i]);
    if (!wanted || (*owners)[i] != *wanted) co_return false;
  }
  co_return true;
}

}  // namespace

asio::awaitable<Response> HandleExec(const ApiContext& api, Request& request) {
  const std::string type = request.media_type();
  if (type != "application/json" && !type.ends_with("+json")) {
    co_return ErrorResponse(415, "Content-Type must be application/json");
  }
  auto body = co_await request.body.read_all(static_cast<std::size_t>(api.settings.http_json_limit));
  if (!body) {
    co_return body.error().code == ErrorCode::kTooLarge ? ErrorResponse(413, "request entity too large")
                                                        : ErrorResponse(400, "Bad request");
  }
  auto parsed = ParseExecRequest(*body, api.settings);
  if (!parsed) co_return ErrorResponse(400, parsed.error().message);
  body->clear();

  const Principal principal = Principal::Local();
  auto allowed = co_await MayRead(api, principal, *parsed);
  if (!allowed) co_return RetryLater("Service is temporarily unavailable");
  if (!*allowed) co_return ErrorResponse(403, "Unauthorized file reference");

  ExecutionRequest& execution = parsed->execution;
  execution.id = NewId();
  const auto deadline = std::chrono::system_clock::now() + api.settings.job_timeout;
  auto submitted = co_await api.queue.submit({execution.id, principal.tenant, execution.Encode(), deadline});
  if (!submitted) co_return SubmitFailed(api, execution.id, submitted.error());
  auto answer = ExecutionAnswer::Decode(*submitted);
  if (!answer) co_return SubmitFailed(api, execution.id, answer.error());
  if (answer->stored_files) {
    // Outputs are the user's own. Nobody knows their ids before this answer, so the owner may come after the
    // objects.
    const auto owner = SessionKey(principal, {});
    auto kept = co_await api.state.put(OwnerKey(execution.id), *owner, api.settings.file_ttl);
    if (!kept) co_return SubmitFailed(api, execution.id, kept.error());
  }
  Response response =
      TextResponse(answer->status, std::move(answer->body), "application/json; charset=utf-8");
  if (answer->status == 503) response.headers.set("Retry-After", "1");
  co_return response;
}

}  // namespace codeapi
