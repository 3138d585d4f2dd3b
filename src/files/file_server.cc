#include "files/file_server.h"

#include <charconv>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "auth/internal_token.h"
#include "base/ids.h"
#include "base/text.h"
#include "files/file_routes.h"
#include "files/object_body.h"
#include "files/object_json.h"
#include "files/times.h"

namespace codeapi {
namespace {

namespace json = boost::json;

constexpr std::string_view kNoFile = "No matching file found";

Headers ObjectHeaders(const ObjectInfo& info) {
  Headers headers;
  if (!info.meta.content_type.empty()) headers.add("Content-Type", info.meta.content_type);
  const std::string name = PercentEncode(info.meta.filename);
  headers.add("Content-Disposition", "attachment; filename*=UTF-8''" + name);
  headers.add("X-Content-Type-Options", "nosniff");
  headers.add("ETag", "\"" + info.etag + "\"");
  headers.add("Last-Modified", HttpTime(info.last_modified));
  headers.add(std::string(kLastModifiedHeader), IsoTime(info.last_modified));
  headers.add(std::string(kOriginalFilenameHeader), name);
  if (info.meta.read_only) headers.add(std::string(kReadOnlyHeader), "true");
  return headers;
}

asio::awaitable<Response> HandleGetObject(const FileServerContext& files, Request& request) {
  const auto key = KeyOf(request);
  if (!key) co_return ErrorResponse(400, "Bad request");
  auto reader = co_await files.objects.open(*key);
  if (!reader) co_return StoreError(files, *key, reader.error(), kNoFile, "Error downloading file");
  if (request.method == "GET")
    files.metrics.counter("codeapi_file_downloads_total", "Objects read").Increment();
  Response response;
  response.headers = ObjectHeaders((*reader)->info());
  response.body = std::make_unique<ObjectBody>(std::move(*reader));
  co_return response;
}

asio::awaitable<Response> HandleGetMetadata(const FileServerContext& files, Request& request) {
  const auto key = KeyOf(request);
  if (!key) co_return ErrorResponse(400, "Bad request");
  const auto info = co_await files.objects.stat(*key);
  if (!info) co_return StoreError(files, *key, info.error(), kNoFile, "Error fetching object metadata");
  co_return JsonResponse(200, MetadataJson(*info));
}

asio::awaitable<Response> HandleListObjects(const FileServerContext& files, Request& request) {
  const std::string session(request.params.get("session"));
  if (!IsId(session)) co_return ErrorResponse(400, "Bad request");
  const auto objects = co_await files.objects.list(session);
  if (!objects) co_return StoreError(files, {session, ""}, objects.error(), kNoFile, "Error listing objects");
  const Detail detail = ParseDetail(request.query.get("detail"));
  json::array answer;
  answer.reserve(objects->size());
  for (const ObjectInfo& info : *objects) answer.push_back(ObjectJson(info, detail));
  co_return JsonResponse(200, answer);
}

asio::awaitable<Response> HandleDeleteObject(const FileServerContext& files, Request& request) {
  const auto key = KeyOf(request);
  if (!key) co_return ErrorResponse(400, "Bad request");
  const auto removed = co_await files.objects.remove(*key);
  if (!removed) {
    co_return StoreError(files, *key, removed.error(), "No matching file found for deletion",
                         "Error deleting file");
  }
  co_return JsonResponse(
      200, json::object{
               {"message", "File deleted successfully"}, {"session_id", key->session}, {"fileId", key->id}});
}

asio::awaitable<Response> HandleListSessions(const FileServerContext& files, Request& request) {
  const std::string after(request.query.get("after"));
  std::size_t limit = 1000;
  if (const auto text = request.query.find("limit")) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
    if (error != std::errc() || end != text->data() + text->size())
      co_return ErrorResponse(400, "Bad request");
  }
  if (!CheckSessionPage(after, limit)) co_return ErrorResponse(400, "Bad request");
  const auto sessions = co_await files.objects.sessions(after, limit);
  if (!sessions)
    co_return StoreError(files, {after, ""}, sessions.error(), kNoFile, "Error listing sessions");
  json::array names;
  for (const std::string& session : *sessions) names.emplace_back(session);
  co_return JsonResponse(200, json::object{{"sessions", std::move(names)}});
}

asio::awaitable<Response> HandleReady(const FileServerContext& files, Request&) {
  const auto checked = co_await files.objects.check();
  if (!checked) {
    files.log.Write(Severity::kWarning, "object store not usable", {{"detail", checked.error().message}});
  }
  co_return JsonResponse(checked ? 200 : 503,
                         json::object{{"status", checked ? "ready" : "not ready"},
                                      {"checks", json::object{{"storage", checked ? "ok" : "unavailable"}}}});
}

asio::awaitable<Response> HandleHealth(const FileServerContext&, Request&) {
  co_return JsonResponse(200, json::object{{"status", "ok"}});
}

}  // namespace

Result<ObjectKey> KeyOf(const Request& request) {
  ObjectKey key{std::string(request.params.get("session")), std::string(request.params.get("id"))};
  if (auto checked = CheckObjectKey(key); !checked) return std::unexpected(checked.error());
  return key;
}

Response StoreError(const FileServerContext& files, const ObjectKey& key, const Error& error,
                    std::string_view not_found, std::string_view trouble) {
  switch (error.code) {
    case ErrorCode::kNotFound:
      return JsonResponse(404,
                          json::object{{"error", "File not found"},
                                       {"details", json::string_view(not_found.data(), not_found.size())},
                                       {"session_id", key.session},
                                       {"objectId", key.id}});
    case ErrorCode::kInvalid:
      return ErrorResponse(400, "Bad request");
    case ErrorCode::kConflict:
      return ErrorResponse(409, "File already exists");
    case ErrorCode::kTooLarge:
      return ErrorResponse(413, "File size limit exceeded");
    default:
      files.log.Write(Severity::kError, "object store failed",
                      {{"session", key.session}, {"object", key.id}, {"detail", error.message}});
      return ErrorResponse(error.code == ErrorCode::kUnavailable ? 503 : 500, trouble);
  }
}

Router MakeFileRouter(const FileServerContext& context) {
  Router router;
  const auto open = [&](const char* method, const char* path, auto handler) {
    router.add(method, path, [&context, handler](Request& request) { return handler(context, request); });
  };
  const auto guarded = [&](const char* method, const char* path, auto handler) {
    router.add(method, path,
               RequireInternalToken(context.internal_token, [&context, handler](Request& request) {
                 return handler(context, request);
               }));
  };
  guarded("PUT", "/sessions/{session}/objects/{id}", HandlePutObject);
  guarded("POST", "/sessions/{session}/objects", HandlePostObjects);
  guarded("GET", "/sessions/{session}/objects/{id}", HandleGetObject);
  guarded("GET", "/sessions/{session}/objects/{id}/metadata", HandleGetMetadata);
  guarded("GET", "/sessions/{session}/objects", HandleListObjects);
  guarded("DELETE", "/sessions/{session}/objects/{id}", HandleDeleteObject);
  guarded("GET", "/sessions", HandleListSessions);
  open("GET", "/health", HandleHealth);
  open("GET", "/ready", HandleReady);
  router.add("GET", "/metrics", context.metrics.handler());
  // So that both stand there from the start, at 0.
  context.metrics.counter("codeapi_file_uploads_total", "Objects stored");
  context.metrics.counter("codeapi_file_downloads_total", "Objects read");
  return router;
}

}  // namespace codeapi
