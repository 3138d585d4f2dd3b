// What the sources of the gateway share. Nobody else includes this.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "egress/gateway.h"
#include "egress/grant.h"

namespace codeapi {

/// The account of a grant.
inline LedgerEntry EntryOf(const Grant& grant) {
  return {grant.exec_id, grant.round, grant.grant_id};
}

/// Counts an outcome: `ok`, or the word of a refusal.
void CountEgress(const GatewayContext& gateway, std::string_view kind, std::string_view outcome);

/// The answer to a refusal, counted and, at `debug`, logged.
Response Refused(const GatewayContext& gateway, std::string_view kind, const Refusal& refusal);

/// The JSON object that a request's body is; 400 or 413 if it is none or has more than `limit` bytes.
asio::awaitable<Allowed<boost::json::object>> ReadJson(Request& request, std::size_t limit);

/// The member if it is a string, else empty.
std::string TextMember(const boost::json::object& in, std::string_view name);

/// The grant in the request's header, if it is good now.
Allowed<Grant> GrantOf(const GatewayContext& gateway, const Request& request);

asio::awaitable<Response> HandleMint(const GatewayContext& gateway, Request& request);
asio::awaitable<Response> HandleRenew(const GatewayContext& gateway, Request& request);
asio::awaitable<Response> HandleRevoke(const GatewayContext& gateway, Request& request);
asio::awaitable<Response> HandleToolCalls(const GatewayContext& gateway, Request& request);
asio::awaitable<Response> HandleCallback(const GatewayContext& gateway, Request& request);

asio::awaitable<Response> HandleGetInput(const GatewayContext& gateway, Request& request);
asio::awaitable<Response> HandleGetInfo(const GatewayContext& gateway, Request& request);
asio::awaitable<Response> HandlePutOutput(const GatewayContext& gateway, Request& request);
asio::awaitable<Response> HandleDeleteOutput(const GatewayContext& gateway, Request& request);
asio::awaitable<Response> HandleCall(const GatewayContext& gateway, Request& request);

inline constexpr Refusal kUpstreamAway{502, "upstream_unavailable", "File server is unavailable"};
inline constexpr Refusal kUpstreamRedirects{502, "upstream_redirect", "File server answered with a redirect"};

}  // namespace codeapi
