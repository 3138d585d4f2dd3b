#include <algorithm>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/ids.h"
#include "base/text.h"
#include "files/file_routes.h"
#include "files/object_json.h"
#include "net/multipart.h"

namespace codeapi {
namespace {

namespace json = boost::json;

constexpr std::string_view kTrouble = "Error uploading file.";
constexpr std::size_t kPiece = 64uz * 1024;

// As the reference does it with decodeURIComponent: a name that is not encoded, though it has a percent sign,
// is meant as it is.
std::string DecodeName(std::string_view text) {
  std::string decoded = PercentDecode(text);
  const auto escapes = static_cast<std::size_t>(std::ranges::count(text, '%'));
  const bool whole = decoded.size() + 2 * escapes == text.size();
  return whole && IsUtf8(decoded) ? std::move(decoded) : std::string(text);
}

bool IsReadOnly(const Request& request) {
  return AsciiLower(request.header(kReadOnlyHeader)) == "true";
}

// An error and whose it is: a client's broken body is not the store's failure.
struct UploadError {
  Error error;
  bool from_body = false;
};

template <typename T>
std::expected<T, UploadError> FromStore(Result<T> result) {
  if (result) return std::move(*result);
  return std::unexpected(UploadError{std::move(result.error()), false});
}

Response UploadErrorResponse(const FileServerContext& files, const ObjectKey& key,
                             const UploadError& failure) {
  if (!failure.from_body) return StoreError(files, key, failure.error, "", kTrouble);
  switch (failure.error.code) {
    case ErrorCode::kTooLarge:
      return ErrorResponse(413, "The form is too large");
    case ErrorCode::kDeadline:
      return ErrorResponse(408, "The body did not arrive in time");
    case ErrorCode::kInternal:
      return ErrorResponse(500, kTrouble);
    default:
      return ErrorResponse(400, "Bad request");
  }
}

// Moves what `source` reads into a new object. Unless all of it arrived, nothing is visible.
template <typename Source>
asio::awaitable<std::expected<ObjectInfo, UploadError>> Store(const FileServerContext& files, ObjectKey key,
                                                              ObjectMeta meta, Source& source) {
  auto writer = co_await files.objects.create(std::move(key), std::move(meta));
  if (!writer) co_return std::unexpected(UploadError{writer.error(), false});
  std::vector<char> piece(kPiece);
  while (true) {
    const Result<std::size_t> got = co_await source.read(piece);
    if (!got) co_return std::unexpected(UploadError{got.error(), true});
    if (*got == 0) break;
    const auto written = co_await (*writer)->write(std::span(piece).first(*got));
    if (!written) co_return std::unexpected(UploadError{written.error(), false});
  }
  auto info = FromStore(co_await (*writer)->commit());
  if (info) files.metrics.counter("codeapi_file_uploads_total", "Objects stored").Increment();
  co_return info;
}

// `<id>___<name>`, percent-encoded; without the three underscores it is an id alone. An id may have
// underscores too, even three of them or one at its end, so it is its length that tells where it ends.
std::pair<std::string, std::string> SplitName(std::string_view text) {
  constexpr std::string_view kBetween = "___";
  const std::string decoded = DecodeName(text);
  if (decoded.size() <= kIdLength || !std::string_view(decoded).substr(kIdLength).starts_with(kBetween)) {
    return {decoded, ""};
  }
  return {decoded.substr(0, kIdLength), decoded.substr(kIdLength + kBetween.size())};
}

asio::awaitable<std::expected<void, UploadError>> StoreForm(const FileServerContext& files,
                                                            const std::string& session, Request& request,
                                                            std::vector<ObjectInfo>& stored) {
  auto form = MultipartReader::Open(request.body, request.header("Content-Type"));
  if (!form) co_return std::unexpected(UploadError{form.error(), true});
  while (true) {
    auto part = co_await form->next();
    if (!part) co_return std::unexpected(UploadError{part.error(), true});
    if (!*part) co_return std::expected<void, UploadError>{};
    if (!(*part)->filename) continue;
    auto [id, name] = SplitName(*(*part)->filename);
    ObjectMeta meta{std::move(name), std::move((*part)->content_type), IsReadOnly(request)};
    auto info = co_await Store(files, {session, std::move(id)}, std::move(meta), *form);
    if (!info) co_return std::unexpected(info.error());
    stored.push_back(std::move(*info));
  }
}

}  // namespace

asio::awaitable<Response> HandlePutObject(const FileServerContext& files, Request& request) {
  auto key = KeyOf(request);
  if (!key) co_return ErrorResponse(400, "Bad request");
  if (!request.headers.has(kOriginalFilenameHeader) || !request.headers.has("Content-Type")) {
    co_return ErrorResponse(400, "Missing required headers");
  }
  ObjectMeta meta{DecodeName(request.header(kOriginalFilenameHeader)),
                  std::string(request.header("Content-Type")), IsReadOnly(request)};
  const auto info = co_await Store(files, *key, std::move(meta), request.body);
  if (!info) co_return UploadErrorResponse(files, *key, info.error());
  co_return JsonResponse(200, MetadataJson(*info));
}

asio::awaitable<Response> HandlePostObjects(const FileServerContext& files, Request& request) {
  const std::string session(request.params.get("session"));
  if (!IsId(session)) co_return ErrorResponse(400, "Bad request");
  std::vector<ObjectInfo> stored;
  const auto done = co_await StoreForm(files, session, request, stored);
  if (!done) {
    // Half a form would be files that nobody knows of.
    for (const ObjectInfo& info : stored) (void)co_await files.objects.remove(info.key);
    co_return UploadErrorResponse(files, {session, ""}, done.error());
  }
  json::array list;
  for (const ObjectInfo& info : stored) {
    list.push_back(json::object{{"filename", info.meta.filename}, {"fileId", info.key.id}});
  }
  co_return JsonResponse(
      200, json::object{{"message", "success"}, {"storage_session_id", session}, {"files", std::move(list)}});
}

}  // namespace codeapi
