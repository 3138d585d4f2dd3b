// What stands before every public route.
#pragma once

#include <functional>

#include "api/api_context.h"

namespace codeapi {

using ApiHandler = std::function<asio::awaitable<Response>(const ApiContext&, ApiCall&)>;

/// A handler that authenticates the caller, counts the request and checks the profile the client expects, in
/// this order and before anything of the body is read, and only then calls `handler`. Every answer carries
/// the profile; refused and failed requests are logged with their id. `api` must outlive the handler.
Handler Gated(const ApiContext& api, RateLimit rate, ApiHandler handler);

/// For paths that no route has: 401 without credentials, so that strangers cannot map the API, else 404.
Handler GatedNotFound(const ApiContext& api);

}  // namespace codeapi
