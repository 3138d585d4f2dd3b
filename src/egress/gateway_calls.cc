// Tool calls of programs of other services, on to the tool-call server. Our own programs do not pass here
// (docs/adr/0007).
#include <algorithm>
#include <utility>

#include <boost/json.hpp>

#include "auth/strict_json.h"
#include "egress/gateway_routes.h"
#include "tools/call_server.h"

namespace codeapi {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxCallAnswer = kMaxCallResult + (64u << 10);
constexpr std::size_t kMaxCallDepth = 64;  // the tool-call server's

constexpr Refusal kNoLength{411, "malformed", "Content-Length is required"};
constexpr Refusal kLargeCall{413, "too_large", "Tool call body exceeds gateway limit"};
constexpr Refusal kBadCall{400, "malformed", "Invalid JSON"};
constexpr Refusal kOtherExecution{403, "scope_mismatch", "Callback token does not belong to the execution"};
constexpr Refusal kOtherTool{403, "tool", "Tool is not allowed for this execution"};
constexpr Refusal kToolsAway{502, "upstream_unavailable", "Tool-call server is unavailable"};
constexpr Refusal kToolsRedirect{502, "upstream_redirect", "Tool-call server answered with a redirect"};
constexpr Refusal kNoToolServer{503, "misconfigured", "Tool calls are not configured"};

// As if there were nothing here, whatever was asked.
Response Nothing() {
  Response response = TextResponse(404, "not found");
  response.close = true;
  return response;
}

// Twice would leave open which one somebody on the way has looked at.
bool HasCallHeaders(const Request& request) {
  return std::ranges::all_of(
      std::initializer_list<std::string_view>{"X-Execution-ID", "X-Callback-Token", "X-Tool-Call-ID"},
      [&](std::string_view name) {
        return request.headers.count(name) == 1 && !request.header(name).empty();
      });
}

Allowed<CallbackToken> MayCall(const GatewayContext& gateway, const Request& request, const Grant& grant,
                               std::string_view body) {
  auto token = CallbackToken::Open(gateway.sealer, request.header("X-Callback-Token"), gateway.now());
  if (!token) return token;
  if (token->exec_id != request.header("X-Execution-ID") || token->exec_id != grant.exec_id)
    return Refuse(kOtherExecution);
  // No member twice: the tool that is looked at here is the one that is called there.
  const auto call = ParseStrictObject(body, kMaxCallDepth);
  if (!call) return Refuse(kBadCall);
  if (token->tools && std::ranges::find(*token->tools, TextMember(*call, "tool_name")) == token->tools->end())
    return Refuse(kOtherTool);
  return token;
}

Response Passed(const GatewayContext& gateway, const Result<FetchedResponse>& answer) {
  if (!answer) {
    gateway.log.Write(Severity::kError, "tool-call server failed", {{"detail", answer.error().message}});
    return Refused(gateway, "call", kToolsAway);
  }
  if (answer->status >= 300 && answer->status < 400) return Refused(gateway, "call", kToolsRedirect);
  CountEgress(gateway, "call", "ok");
  return TextResponse(answer->status, answer->body, "application/json; charset=utf-8");
}

}  // namespace

asio::awaitable<Response> HandleCall(const GatewayContext& gateway, Request& request) {
  if (!HasCallHeaders(request)) co_return Nothing();
  const auto grant = GrantOf(gateway, request);
  if (!grant) co_return Refused(gateway, "call", grant.error());
  if (gateway.tool_call_server_url.empty()) co_return Refused(gateway, "call", kNoToolServer);
  if (!request.body.length()) co_return Refused(gateway, "call", kNoLength);
  if (*request.body.length() > kMaxCallBody) co_return Refused(gateway, "call", kLargeCall);
  auto body = co_await request.body.read_all(kMaxCallBody);
  if (!body) co_return Refused(gateway, "call", kBadCall);
  const auto token = MayCall(gateway, request, *grant, *body);
  if (!token) co_return Refused(gateway, "call", token.error());
  const auto counted = co_await gateway.ledger->OneMoreCall(EntryOf(*grant));
  if (!counted) co_return Refused(gateway, "call", counted.error());
  ClientRequest call;
  call.method = "POST";
  call.url = gateway.tool_call_server_url + "/tool-call";
  call.headers.add("Content-Type", "application/json");
  call.headers.add("X-Execution-ID", token->exec_id);
  call.headers.add("X-Callback-Token", token->token);
  call.headers.add("X-Tool-Call-ID", std::string(request.header("X-Tool-Call-ID")));
  call.headers.add("traceparent", request.trace.Header());
  call.body = std::move(*body);
  co_return Passed(gateway, co_await gateway.tools.fetch(std::move(call), kMaxCallAnswer));
}

}  // namespace codeapi
