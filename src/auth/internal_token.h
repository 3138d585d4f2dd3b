// How our own processes know each other: one secret that all of them hold.
#pragma once

#include <string>
#include <string_view>

#include "net/http_message.h"

namespace codeapi {

/// The header that carries the secret, CODEAPI_INTERNAL_SERVICE_TOKEN.
inline constexpr std::string_view kInternalTokenHeader = "X-CodeAPI-Internal-Token";

/// Whether `request` carries `token`, once. Takes as long for a token that is nearly right as for any other.
bool HasInternalToken(const Request& request, std::string_view token);

/// `handler`, for requests that carry `token`; all others get 401 `{"error":"Unauthorized"}` and the handler
/// never sees them. An empty `token` lets everybody through: whether that may be is for whoever listens to
/// decide.
Handler RequireInternalToken(std::string token, Handler handler);

}  // namespace codeapi
