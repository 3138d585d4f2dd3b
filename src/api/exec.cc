#include <boost/json.hpp>

#include "api/api_context.h"
#include "api/exec_access.h"
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
      return QueueUnavailable(error);
    case ErrorCode::kDeadline:
      return NamedError(504, "execution_timeout", "Execution timed out");
    case ErrorCode::kForbidden:  // somebody else's words: there is no answer
      return NamedError(502, "sandbox_execution_failed", "Sandbox execution failed");
    case ErrorCode::kTooLarge:
      return ErrorResponse(413, "Request too large: too many files, or their names are too long");
    default:
      return ErrorResponse(500, "Internal server error");
  }
}

}  // namespace

asio::awaitable<Response> HandleExec(const ApiContext& api, ApiCall& call) {
  auto body = co_await ReadJsonBody(api, call.request);
  if (!body) co_return std::move(body.error());
  auto parsed = ParseExecRequest(*body, api.settings);
  if (!parsed) co_return ErrorResponse(400, parsed.error().message);
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
  auto submitted = co_await SubmitSigned(api, call.principal, {.request = execution},
                                         {.id = execution.id,
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
