#include "api/api_context.h"
#include "api/session_access.h"
#include "base/text.h"
#include "files/object_body.h"

namespace codeapi {

asio::awaitable<Response> HandleDownload(const ApiContext& api, ApiCall& call) {
  auto key = co_await AccessibleObject(api, call);
  if (!key) co_return std::move(key.error());
  auto reader = co_await ObjectsFor(api, call).open(*key);
  if (!reader) co_return StoreFailed(api, call.request, reader.error(), "Error downloading file");
  const ObjectInfo& info = (*reader)->info();
  Response response;
  response.headers.set("Content-Type", info.meta.content_type);
  response.headers.set("Content-Disposition",
                       "attachment; filename*=UTF-8''" + PercentEncode(info.meta.filename));
  // LibreChat hands these headers on to the browser; a stored file must never be taken for a page of its own.
  response.headers.set("X-Content-Type-Options", "nosniff");
  // It is the caller's; no cache on the way may keep it for another one.
  response.headers.set("Cache-Control", "private, no-store");
  if (info.meta.read_only) response.headers.set("X-Read-Only", "true");
  response.body = std::make_unique<ObjectBody>(std::move(*reader));
  co_return response;
}

}  // namespace codeapi
