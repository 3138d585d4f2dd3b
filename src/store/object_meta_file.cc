#include "store/object_meta_file.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include <boost/json.hpp>

namespace codeapi {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::system_clock;

constexpr std::int64_t kVersion = 1;

std::unexpected<Error> Damaged(const ObjectKey& key, const char* why) {
  return Fail(ErrorCode::kInternal,
              "metadata of object " + key.session + "/" + key.id + " is damaged: " + why);
}

bool IsSha256Hex(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

std::string EncodeObjectMeta(const ObjectInfo& info) {
  const auto modified = std::chrono::duration_cast<milliseconds>(info.last_modified.time_since_epoch());
  return json::serialize(json::object{
             {"version", kVersion},
             {"filename", info.meta.filename},
             {"content_type", info.meta.content_type},
             {"read_only", info.meta.read_only},
             {"size", info.size},
             {"etag", info.etag},
             {"modified_ms", static_cast<std::int64_t>(modified.count())},
         }) +
         "\n";
}

Result<ObjectInfo> DecodeObjectMeta(ObjectKey key, std::string_view text) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error, {}, json::parse_options{.max_depth = 4});
  const json::object* object = error ? nullptr : value.if_object();
  if (object == nullptr) return Damaged(key, "not a JSON object");
  const auto field = [&](const char* name) {
    static const json::value kNone;
    const json::value* found = object->if_contains(name);
    return found != nullptr ? found : &kNone;
  };
  const std::int64_t* version = field("version")->if_int64();
  if (version == nullptr || *version != kVersion) return Damaged(key, "unknown version");
  const json::string* filename = field("filename")->if_string();
  const json::string* content_type = field("content_type")->if_string();
  const bool* read_only = field("read_only")->if_bool();
  const std::int64_t* size = field("size")->if_int64();
  const json::string* etag = field("etag")->if_string();
  const std::int64_t* modified = field("modified_ms")->if_int64();
  if (!filename || !content_type || !read_only || !size || !etag || !modified) {
    return Damaged(key, "a field is missing");
  }
  // A system_clock counts nanoseconds in 64 bits: more milliseconds than this do not fit.
  constexpr std::int64_t kMaxModified =
      std::chrono::duration_cast<milliseconds>(system_clock::duration::max()).count();
  if (*size < 0 || *modified < 0 || *modified > kMaxModified || !IsSha256Hex(*etag)) {
    return Damaged(key, "a field is out of range");
  }
  ObjectInfo info{.key = std::move(key),
                  .meta = {std::string(*filename), std::string(*content_type), *read_only},
                  .size = static_cast<std::uint64_t>(*size),
                  .last_modified = system_clock::time_point(milliseconds(*modified)),
                  .etag = std::string(*etag)};
  if (!CheckObjectMeta(info.meta)) return Damaged(info.key, "a name breaks the rules");
  return info;
}

}  // namespace codeapi
