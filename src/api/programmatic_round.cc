#include "api/programmatic_round.h"

#include <fmt/format.h>

#include <utility>

#include <boost/asio/this_coro.hpp>
#include <boost/json.hpp>

#include "api/exec_access.h"
#include "api/programmatic_request.h"
#include "api/responses.h"
#include "api/session_access.h"
#include "tools/json_text.h"
#include "tools/tool_list.h"

namespace codeapi {
namespace {

namespace json = boost::json;

constexpr const char* kJsonType = "application/json; charset=utf-8";

// Names come from the client and inputs from the program; both are told as JSON.
std::string RenderWaiting(const std::string& execution, const std::vector<Tool>& tools,
                          const RoundAnswer& answer) {
  json::array calls;
  std::string out = R"({"status":"tool_call_required","session_id":)" +
                    json::serialize(json::string(execution)) + R"(,"continuation_token":)" +
                    json::serialize(json::string(ContinuationToken(execution))) + R"(,"tool_calls":[)";
  bool first = true;
  for (const ProgramCall& call : answer.calls) {
    if (!std::exchange(first, false)) out += ',';
    // The input is compact JSON already and stays as it is.
    out += R"({"id":")" + CallId(call.number) + R"(","name":)" +
           json::serialize(json::string(tools.at(call.tool).name)) + R"(,"input":)" + call.input + "}";
  }
  out += ']';
  if (!answer.stdout_text.empty())
    out += R"(,"partial_stdout":)" + json::serialize(json::string(answer.stdout_text));
  if (!answer.stderr_text.empty())
    out += R"(,"partial_stderr":)" + json::serialize(json::string(answer.stderr_text));
  return out + "}";
}

// Nobody will come back for it. Whether the worker hears of it or not, it ends by itself.
asio::awaitable<void> Drop(const ApiContext& api, const ApiCall& call, const ToolExecution& execution) {
  ToolJob job;
  job.kind = ToolJob::Kind::kDrop;
  job.execution = execution.id;
  JobSpec spec{execution.job + ".drop", call.principal.tenant, job.Encode(),
               std::chrono::system_clock::now() + std::chrono::seconds(5)};
  spec.worker = execution.record.taker;
  spec.trace = call.request.trace.Header();
  const auto request = ExecutionRequest::Decode(execution.record.request);
  if (!request) co_return;
  const RoundToSign what{*request, execution.record.round + 1, execution.record.tools, false};
  (void)co_await SubmitSigned(api, call.principal, what, std::move(spec));
}

asio::awaitable<Response> Waits(const ApiContext& api, const ApiCall& call, ToolExecution execution,
                                const std::vector<Tool>& tools, RoundAnswer answer) {
  ToolRecord& record = execution.record;
  for (const ProgramCall& made : answer.calls) {
    if (made.tool >= tools.size()) {
      // The cell was told the number of tools; this is a program that speaks to its channel by itself.
      co_await Drop(api, call, execution);
      co_return ToolFailure(200, execution.id,
                            fmt::format("Sandbox requested an unregistered tool: {}", made.tool));
    }
    if (record.Find(made.number) == nullptr) record.calls.push_back({made.number, made.tool, made.input, {}});
  }
  record.taker = answer.taker;
  record.answer = RenderWaiting(execution.id, tools, answer);
  Response response = TextResponse(200, record.answer, kJsonType);
  auto saved = co_await Records(api).Save(execution.id, record);
  if (!saved && saved.error().code == ErrorCode::kTooLarge) {
    // The inputs are in the calls as well. Who asks again hears it from the program, which still waits.
    record.answer.clear();
    saved = co_await Records(api).Save(execution.id, record);
  }
  if (saved) co_return response;
  api.log.Write(Severity::kWarning, "tool calls not recorded",
                {{"execution", execution.id}, {"detail", saved.error().message}});
  co_await Drop(api, call, execution);
  co_await Records(api).Remove(execution.id);
  if (saved.error().code != ErrorCode::kTooLarge) {
    co_return ToolFailure(503, execution.id,
                          "Failed to persist replay state; please retry the request from scratch");
  }
  co_return ToolFailure(
      413, execution.id,
      fmt::format("Replay state grew too large ({} bytes, max {}). The execution accumulated more state than "
                  "can be safely persisted; restart with a smaller request or break work into multiple "
                  "executions.",
                  saved.error().message, kMaxToolRecord));
}

asio::awaitable<Response> Ends(const ApiContext& api, const ApiCall& call, ToolExecution execution,
                               RoundAnswer answer) {
  if (answer.stored_files) {
    // Outputs are the user's own. Nobody knows their ids before this answer, so the owner may come after the
    // objects.
    auto kept = co_await OwnSession(api, execution.id, *SessionKey(call.principal, {}));
    if (!kept) co_return RetryLater();
  }
  if (execution.recorded) {
    // Once more, for a client that did not hear the answer: what has run is not run again.
    execution.record.ended = true;
    execution.record.answer = answer.body;
    execution.record.request.clear();
    for (RecordedCall& made : execution.record.calls) made.input.clear();
    (void)co_await Records(api).Save(execution.id, execution.record);
  }
  co_return TextResponse(answer.status, std::move(answer.body), kJsonType);
}

Response SubmitFailed(const ApiContext& api, const ApiCall& call, const ToolExecution& execution,
                      const Error& error) {
  api.log.Write(Severity::kWarning, "round not answered",
                {{"execution", execution.id},
                 {"request", call.request.id},
                 {"trace", call.request.trace.trace_id},
                 {"error", ErrorCodeName(error.code)},
                 {"detail", error.message}});
  switch (error.code) {
    case ErrorCode::kUnavailable:
      return QueueUnavailable(error);
    case ErrorCode::kCancelled:
      return ToolFailure(200, execution.id, "Programmatic execution request cancelled");
    default:
      return ToolFailure(200, execution.id, "Execution failed or timed out");
  }
}

asio::awaitable<Result<RoundAnswer>> Submit(const ApiContext& api, const ApiCall& call,
                                            const ToolExecution& execution, const ToolJob& job) {
  // The queue would not notice any more that the client has left.
  if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) {
    co_return Fail(ErrorCode::kCancelled, "the client left");
  }
  JobSpec spec{execution.job, call.principal.tenant, job.Encode(),
               std::chrono::system_clock::now() + api.settings.job_timeout};
  if (job.kind == ToolJob::Kind::kContinue) spec.worker = execution.record.taker;
  spec.trace = call.request.trace.Header();
  const auto request = ExecutionRequest::Decode(execution.record.request);
  if (!request) co_return std::unexpected(request.error());
  const RoundToSign what{*request, execution.record.round, execution.record.tools, job.request.has_value()};
  auto submitted = co_await SubmitSigned(api, call.principal, what, std::move(spec));
  if (!submitted) co_return std::unexpected(submitted.error());
  co_return RoundAnswer::Decode(*submitted);
}

// Whether the program asks for what it has been told: it was kept by a worker that was taken for dead, and
// meanwhile another one has gone on without it.
bool IsBehind(const ToolRecord& record, const RoundAnswer& answer) {
  return answer.state == RoundAnswer::State::kWaiting &&
         std::ranges::any_of(answer.calls, [&](const ProgramCall& asked) {
           const RecordedCall* known = record.Find(asked.number);
           return known != nullptr && !known->digest.empty();
         });
}

// From the record: everything that was ever issued, with the results that are known.
asio::awaitable<Result<ToolJob>> Replay(const ApiContext& api, const ToolExecution& execution) {
  auto results = co_await Records(api).Results(execution.id, execution.record);
  if (!results) co_return std::unexpected(results.error());
  auto request = ExecutionRequest::Decode(execution.record.request);
  if (!request) co_return std::unexpected(request.error());
  ToolJob job{ToolJob::Kind::kReplay, execution.id, std::move(*request), execution.record.tools, {}};
  for (const RecordedCall& made : execution.record.calls) {
    job.calls.push_back({made.number, made.tool, made.input, std::nullopt});
    for (auto& [number, text] : *results) {
      if (number == made.number) job.calls.back().result = UnpackResult(std::move(text));
    }
  }
  co_return job;
}

}  // namespace

Response ToolFailure(int status, const std::string& execution, std::string_view error) {
  return JsonResponse(status, json::object{{"status", "error"}, {"error", error}, {"session_id", execution}});
}

std::string PackResult(const CallResult& result) {
  return (result.error ? "1" : "0") + result.text;
}

CallResult UnpackResult(std::string text) {
  const bool error = text.starts_with('1');
  text.erase(0, 1);
  return {error, std::move(text)};
}

asio::awaitable<Response> PlayRound(const ApiContext& api, ApiCall& call, ToolExecution execution,
                                    ToolJob job) {
  // The queue tells of a client that hung up. Once it has an answer, that is recorded all the same.
  co_await asio::this_coro::throw_if_cancelled(false);
  boost::system::error_code ec;
  const json::value list = json::parse(execution.record.tools, ec);
  const auto tools = ParseTools(ec ? nullptr : &list);
  if (!tools) co_return ErrorResponse(500, "Internal server error");
  auto answer = co_await Submit(api, call, execution, job);
  if (answer && IsBehind(execution.record, *answer)) {
    execution.record.taker = answer->taker;
    co_await Drop(api, call, execution);
    answer->state = RoundAnswer::State::kNeedReplay;
  }
  if (answer && answer->state == RoundAnswer::State::kNeedReplay) {
    auto replay = co_await Replay(api, execution);
    if (!replay) co_return SubmitFailed(api, call, execution, replay.error());
    api.log.Write(Severity::kWarning, "program is run again from its record", {{"execution", execution.id}});
    ++execution.record.round;
    if (api.seal != nullptr) {
      // A round is played once, so its number must not be forgotten.
      if (auto saved = co_await Records(api).Save(execution.id, execution.record); !saved)
        co_return SubmitFailed(api, call, execution, saved.error());
    }
    answer = co_await Submit(api, call, execution, *replay);
  }
  if (!answer) co_return SubmitFailed(api, call, execution, answer.error());
  switch (answer->state) {
    case RoundAnswer::State::kWaiting:
      co_return co_await Waits(api, call, std::move(execution), *tools, std::move(*answer));
    case RoundAnswer::State::kEnded:
    case RoundAnswer::State::kRefused:
      co_return co_await Ends(api, call, std::move(execution), std::move(*answer));
    case RoundAnswer::State::kNeedReplay:
      break;
  }
  co_return ToolFailure(200, execution.id, "Execution failed or timed out");
}

}  // namespace codeapi
