#include "tools/call_server.h"

#include <algorithm>
#include <cmath>
#include <expected>
#include <utility>

#include <boost/json.hpp>

#include "auth/internal_token.h"
#include "tools/json_text.h"

namespace codeapi {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

constexpr std::size_t kMaxSmallBody = 1u << 20;
constexpr std::size_t kMaxIdBytes = 256;
constexpr std::size_t kMaxSessionTools = 1000;
constexpr std::size_t kMaxResultsAtOnce = 1000;

template <typename T>
using OrRefusal = std::expected<T, Response>;

Response NotFound() {
  return ErrorResponse(404, "Not found");
}

Response SessionError(const Error& error) {
  switch (error.code) {
    case ErrorCode::kNotFound:
      return ErrorResponse(404, "Session not found");
    case ErrorCode::kForbidden:
      return ErrorResponse(403, "Tool is not registered for this execution");
    case ErrorCode::kConflict:
      return ErrorResponse(409, "Tool call was made again");
    case ErrorCode::kTooLarge:
    case ErrorCode::kUnavailable: {
      Response response = ErrorResponse(
          503, error.code == ErrorCode::kTooLarge ? "Too many pending tool calls" : "Too many sessions");
      response.headers.add("Retry-After", "1");
      return response;
    }
    default:
      return ErrorResponse(500, "Internal server error");
  }
}

asio::awaitable<OrRefusal<json::object>> ReadObject(Request& request, std::size_t limit) {
  auto text = co_await request.body.read_all(limit);
  if (!text && text.error().code == ErrorCode::kTooLarge)
    co_return std::unexpected(ErrorResponse(413, "request entity too large"));
  if (!text) co_return std::unexpected(ErrorResponse(400, "Bad request"));
  json::parse_options options;
  options.max_depth = 64;
  boost::system::error_code ec;
  json::value value = json::parse(*text, ec, {}, options);
  if (ec || !value.is_object()) co_return std::unexpected(ErrorResponse(400, "Invalid JSON"));
  co_return std::move(value.get_object());
}

std::string TextOf(const json::object& in, std::string_view name) {
  const json::value* value = in.if_contains(json::string_view(name.data(), name.size()));
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

// `name`, or `function.name` as other interfaces write it.
std::set<std::string> ToolNames(const json::object& in) {
  std::set<std::string> out;
  const json::value* tools = in.if_contains("tools");
  if (tools == nullptr || !tools->is_array()) return out;
  for (const json::value& tool : tools->get_array()) {
    if (!tool.is_object() || out.size() == kMaxSessionTools) continue;
    std::string name = TextOf(tool.get_object(), "name");
    const json::value* function = tool.get_object().if_contains("function");
    if (name.empty() && function != nullptr && function->is_object())
      name = TextOf(function->get_object(), "name");
    if (!name.empty()) out.insert(std::move(name));
  }
  return out;
}

OrRefusal<milliseconds> TimeoutOf(const json::object& in, milliseconds usual) {
  const json::value* value = in.if_contains("timeout");
  if (value == nullptr || value->is_null()) return usual;
  boost::system::error_code ec;
  const double ms = value->is_number() ? value->to_number<double>(ec) : 0;
  if (ec || !std::isfinite(ms) || ms <= 0)
    return std::unexpected(ErrorResponse(400, "timeout must be a positive number of milliseconds"));
  return milliseconds(static_cast<std::int64_t>(std::ceil(std::min(ms, 86'400'000.0))));
}

asio::awaitable<Response> HandleOpen(const CallServerContext& server, Request& request) {
  auto body = co_await ReadObject(request, kMaxSmallBody);
  if (!body) co_return std::move(body.error());
  const std::string execution = TextOf(*body, "execution_id"), session = TextOf(*body, "session_id");
  if (execution.empty() || session.empty())
    co_return ErrorResponse(400, "Missing required fields: execution_id, session_id");
  if (execution.size() > kMaxIdBytes || session.size() > kMaxIdBytes)
    co_return ErrorResponse(400, "execution_id and session_id must not exceed 256 bytes");
  auto timeout = TimeoutOf(*body, server.timeout);
  if (!timeout) co_return std::move(timeout.error());
  const auto token = server.sessions.Open(execution, session, ToolNames(*body), *timeout);
  if (!token) co_return SessionError(token.error());
  server.log.Write(Severity::kInfo, "tool-call session opened", {{"execution", execution}});
  co_return JsonResponse(200,
                         json::object{{"success", true},
                                      {"execution_id", execution},
                                      {"callback_url", "http://localhost:" + std::to_string(server.port)},
                                      {"callback_token", *token}});
}

std::string ExecutionOf(const Request& request) {
  return std::string(request.params.get("id"));
}

asio::awaitable<Response> HandleStatus(const CallServerContext& server, Request& request) {
  const auto info = server.sessions.Look(ExecutionOf(request));
  if (!info) co_return SessionError(info.error());
  co_return JsonResponse(200, json::object{{"status", CallSessionStatusName(info->status)},
                                           {"execution_id", info->execution},
                                           {"session_id", info->session},
                                           {"created_at", info->created},
                                           {"updated_at", info->updated}});
}

asio::awaitable<Response> HandlePending(const CallServerContext& server, Request& request) {
  CallSessionInfo info;
  const auto calls = server.sessions.Pending(ExecutionOf(request), info);
  if (!calls) co_return SessionError(calls.error());
  std::string out =
      R"({"status":")" + std::string(CallSessionStatusName(info.status)) + R"(","pending_calls":[)";
  bool first = true;
  for (const PendingCall& call : *calls) {
    if (!std::exchange(first, false)) out += ',';
    out += R"({"call_id":)" + json::serialize(json::string(call.id)) + R"(,"tool_name":)" +
           json::serialize(json::string(call.tool));
    if (!call.input.empty()) out += R"(,"tool_input":)" + call.input;
    out += R"(,"timestamp":)" + std::to_string(call.made) + "}";
  }
  out += R"(],"partial_stdout":"","partial_stderr":""})";
  co_return TextResponse(200, std::move(out), "application/json; charset=utf-8");
}

OrRefusal<GivenResult> ParseResult(const json::value& item) {
  if (!item.is_object()) return std::unexpected(ErrorResponse(400, "Invalid results format"));
  const json::object& in = item.get_object();
  GivenResult out;
  out.id = TextOf(in, "call_id");
  if (out.id.empty() || out.id.size() > kMaxIdBytes)
    return std::unexpected(ErrorResponse(400, "Invalid results format"));
  if (const json::value* result = in.if_contains("result")) out.result = CompactJson(*result);
  const json::value* error = in.if_contains("is_error");
  out.error = error != nullptr && error->is_bool() && error->get_bool();
  const json::value* message = in.if_contains("error_message");
  if (message != nullptr && (message->is_string() || message->is_null())) out.message = CompactJson(*message);
  if (out.result.size() + out.message.size() > kMaxCallResult)
    return std::unexpected(ErrorResponse(413, "A result exceeds the cap of 5000000 bytes"));
  return out;
}

asio::awaitable<Response> HandleResults(const CallServerContext& server, Request& request) {
  // Not before its session is known: this is the largest body that there is.
  const std::string execution = ExecutionOf(request);
  if (auto info = server.sessions.Look(execution); !info) co_return SessionError(info.error());
  auto body = co_await ReadObject(request, kMaxCallResultsBody);
  if (!body) co_return std::move(body.error());
  const json::value* list = body->if_contains("results");
  if (list == nullptr || !list->is_array() || list->get_array().size() > kMaxResultsAtOnce)
    co_return ErrorResponse(400, "Invalid results format");
  std::vector<GivenResult> results;
  for (const json::value& item : list->get_array()) {
    auto result = ParseResult(item);
    if (!result) co_return std::move(result.error());
    results.push_back(std::move(*result));
  }
  const std::size_t count = results.size();
  if (auto given = server.sessions.Give(execution, std::move(results)); !given) {
    if (given.error().code == ErrorCode::kTooLarge)
      co_return ErrorResponse(413, "Too many results wait for their tool calls");
    co_return SessionError(given.error());
  }
  co_return JsonResponse(200, json::object{{"success", true}, {"processed", count}});
}

// What the body says was never read by anybody; it only has to be JSON.
asio::awaitable<Response> HandleEnd(const CallServerContext& server, Request& request,
                                    CallSessionStatus status) {
  const std::string execution = ExecutionOf(request);
  if (auto info = server.sessions.Look(execution); !info) co_return SessionError(info.error());
  auto body = co_await ReadObject(request, kMaxSmallBody);
  if (!body) co_return std::move(body.error());
  if (auto ended = server.sessions.End(execution, status); !ended) co_return SessionError(ended.error());
  server.log.Write(Severity::kInfo, "tool-call session ended",
                   {{"execution", execution}, {"status", CallSessionStatusName(status)}});
  co_return JsonResponse(200, json::object{{"success", true}});
}

asio::awaitable<Response> HandleComplete(const CallServerContext& server, Request& request) {
  return HandleEnd(server, request, CallSessionStatus::kCompleted);
}

asio::awaitable<Response> HandleError(const CallServerContext& server, Request& request) {
  return HandleEnd(server, request, CallSessionStatus::kError);
}

asio::awaitable<Response> HandleRemove(const CallServerContext& server, Request& request) {
  const std::size_t removed = server.sessions.Remove(ExecutionOf(request));
  co_return JsonResponse(200, json::object{{"success", true}, {"cleaned_keys", removed}});
}

std::string Render(const GivenResult& result) {
  std::string out = R"({"success":true)";
  if (!result.result.empty()) out += R"(,"result":)" + result.result;
  out += result.error ? R"(,"is_error":true)" : R"(,"is_error":false)";
  if (!result.message.empty()) out += R"(,"error_message":)" + result.message;
  return out + "}";
}

asio::awaitable<Response> HandleCall(const CallServerContext& server, Request& request) {
  // With two of one name it would be open which one a proxy between us has looked at.
  for (const char* name : {"X-Execution-ID", "X-Callback-Token", "X-Tool-Call-ID"}) {
    if (request.headers.count(name) != 1 || request.header(name).empty())
      co_return ErrorResponse(400, "Missing required headers");
  }
  const std::string execution(request.header("X-Execution-ID")), id(request.header("X-Tool-Call-ID"));
  if (auto known = server.sessions.Check(execution, request.header("X-Callback-Token")); !known) {
    if (known.error().code == ErrorCode::kForbidden) co_return ErrorResponse(401, "Invalid callback token");
    co_return SessionError(known.error());
  }
  if (id.size() > kMaxIdBytes) co_return ErrorResponse(400, "X-Tool-Call-ID must not exceed 256 bytes");
  auto body = co_await ReadObject(request, kMaxCallBody);
  if (!body) co_return std::move(body.error());
  std::string tool = TextOf(*body, "tool_name");
  if (tool.empty()) co_return ErrorResponse(400, "Invalid tool name");
  const json::value* input = body->if_contains("input");
  server.metrics.counter("codeapi_tool_calls_total", "Tool calls made").Increment();
  const auto result = co_await server.sessions.Call(execution, id, std::move(tool),
                                                    input == nullptr ? std::string() : CompactJson(*input));
  if (result) co_return TextResponse(200, Render(*result), "application/json; charset=utf-8");
  if (result.error().code != ErrorCode::kDeadline) co_return SessionError(result.error());
  server.metrics.counter("codeapi_tool_call_timeouts_total", "Tool calls that nobody answered").Increment();
  co_return JsonResponse(408, json::object{{"success", false},
                                           {"error", "timeout"},
                                           {"message", "Tool call timed out waiting for result"}});
}

asio::awaitable<Response> HandleHealth(const CallServerContext& server, Request&) {
  const std::chrono::duration<double> up = std::chrono::steady_clock::now() - server.started;
  co_return JsonResponse(200, json::object{{"status", "healthy"}, {"uptime", up.count()}});
}

asio::awaitable<Response> HandleReady(const CallServerContext&, Request&) {
  co_return JsonResponse(200, json::object{{"status", "ready"}});
}

// Where the reference has nothing there is one answer, whatever was asked for: 404, not 405.
void RefuseOtherMethods(Router& router, std::string_view path, std::initializer_list<std::string_view> known,
                        const Handler& refuse) {
  for (const char* method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
    if (std::string_view(method) == "HEAD" && std::ranges::find(known, "GET") != known.end()) continue;
    if (std::ranges::find(known, method) == known.end()) router.add(method, path, refuse);
  }
}

}  // namespace

Router MakeCallRouter(const CallServerContext& context) {
  Router router;
  const Handler unknown = [](Request&) -> asio::awaitable<Response> { co_return NotFound(); };
  const Handler unknown_session = RequireInternalToken(context.internal_token, unknown);
  const auto open = [&](const char* method, const char* path, auto handler) {
    router.add(method, path, [&context, handler](Request& request) { return handler(context, request); });
    RefuseOtherMethods(router, path, {method}, unknown);
  };
  const auto guard = [&](const char* method, const char* path, auto handler) {
    router.add(method, path,
               RequireInternalToken(context.internal_token, [&context, handler](Request& request) {
                 return handler(context, request);
               }));
  };
  const auto guarded = [&](const char* method, const char* path, auto handler) {
    guard(method, path, handler);
    RefuseOtherMethods(router, path, {method}, unknown_session);
  };
  guarded("POST", "/sessions", HandleOpen);
  guard("GET", "/sessions/{id}", HandleStatus);
  guard("DELETE", "/sessions/{id}", HandleRemove);
  RefuseOtherMethods(router, "/sessions/{id}", {"GET", "DELETE"}, unknown_session);
  guarded("GET", "/sessions/{id}/status", HandleStatus);
  guarded("GET", "/sessions/{id}/pending", HandlePending);
  guarded("POST", "/sessions/{id}/results", HandleResults);
  guarded("POST", "/sessions/{id}/complete", HandleComplete);
  guarded("POST", "/sessions/{id}/error", HandleError);
  open("POST", "/tool-call", HandleCall);
  open("GET", "/health", HandleHealth);
  open("GET", "/ready", HandleReady);
  router.add("GET", "/metrics", context.metrics.handler());
  RefuseOtherMethods(router, "/metrics", {"GET"}, unknown);
  router.otherwise([unknown, unknown_session](Request& request) {
    return request.path.starts_with("/sessions/") ? unknown_session(request) : unknown(request);
  });
  // So that all stand there from the start, at 0.
  context.metrics.counter("codeapi_tool_calls_total", "Tool calls made");
  context.metrics.counter("codeapi_tool_call_timeouts_total", "Tool calls that nobody answered");
  auto& active = context.metrics.gauge("codeapi_tool_call_active_sessions", "Sessions that are not over");
  context.metrics.on_scrape(
      [&active, &sessions = context.sessions] { active.Set(static_cast<double>(sessions.active())); });
  return router;
}

}  // namespace codeapi
