#include "store/s3_object.h"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/ids.h"
#include "base/text.h"
#include "store/http_time.h"

namespace codeapi {
namespace {

constexpr std::string_view kFilename = "X-Amz-Meta-Original-Filename";
constexpr std::string_view kFilenameEncoded = "X-Amz-Meta-Original-Filename-Encoded";
constexpr std::string_view kReadOnly = "X-Amz-Meta-Read-Only";
constexpr std::string_view kWriter = "X-Amz-Meta-Codeapi-Writer";
// S3 makes up a type for an object without one.
constexpr std::string_view kNoType = "X-Amz-Meta-Codeapi-No-Type";

std::string Base64(std::string_view data) {
  std::string out(4 * ((data.size() + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(data.data()), static_cast<int>(data.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::optional<std::string> FromBase64(std::string_view text) {
  if (text.size() % 4 != 0 || text.size() > 4096) return std::nullopt;
  std::string out(text.size(), '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  const auto padding = static_cast<std::size_t>(
      std::ranges::count(text.substr(text.size() - std::min<std::size_t>(2, text.size())), '='));
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

Result<std::string> Filename(const Headers& headers) {
  const std::string_view value = headers.get(kFilename);
  if (headers.get(kFilenameEncoded) != "base64") return std::string(value);
  auto name = FromBase64(value);
  if (!name) return Fail(ErrorCode::kInternal, "its file name is not base64");
  return std::move(*name);
}

}  // namespace

std::string S3Key(const ObjectKey& key) {
  return key.session + "/" + key.id;
}

std::optional<ObjectKey> ParseS3Key(std::string_view key) {
  if (key.size() != 2 * kIdLength + 1 || key[kIdLength] != '/') return std::nullopt;
  ObjectKey parsed{std::string(key.substr(0, kIdLength)), std::string(key.substr(kIdLength + 1))};
  if (!CheckObjectKey(parsed)) return std::nullopt;
  return parsed;
}

Headers S3ObjectHeaders(const ObjectMeta& meta, const std::string& writer) {
  Headers headers;
  headers.add("Content-Type", meta.content_type.empty() ? "application/octet-stream" : meta.content_type);
  if (meta.content_type.empty()) headers.add(std::string(kNoType), "true");
  if (!meta.filename.empty()) {
    headers.add(std::string(kFilename), Base64(meta.filename));
    headers.add(std::string(kFilenameEncoded), "base64");
  }
  if (meta.read_only) headers.add(std::string(kReadOnly), "true");
  headers.add(std::string(kWriter), writer);
  return headers;
}

Result<ObjectInfo> ParseS3Object(const ObjectKey& key, const Headers& headers) {
  const auto fail = [&](const std::string& why) {
    return Fail(ErrorCode::kInternal, "S3: object " + S3Key(key) + ": " + why);
  };
  ObjectInfo info{.key = key};
  const std::string_view size = headers.get("Content-Length");
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), info.size);
  if (error != std::errc() || end != size.data() + size.size()) return fail("it has no length");
  const auto modified = ParseHttpDate(headers.get("Last-Modified"));
  if (!modified) return fail("it has no time");
  info.last_modified = *modified;
  info.etag = ParseEtag(headers.get("ETag"));
  if (info.etag.empty()) return fail("it has no ETag");
  auto filename = Filename(headers);
  if (!filename) return fail(filename.error().message);
  info.meta.filename = std::move(*filename);
  if (headers.get(kNoType) != "true") info.meta.content_type = headers.get("Content-Type");
  info.meta.read_only = AsciiLower(headers.get(kReadOnly)) == "true";
  if (auto checked = CheckObjectMeta(info.meta); !checked) return fail(checked.error().message);
  return info;
}

std::string_view S3MarkOf(const Headers& headers) {
  return headers.get(kWriter);
}

std::string ParseEtag(std::string_view value) {
  if (value.starts_with("W/")) value.remove_prefix(2);
  if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"'))
    value = value.substr(1, value.size() - 2);
  const bool sane = value.size() <= 128 &&
                    std::ranges::all_of(value, [](char c) { return c > 0x20 && c < 0x7f && c != '"'; });
  return sane ? std::string(value) : std::string();
}

}  // namespace codeapi
