// Whose files a request means, and whether they are the caller's.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "api/api_context.h"
#include "auth/principal.h"
#include "base/result.h"
#include "net/http_message.h"

namespace codeapi {

/// The scope that `kind`, `id` and `version` name, in a query or in the fields of a form; a missing kind is
/// the caller's own files. Also takes `entity_id`, by which older clients name an agent. kInvalid, with a
/// text for the client, when one is given twice (that would leave open whose file is meant) or the three do
/// not fit together.
Result<ResourceScope> ScopeOf(const Params& params);

/// The object that the `{session}` and `{file}` of the path name (`file` is empty where the route has none),
/// once it is certain that its session belongs to the scope in the query and the caller may use that.
/// Otherwise the answer to give: 400 for bad ids or a bad scope, 404 for a session that has expired or never
/// was, 403 for somebody else's, 503.
asio::awaitable<std::expected<ObjectKey, Response>> AccessibleObject(const ApiContext& api,
                                                                     const ApiCall& call);

/// Makes `session` the property of `owner` (a session key) for as long as files live.
asio::awaitable<Result<void>> OwnSession(const ApiContext& api, std::string session, std::string owner);

/// Logs what the store said of an object, and answers for it: 404 when it is not there, 503 when the store is
/// away, else 500 with `text`.
Response StoreFailed(const ApiContext& api, const Request& request, const Error& error,
                     std::string_view text);

}  // namespace codeapi
