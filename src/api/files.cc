// Looking at stored files and deleting them.
#include <boost/json.hpp>

#include "api/api_context.h"
#include "api/session_access.h"
#include "files/object_json.h"

namespace codeapi {

namespace json = boost::json;

asio::awaitable<Response> HandleListFiles(const ApiContext& api, ApiCall& call) {
  auto key = co_await AccessibleObject(api, call);
  if (!key) co_return std::move(key.error());
  auto objects = co_await ObjectsFor(api, call).list(key->session);
  if (!objects) co_return StoreFailed(api, call.request, objects.error(), "Error fetching file information");
  const Detail detail = ParseDetail(call.request.query.get("detail"));
  json::array list;
  list.reserve(objects->size());
  for (const ObjectInfo& object : *objects) list.push_back(ObjectJson(object, detail));
  co_return JsonResponse(200, list);
}

asio::awaitable<Response> HandleFileMetadata(const ApiContext& api, ApiCall& call) {
  auto key = co_await AccessibleObject(api, call);
  if (!key) co_return std::move(key.error());
  auto info = co_await ObjectsFor(api, call).stat(*key);
  if (!info) co_return StoreFailed(api, call.request, info.error(), "Error fetching object metadata");
  co_return JsonResponse(200, MetadataJson(*info));
}

asio::awaitable<Response> HandleDeleteFile(const ApiContext& api, ApiCall& call) {
  auto key = co_await AccessibleObject(api, call);
  if (!key) co_return std::move(key.error());
  auto removed = co_await ObjectsFor(api, call).remove(*key);
  if (!removed) co_return StoreFailed(api, call.request, removed.error(), "Error deleting file");
  co_return JsonResponse(200, json::object{{"message", "File deleted successfully"},
                                           {"session_id", key->session},
                                           {"storage_session_id", key->session},
                                           {"fileId", key->id}});
}

}  // namespace codeapi
