// POST /v1/exec/programmatic and its cancel route.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include "api/api_context.h"
#include "api/exec_access.h"
#include "api/programmatic_request.h"
#include "api/programmatic_round.h"
#include "api/responses.h"
#include "base/ids.h"
#include "store/sha256.h"
#include "tools/json_text.h"

namespace codeapi {
namespace {

namespace json = boost::json;

constexpr const char* kRequestIdHeader = "X-LibreChat-Code-Request-ID";

std::string OwnerOf(const Principal& principal) {
  return UserKey(principal) + '\n' + principal.auth_context_hash + '\n' + principal.key_id;
}

std::string RequestKey(std::string_view id) {
  return "tools-request:" + std::string(id);
}

bool IsRequestId(std::string_view id) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  return id.size() >= 16 && id.size() <= 128 && id.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::string Digest(const std::string& text) {
  Sha256 sum;
  sum.update(text);
  return sum.finish();
}

// While names are held a client that hangs up is told by the queue and not by an exception: they must be let
// go of.
class WithoutThrowing {
 public:
  static asio::awaitable<bool> Begin() {
    const bool before = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    co_return before;
  }
  static asio::awaitable<void> End(bool before) { co_await asio::this_coro::throw_if_cancelled(before); }
};

// Plays the round while its names are held. A client that left before the beginning cannot be noticed later.
asio::awaitable<Response> PlayHeld(const ApiContext& api, ApiCall& call, ToolExecution execution, ToolJob job,
                                   std::vector<StateLock>& held) {
  using namespace asio::experimental::awaitable_operators;  // NOLINT: the only way to get operator||
  if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) {
    co_return RetryLater();
  }
  const auto hold = [&]() -> asio::awaitable<void> {
    if (held.empty()) co_return co_await StateLock::Idle();
    if (held.size() == 1) co_return co_await held[0].Hold();
    co_await (held[0].Hold() || held[1].Hold());
  };
  // With an exception of its own it would not end the holding.
  std::exception_ptr failure;
  const auto play = [&]() -> asio::awaitable<Response> {
    try {
      co_return co_await PlayRound(api, call, std::move(execution), std::move(job));
    } catch (...) {
      failure = std::current_exception();
    }
    co_return Response{};
  };
  auto outcome = co_await (play() || hold());
  if (failure) std::rethrow_exception(failure);
  if (outcome.index() == 0) co_return std::move(std::get<0>(outcome));
  co_return RetryLater();
}

// Makes the round cancellable by the name that the client gave the request, if it gave one.
asio::awaitable<std::optional<Response>> Register(const ApiContext& api, const ApiCall& call,
                                                  const ToolExecution& execution,
                                                  std::vector<StateLock>& held) {
  const std::string_view id = call.request.header(kRequestIdHeader);
  if (id.empty()) co_return std::nullopt;
  if (!IsRequestId(id)) co_return ErrorResponse(400, "Invalid programmatic request ID");
  StateLock lock(api.state, RequestKey(id),
                 OwnerOf(call.principal) + "\n\n" + execution.job + "\n" + execution.id);
  const auto free = co_await lock.Acquire();
  if (!free) co_return RetryLater();
  if (!*free) co_return ErrorResponse(409, "Programmatic request ID is already in use");
  held.push_back(std::move(lock));
  co_return std::nullopt;
}

asio::awaitable<Response> StartProgram(const ApiContext& api, ApiCall& call, const json::object& body,
                                       std::vector<StateLock>& held) {
  auto parsed = ParseProgrammaticRequest(body, api.settings);
  if (!parsed) co_return ErrorResponse(400, parsed.error().message);
  auto allowed = co_await MayRead(api, call.principal, parsed->exec);
  if (!allowed) co_return RetryLater();
  if (!*allowed) co_return ErrorResponse(403, "Unauthorized file reference");
  const auto slot = api.running.TryAcquire(call.principal);
  if (!slot) co_return TooManyAtOnce();

  ExecutionRequest& request = parsed->exec.execution;
  request.id = NewId();
  request.memory_bytes = static_cast<std::uint64_t>(call.plan.run_memory_limit);
  ToolExecution execution;
  execution.id = request.id;
  execution.job = NewId();
  execution.record.owner = OwnerOf(call.principal);
  execution.record.request = request.Encode();
  execution.record.tools = json::serialize(ToolsToJson(parsed->tools));
  execution.record.round = 1;
  if (const std::size_t size = execution.record.Encode().size(); size > kMaxToolRecord) {
    co_return ErrorResponse(
        413,
        fmt::format("Request too large: serialized execution state is {} bytes (max {}). Reduce the size "
                    "of \"code\", \"tools\", or \"files\".",
                    size, kMaxToolRecord));
  }
  if (auto refused = co_await Register(api, call, execution, held)) co_return std::move(*refused);
  if (api.metrics != nullptr) api.metrics->Submitted(request.runtime);
  ToolJob job{ToolJob::Kind::kStart, execution.id, std::move(request), execution.record.tools, {}};
  co_return co_await PlayHeld(api, call, std::move(execution), std::move(job), held);
}

// Takes the results into the record: those that are new, and those that need to be kept.
std::optional<Response> Accept(ToolRecord& record, std::vector<SentResult> sent, ToolResults& kept,
                               std::vector<ProgramCall>& given) {
  for (SentResult& one : sent) {
    RecordedCall* const made = record.Find(one.number);
    const std::string where = "tool_results[" + one.call_id + "]";
    if (made == nullptr)
      return ErrorResponse(400, where + " was not issued by the sandbox for this execution");
    std::string packed = PackResult(one.result);
    const std::string digest = Digest(packed);
    if (!made->digest.empty() && made->digest != digest) {
      return ErrorResponse(409, where +
                                    " has already been recorded with a different payload; replay history is "
                                    "immutable");
    }
    given.push_back({one.number, made->tool, {}, std::move(one.result)});
    if (!made->digest.empty()) continue;
    made->digest = digest;
    record.result_bytes += packed.size();
    kept.emplace_back(one.number, std::move(packed));
  }
  if (record.result_bytes > kMaxHistoryBytes) {
    return ErrorResponse(400, fmt::format("Aggregate tool_history for this execution would be {} bytes, "
                                          "exceeds cap {}",
                                          record.result_bytes, kMaxHistoryBytes));
  }
  return std::nullopt;
}

// With the execution's lock held.
asio::awaitable<Response> Resume(const ApiContext& api, ApiCall& call, ToolExecution execution,
                                 std::vector<SentResult> sent, std::vector<StateLock>& held) {
  ToolRecords records = Records(api);
  auto record = co_await records.Load(execution.id);
  if (!record && record.error().code == ErrorCode::kForbidden) {
    api.log.Write(Severity::kError, "record refused",
                  {{"execution", execution.id}, {"detail", record.error().message}});
    co_return ErrorResponse(404, "Execution not found or expired");
  }
  if (!record) co_return RetryLater();
  if (!*record) co_return ErrorResponse(404, "Execution not found or expired");
  if ((*record)->owner != OwnerOf(call.principal)) co_return ErrorResponse(403, "Forbidden");
  execution.record = std::move(**record);
  execution.recorded = true;
  ToolJob job;
  job.kind = ToolJob::Kind::kContinue;
  job.execution = execution.id;
  ToolResults kept;
  if (auto refused = Accept(execution.record, std::move(sent), kept, job.calls))
    co_return std::move(*refused);
  // A client that did not hear the answer to these very results hears it now.
  if (kept.empty() && !execution.record.answer.empty()) {
    co_return TextResponse(200, execution.record.answer, "application/json; charset=utf-8");
  }
  if (execution.record.ended) co_return ErrorResponse(404, "Execution not found or expired");
  const auto slot = api.running.TryAcquire(call.principal);
  if (!slot) co_return TooManyAtOnce();
  if (auto refused = co_await Register(api, call, execution, held)) co_return std::move(*refused);
  // Before they are delivered: what a program has seen can be shown to it again.
  execution.record.answer.clear();
  ++execution.record.round;
  if (auto saved = co_await records.Save(execution.id, execution.record, std::move(kept)); !saved) {
    co_return ToolFailure(503, execution.id,
                          "Failed to persist replay continuation; please retry the same request");
  }
  co_return co_await PlayHeld(api, call, std::move(execution), std::move(job), held);
}

asio::awaitable<Response> ContinueProgram(const ApiContext& api, ApiCall& call, const json::object& body,
                                          std::vector<StateLock>& held) {
  auto results = ParseToolResults(body);
  if (!results) co_return ErrorResponse(400, results.error().message);
  const json::value& token = body.at("continuation_token");
  ToolExecution execution;
  if (token.is_string()) execution.id = ExecutionOfToken(token.as_string());
  if (execution.id.empty()) co_return ErrorResponse(400, "Invalid continuation token");
  execution.job = NewId();
  StateLock lock(api.state, "tools-lock:" + execution.id, execution.job);
  const auto free = co_await lock.Acquire();
  if (!free) co_return RetryLater();
  if (!*free) {
    co_return ErrorResponse(409,
                            "Another continuation is already in flight for this execution; retry shortly");
  }
  held.push_back(std::move(lock));
  co_return co_await Resume(api, call, std::move(execution), std::move(*results), held);
}

bool Continues(const json::object& body) {
  const json::value* token = Member(body, "continuation_token");
  return token != nullptr && !(token->is_string() && token->as_string().empty());
}

// The names that a request took are free again when it has ended, however that happens.
asio::awaitable<Response> Serve(const ApiContext& api, ApiCall& call, const json::object& body) {
  const bool throwing = co_await WithoutThrowing::Begin();
  std::vector<StateLock> held;
  std::exception_ptr failure;
  Response response;
  try {
    response = Continues(body) ? co_await ContinueProgram(api, call, body, held)
                               : co_await StartProgram(api, call, body, held);
  } catch (...) {
    failure = std::current_exception();
  }
  for (StateLock& lock : held) co_await lock.Release();
  co_await WithoutThrowing::End(throwing);
  if (failure) std::rethrow_exception(failure);
  co_return response;
}

// A request has its name a moment before its job is queued, and keeps it a moment longer: looks again until
// either has changed.
asio::awaitable<Result<bool>> CancelJob(const ApiContext& api, std::string job, std::string key,
                                        std::string holder) {
  constexpr int kTries = 20;
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (int tries = 1;; ++tries) {
    auto cancelled = co_await api.queue.cancel(job);
    if (!cancelled || *cancelled || tries == kTries) co_return cancelled;
    const auto now = co_await api.state.holder(key);
    if (!now || *now != holder) co_return cancelled;
    timer.expires_after(std::chrono::milliseconds(10));
    co_await timer.async_wait(asio::use_awaitable);
  }
}

}  // namespace

asio::awaitable<Response> HandleProgrammatic(const ApiContext& api, ApiCall& call) {
  auto text = co_await ReadJsonBody(api, call.request);
  if (!text) co_return std::move(text.error());
  const auto body = ParseBody(*text);
  if (!body) co_return ErrorResponse(400, body.error().message);
  co_return co_await Serve(api, call, *body);
}

asio::awaitable<Response> HandleProgrammaticCancel(const ApiContext& api, ApiCall& call) {
  auto text = co_await ReadJsonBody(api, call.request);
  if (!text) co_return std::move(text.error());
  const auto body = ParseBody(*text);
  if (!body) co_return ErrorResponse(400, body.error().message);
  const json::value* id = Member(*body, "request_id");
  if (id == nullptr || !id->is_string() || !IsRequestId(id->as_string()))
    co_return ErrorResponse(400, "request_id must be a programmatic request ID");
  const std::string key = RequestKey(std::string(id->as_string()));
  const auto found = co_await api.state.holder(key);
  if (!found) co_return RetryLater();
  // One that has ended and one that never was look the same by now.
  if (!*found) co_return JsonResponse(200, json::object{{"status", "already_completed"}});
  const std::size_t gap = (*found)->find("\n\n", OwnerOf(call.principal).size());
  if ((*found)->substr(0, gap) != OwnerOf(call.principal)) co_return ErrorResponse(403, "Forbidden");
  const std::string rest = (*found)->substr(gap + 2);
  const std::size_t end = rest.find('\n');
  co_await Records(api).Remove(rest.substr(end + 1));
  auto cancelled = co_await CancelJob(api, rest.substr(0, end), key, **found);
  if (!cancelled) co_return RetryLater();
  co_return JsonResponse(*cancelled ? 202 : 200, json::object{{"status", *cancelled ? "cancellation_requested"
                                                                                    : "already_completed"}});
}

}  // namespace codeapi
