#include "egress/gateway.h"

#include <utility>

#include "auth/internal_token.h"
#include "auth/strict_json.h"
#include "egress/gateway_routes.h"

namespace codeapi {
namespace {

namespace json = boost::json;

constexpr Refusal kNoInternalToken{503, "misconfigured", "Internal service auth is not configured"};
constexpr Refusal kNoGrant{400, "no_grant", "X-CodeAPI-Egress-Grant is required"};
constexpr Refusal kBadBody{400, "malformed", "Bad request"};
constexpr Refusal kNotJson{400, "malformed", "Invalid JSON"};
constexpr Refusal kBodyTooLarge{413, "too_large", "request entity too large"};

prometheus::Counter& RequestCounter(const GatewayContext& gateway, std::string_view kind,
                                    std::string_view outcome) {
  return gateway.metrics.counter("codeapi_egress_requests_total", "What was asked of the egress gateway",
                                 {{"kind", std::string(kind)}, {"outcome", std::string(outcome)}});
}

asio::awaitable<Response> HandleLive(const GatewayContext&, Request&) {
  co_return JsonResponse(200, json::object{{"status", "ok"}});
}

asio::awaitable<Response> HandleReady(const GatewayContext& gateway, Request&) {
  const auto checked = co_await gateway.ledger->Check();
  co_return JsonResponse(checked ? 200 : 503,
                         json::object{{"status", checked ? "ready" : "not ready"},
                                      {"checks", json::object{{"ledger", checked ? "ok" : "unavailable"}}}});
}

}  // namespace

void CountEgress(const GatewayContext& gateway, std::string_view kind, std::string_view outcome) {
  RequestCounter(gateway, kind, outcome).Increment();
}

Response Refused(const GatewayContext& gateway, std::string_view kind, const Refusal& refusal) {
  CountEgress(gateway, kind, refusal.code);
  gateway.log.Write(Severity::kDebug, "egress refused", {{"kind", kind}, {"reason", refusal.code}});
  return RefusalResponse(refusal);
}

asio::awaitable<Allowed<json::object>> ReadJson(Request& request, std::size_t limit) {
  const auto text = co_await request.body.read_all(limit);
  if (!text) co_return Refuse(text.error().code == ErrorCode::kTooLarge ? kBodyTooLarge : kBadBody);
  auto object = ParseStrictObject(*text);
  if (!object) co_return Refuse(kNotJson);
  co_return std::move(*object);
}

std::string TextMember(const json::object& in, std::string_view name) {
  const json::value* value = in.if_contains(json::string_view(name.data(), name.size()));
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

Allowed<Grant> GrantOf(const GatewayContext& gateway, const Request& request) {
  // Twice could mean one grant to us and another to somebody on the way.
  if (request.headers.count(kEgressGrantHeader) > 1) return Refuse(kMalformedGrant);
  const std::string_view text = request.header(kEgressGrantHeader);
  if (text.empty()) return Refuse(kNoGrant);
  return Grant::Open(gateway.sealer, text, gateway.now());
}

Router MakeGatewayRouter(const GatewayContext& context) {
  Router router;
  const auto open = [&](const char* method, const char* path, auto handler) {
    router.add(method, path, [&context, handler](Request& request) { return handler(context, request); });
  };
  const Handler unconfigured = [](Request&) -> asio::awaitable<Response> {
    co_return RefusalResponse(kNoInternalToken);
  };
  const auto guarded = [&](const char* method, const char* path, auto handler) {
    router.add(method, path,
               context.internal_token.empty()
                   ? unconfigured
                   : RequireInternalToken(context.internal_token, [&context, handler](Request& request) {
                       return handler(context, request);
                     }));
  };
  guarded("POST", "/internal/egress-grants", HandleMint);
  guarded("POST", "/internal/egress-grants/renew", HandleRenew);
  guarded("POST", "/internal/egress-grants/revoke", HandleRevoke);
  guarded("POST", "/internal/egress-grants/tool-calls", HandleToolCalls);
  guarded("POST", "/internal/ptc-callback-token", HandleCallback);
  open("GET", "/sessions/{session}/objects/{object}", HandleGetInput);
  open("GET", "/sessions/{session}/objects/{object}/metadata", HandleGetInfo);
  open("PUT", "/sessions/{session}/objects/{object}", HandlePutOutput);
  open("DELETE", "/sessions/{session}/objects/{object}", HandleDeleteOutput);
  open("POST", "/tool-call", HandleCall);
  open("GET", "/live", HandleLive);
  open("GET", "/health", HandleReady);
  open("GET", "/ready", HandleReady);
  router.add("GET", "/metrics", context.metrics.handler());
  // So that all stand there from the start, at 0.
  for (const char* kind :
       {"mint", "renew", "revoke", "tool_calls", "download", "metadata", "upload", "delete", "call"})
    RequestCounter(context, kind, "ok");
  return router;
}

}  // namespace codeapi
