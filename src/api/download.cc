#include <algorithm>
#include <charconv>

#include <boost/json.hpp>

#include "api/api_context.h"
#include "base/ids.h"
#include "base/text.h"

namespace codeapi {
namespace {

Response NotFound() {
  return JsonResponse(404, boost::json::object{{"error", "File not found"},
                                               {"details", "The file may have expired or does not exist"}});
}

// `kind`, `id` and `version` of the query, each at most once: two values would leave open whose file is
// meant.
Result<ResourceScope> ScopeOf(const Params& query) {
  ResourceScope scope;
  for (const char* name : {"kind", "id", "version"}) {
    if (std::ranges::count(query.all(), name, &Params::Param::first) > 1) {
      return Fail(ErrorCode::kInvalid, std::string(name) + " is given twice");
    }
  }
  if (const auto kind = query.find("kind")) scope.kind = *kind;
  if (const auto id = query.find("id")) scope.id = *id;
  if (const auto version = query.find("version")) {
    std::uint64_t number = 0;
    const auto [end, ec] = std::from_chars(version->data(), version->data() + version->size(), number);
    if (ec != std::errc() || end != version->data() + version->size()) {
      return Fail(ErrorCode::kInvalid, "version is not a number");
    }
    scope.version = number;
  }
  return scope;
}

class ObjectBody final : public BodySource {
 public:
  explicit ObjectBody(std::unique_ptr<ObjectReader> reader) : reader_(std::move(reader)) {}
  asio::awaitable<Result<std::size_t>> read(std::span<char> into) override {
    co_return co_await reader_->read(into);
  }
  std::optional<std::uint64_t> length() const override { return reader_->info().size; }

 private:
  std::unique_ptr<ObjectReader> reader_;
};

}  // namespace

asio::awaitable<Response> HandleDownload(const ApiContext& api, Request& request) {
  const ObjectKey key{std::string(request.params.get("session")), std::string(request.params.get("file"))};
  const auto scope = ScopeOf(request.query);
  const auto wanted = scope ? SessionKey(Principal::Local(), *scope) : std::unexpected(scope.error());
  if (!IsId(key.session) || !IsId(key.id) || !wanted) co_return ErrorResponse(400, "Bad request");

  auto owner = co_await api.state.get(OwnerKey(key.session));
  if (!owner) co_return ErrorResponse(503, "Service is temporarily unavailable");
  // A session that has expired is gone, not forbidden: clients then drop it instead of asking again.
  if (!*owner) co_return NotFound();
  if (**owner != *wanted) co_return ErrorResponse(403, "Unauthorized");

  auto reader = co_await api.objects.open(key);
  if (!reader) {
    if (reader.error().code == ErrorCode::kNotFound) co_return NotFound();
    api.log.Write(Severity::kError, "object not readable",
                  {{"session", key.session}, {"object", key.id}, {"detail", reader.error().message}});
    co_return ErrorResponse(500, "Error downloading file");
  }
  const ObjectInfo& info = (*reader)->info();
  Response response;
  response.headers.set("Content-Type", info.meta.content_type);
  response.headers.set("Content-Disposition",
                       "attachment; filename*=UTF-8''" + PercentEncode(info.meta.filename));
  // LibreChat hands these headers on to the browser; a stored file must never be taken for a page of its own.
  response.headers.set("X-Content-Type-Options", "nosniff");
  if (info.meta.read_only) response.headers.set("X-Read-Only", "true");
  response.body = std::make_unique<ObjectBody>(std::move(*reader));
  co_return response;
}

}  // namespace codeapi
