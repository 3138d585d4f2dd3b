#include "api/session_access.h"

#include <algorithm>
#include <charconv>

#include "api/responses.h"
#include "base/ids.h"

namespace codeapi {
namespace {

Result<std::uint64_t> ParseVersion(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || ec != std::errc() || end != text.data() + text.size())
    return Fail(ErrorCode::kInvalid, "version must be a number for kind: 'skill'");
  return number;
}

}  // namespace

Result<ResourceScope> ScopeOf(const Params& params) {
  for (const char* name : {"kind", "id", "version", "entity_id"}) {
    if (std::ranges::count(params.all(), name, &Params::Param::first) > 1)
      return Fail(ErrorCode::kInvalid, std::string(name) + " is given twice");
  }
  ResourceScope scope;
  const auto kind = params.find("kind");
  const auto entity = params.find("entity_id");
  if (kind) scope.kind = *kind;
  if (const auto id = params.find("id")) scope.id = *id;
  if (!kind && entity && !entity->empty()) {
    scope.kind = "agent";
    scope.id = *entity;
  }
  if (const auto version = params.find("version")) {
    auto number = ParseVersion(*version);
    if (!number) return std::unexpected(number.error());
    scope.version = *number;
  }
  if (scope.id.empty() && (scope.kind == "agent" || scope.kind == "skill"))
    return Fail(ErrorCode::kInvalid, "id is required for kind: '" + scope.kind + "'");
  return scope;
}

asio::awaitable<std::expected<ObjectKey, Response>> AccessibleObject(const ApiContext& api,
                                                                     const ApiCall& call) {
  const Request& request = call.request;
  ObjectKey key{std::string(request.params.get("session")), std::string(request.params.get("file"))};
  const bool ids = IsId(key.session) && (IsId(key.id) || !request.params.find("file"));
  const auto scope = ScopeOf(request.query);
  const auto wanted = scope ? SessionKey(call.principal, *scope) : std::unexpected(scope.error());
  if (!ids) co_return std::unexpected(ErrorResponse(400, "Bad request"));
  if (!wanted) co_return std::unexpected(ErrorResponse(400, wanted.error().message));

  auto owner = co_await api.state.get(OwnerKey(key.session));
  if (!owner) co_return std::unexpected(RetryLater());
  // A session that has expired is gone, not forbidden: clients then drop it instead of asking again.
  if (!*owner) co_return std::unexpected(FileNotFound());
  if (**owner != *wanted) co_return std::unexpected(ErrorResponse(403, "Unauthorized"));
  co_return key;
}

asio::awaitable<Result<void>> OwnSession(const ApiContext& api, std::string session, std::string owner) {
  co_return co_await api.state.put(OwnerKey(session), std::move(owner), api.settings.file_ttl);
}

Response StoreFailed(const ApiContext& api, const Request& request, const Error& error,
                     std::string_view text) {
  if (error.code == ErrorCode::kNotFound) return FileNotFound();
  api.log.Write(Severity::kError, "object store failed",
                {{"request", request.id},
                 {"trace", request.trace.trace_id},
                 {"route", request.route},
                 {"detail", error.message}});
  return error.code == ErrorCode::kUnavailable ? RetryLater() : ErrorResponse(500, text);
}

}  // namespace codeapi
