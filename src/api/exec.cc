#include <boost/json.hpp>

#include "api/api_context.h"
#include "api/exec_request.h"
#include "api/responses.h"
#include "api/session_access.h"
#include "base/ids.h"
#include "base/log_hash.h"

namespace codeapi {
namespace {

Response SubmitFailed(const ApiContext& api, const Request& request, const std::string& id,
                      const Error& error) {
  api.log.Write(Severity::kWarning, "execution not answered",
                {{"execution", id},
                 {"request", request.id},
                 {"trace", request.trace.trace_id},
                 {"error", ErrorCodeName(error.code)},
                 {"detail", error.message}});
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

// In the form that clients tell from other refusals, so that they wait instead of giving up.
Response TooManyAtOnce() {
  Response response = JsonResponse(
      429, boost::json::object{{"error", "rate_limited"},
                               {"message", "Too many CodeAPI executions at once. Please retry in 1 second."},
                               {"retry_after_seconds", 1}});
  response.headers.set("Retry-After", "1");
  return response;
}

// Whether every file may be read by who asks.
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

asio::awaitable<std::expected<ExecRequest, Response>> ReadExecRequest(const ApiContext& api,
                                                                      Request& request) {
  const std::string type = request.media_type();
  if (type != "application/json" && !type.ends_with("+json"))
    co_return std::unexpected(ErrorResponse(415, "Content-Type must be application/json"));
  auto body = co_await request.body.read_all(static_cast<std::size_t>(api.settings.http_json_limit));
  if (!body) {
    const bool large = body.error().code == ErrorCode::kTooLarge;
    co_return std::unexpected(large ? ErrorResponse(413, "request entity too large")
                                    : ErrorResponse(400, "Bad request"));
  }
  auto parsed = ParseExecRequest(*body, api.settings);
  if (!parsed) co_return std::unexpected(ErrorResponse(400, parsed.error().message));
  co_return std::move(*parsed);
}

}  // namespace

asio::awaitable<Response> HandleExec(const ApiContext& api, ApiCall& call) {
  auto parsed = co_await ReadExecRequest(api, call.request);
  if (!parsed) co_return std::move(parsed.error());
  auto allowed = co_await MayRead(api, call.principal, *parsed);
  if (!allowed) co_return RetryLater();
  if (!*allowed) co_return ErrorResponse(403, "Unauthorized file reference");
  const auto slot = api.running.TryAcquire(call.principal);
  if (!slot) co_return TooManyAtOnce();

  ExecutionRequest& execution = parsed->execution;
  execution.id = NewId();
  execution.memory_bytes = static_cast<std::uint64_t>(call.plan.run_memory_limit);
  const auto deadline = std::chrono::system_clock::now() + api.settings.job_timeout;
  if (api.metrics != nullptr) api.metrics->Submitted(execution.runtime);
  auto submitted = co_await api.queue.submit({.id = execution.id,
                                              .tenant = call.principal.tenant,
                                              .payload = execution.Encode(),
                                              .deadline = deadline,
                                              .trace = call.request.trace.Header()});
  if (!submitted) co_return SubmitFailed(api, call.request, execution.id, submitted.error());
  auto answer = ExecutionAnswer::Decode(*submitted);
  if (!answer) co_return SubmitFailed(api, call.request, execution.id, answer.error());
  if (answer->stored_files) {
    // Outputs are the user's own. Nobody knows their ids before this answer, so the owner may come after the
    // objects.
    auto kept = co_await OwnSession(api, execution.id, *SessionKey(call.principal, {}));
    if (!kept) co_return SubmitFailed(api, call.request, execution.id, kept.error());
  }
  api.log.Write(Severity::kInfo, "execution answered",
                {{"execution", execution.id},
                 {"tenant", LogHash(call.principal.tenant)},
                 {"request", call.request.id},
                 {"trace", call.request.trace.trace_id},
                 {"status", static_cast<std::int64_t>(answer->status)}});
  Response response =
      TextResponse(answer->status, std::move(answer->body), "application/json; charset=utf-8");
  if (answer->status == 503) response.headers.set("Retry-After", "1");
  co_return response;
}

}  // namespace codeapi
