#include "files/remote_files.h"

#include <charconv>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "auth/internal_token.h"
#include "base/text.h"
#include "files/file_server.h"
#include "store/http_time.h"

namespace codeapi {
namespace {

namespace json = boost::json;

// An object has less than 5 KiB of JSON, and no session comes near ten thousand objects.
constexpr std::size_t kLargestAnswer = 64uz << 20;

Result<ObjectInfo> Checked(ObjectInfo info) {
  auto checked = CheckObjectKey(info.key);
  if (checked) checked = CheckObjectMeta(info.meta);
  if (!checked) return Senseless("an object: " + checked.error().message);
  if (info.etag.empty() || info.etag.size() > 128) return Senseless("an object: its tag is no tag");
  return info;
}

const json::string* TextOf(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
  return value == nullptr ? nullptr : value->if_string();
}

bool IsReadOnly(const json::object& object) {
  if (const json::value* flag = object.if_contains("readOnly")) return flag->is_bool() && flag->get_bool();
  const json::value* metadata = object.if_contains("metadata");
  return metadata != nullptr && metadata->is_object() && metadata->get_object().contains("read-only");
}

}  // namespace

Result<std::string> RemoteFiles::path(const ObjectKey& key) const {
  return addresses ? addresses->PathOf(key) : ObjectPath(key);
}

ClientRequest RemoteFiles::request(std::string method, std::string_view path) const {
  ClientRequest request;
  request.method = std::move(method);
  request.url = url + std::string(path);
  if (addresses) addresses->Sign(request);
  if (!addresses && !token.empty()) request.headers.add(std::string(kInternalTokenHeader), token);
  if (!trace.empty()) request.headers.add("traceparent", trace);
  return request;
}

Result<ClientRequest> RemoteFiles::put(const ObjectKey& key, const ObjectMeta& meta) const {
  const auto where = path(key);
  if (!where) return std::unexpected(where.error());
  ClientRequest put = request("PUT", *where);
  put.headers.add("Content-Type", meta.content_type);
  put.headers.add(std::string(kOriginalFilenameHeader), PercentEncode(meta.filename));
  if (meta.read_only) put.headers.add(std::string(kReadOnlyHeader), "true");
  return put;
}

asio::awaitable<Result<std::string>> RemoteFiles::call(std::string method, std::string path) const {
  const std::string what = method + " " + path;
  auto answer = co_await client->fetch(request(std::move(method), path), kLargestAnswer);
  if (!answer) co_return std::unexpected(connection_error(answer.error()));
  if (answer->status != 200) co_return std::unexpected(answer_error(what, answer->status, answer->headers));
  co_return std::move(answer->body);
}

asio::awaitable<Result<std::string>> RemoteFiles::call(std::string method, ObjectKey key,
                                                       std::string_view more) const {
  const auto where = path(key);
  if (!where) co_return std::unexpected(where.error());
  co_return co_await call(std::move(method), *where + std::string(more));
}

asio::awaitable<Result<ObjectInfo>> RemoteFiles::stat(const ObjectKey& key) const {
  const auto body = co_await call("GET", key, "/metadata");
  if (!body) co_return std::unexpected(body.error());
  boost::system::error_code bad;
  auto info = ParseObjectJson(json::parse(*body, bad));
  if (info && info->key != key) co_return Senseless("the metadata of " + ObjectPath(key));
  co_return info;
}

std::string ObjectPath(const ObjectKey& key) {
  return "/sessions/" + key.session + "/objects/" + key.id;
}

Error RemoteFiles::connection_error(Error error) const {
  if (error.code != ErrorCode::kInvalid) error.code = ErrorCode::kUnavailable;
  error.message.insert(0, who + ": ");
  return error;
}

Error RemoteFiles::answer_error(const std::string& what, int status, const Headers& headers) const {
  const std::string message = who + " answers " + what + " with " + std::to_string(status);
  switch (status) {
    case 400:
      return {ErrorCode::kInvalid, message};
    case 401:
    case 403:
      break;
    case 404:
      return {ErrorCode::kNotFound, message};
    case 409:
      return {ErrorCode::kConflict, message};
    case 413:
      return {ErrorCode::kTooLarge, message};
    default:
      return {ErrorCode::kUnavailable, message};
  }
  if (!addresses)
    return {ErrorCode::kUnavailable, message + ": its CODEAPI_INTERNAL_SERVICE_TOKEN is not ours"};
  const std::string_view why = headers.get(kRefusalHeader);
  return {why == "scope_mismatch" ? ErrorCode::kForbidden : ErrorCode::kUnavailable,
          message + ": " + std::string(why)};
}

std::unexpected<Error> Senseless(const std::string& what) {
  return Fail(ErrorCode::kUnavailable, "the file server's answer cannot be understood: " + what);
}

Result<ObjectInfo> ParseObjectJson(const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr) return Senseless("an object");
  const json::string* session = TextOf(*object, "storage_session_id");
  const json::string* id = TextOf(*object, "id");
  const json::string* filename = TextOf(*object, "filename");
  const json::string* type = TextOf(*object, "contentType");
  const json::string* etag = TextOf(*object, "etag");
  const json::string* modified = TextOf(*object, "lastModified");
  const json::value* size = object->if_contains("size");
  if (!session || !id || !filename || !type || !etag || !modified || !size) return Senseless("an object");
  const auto time = ParseIsoTime(*modified);
  boost::system::error_code bad;
  const auto bytes = size->to_number<std::uint64_t>(bad);
  if (!time || bad) return Senseless("an object");
  return Checked({.key = {std::string(*session), std::string(*id)},
                  .meta = {std::string(*filename), std::string(*type), IsReadOnly(*object)},
                  .size = bytes,
                  .last_modified = *time,
                  .etag = std::string(*etag)});
}

Result<ObjectInfo> ParseObjectHeaders(const ObjectKey& key, const Headers& headers) {
  ObjectInfo info{.key = key};
  const std::string_view length = headers.get("Content-Length");
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), info.size);
  const auto time = ParseIsoTime(headers.get(kLastModifiedHeader));
  std::string_view etag = headers.get("ETag");
  if (error != std::errc() || end != length.data() + length.size() || !time || etag.size() < 2) {
    return Senseless("the headers of " + ObjectPath(key));
  }
  info.last_modified = *time;
  info.etag = etag.substr(1, etag.size() - 2);
  info.meta.filename = PercentDecode(headers.get(kOriginalFilenameHeader));
  info.meta.content_type = headers.get("Content-Type");
  info.meta.read_only = headers.get(kReadOnlyHeader) == "true";
  return Checked(std::move(info));
}

}  // namespace codeapi
