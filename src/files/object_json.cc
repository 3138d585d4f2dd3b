#include "files/object_json.h"

#include <boost/json/object.hpp>

#include "base/text.h"
#include "files/times.h"

namespace codeapi {
namespace {

namespace json = boost::json;

// As node's path.extname has it: nothing for `.bashrc` and `..`, `.` for `name.`.
std::string_view ExtensionOf(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || name == "..") return {};
  return name.substr(dot);
}

// A store that others write to as well may hold any bytes; JSON is UTF-8.
std::string FileName(const ObjectInfo& info) {
  return ToUtf8Lossy(info.meta.filename);
}

void AddIdentity(json::object& object, const ObjectInfo& info) {
  object["fileId"] = info.key.id;
  object["id"] = info.key.id;
  object["storage_session_id"] = info.key.session;
  object["filename"] = FileName(info);
}

json::object Summary(const ObjectInfo& info) {
  json::object object{{"name", ObjectName(info)},
                      {"size", info.size},
                      {"lastModified", IsoTime(info.last_modified)},
                      {"etag", info.etag}};
  AddIdentity(object, info);
  return object;
}

json::object Full(const ObjectInfo& info) {
  json::object metadata{{"content-type", info.meta.content_type},
                        {"original-filename", FileName(info)},
                        {"original-filename-encoded", "none"}};
  if (info.meta.read_only) metadata["read-only"] = "true";
  json::object object = Summary(info);
  object["metadata"] = std::move(metadata);
  object["versionId"] = nullptr;
  object["contentType"] = info.meta.content_type;
  return object;
}

json::object Normalized(const ObjectInfo& info) {
  json::object object{{"name", FileName(info)},
                      {"size", info.size},
                      {"contentType", info.meta.content_type},
                      {"lastModified", IsoTime(info.last_modified)}};
  if (info.meta.read_only) object["read_only"] = true;
  AddIdentity(object, info);
  return object;
}

}  // namespace

Detail ParseDetail(std::string_view text) {
  if (text == "summary") return Detail::kSummary;
  if (text == "full") return Detail::kFull;
  if (text == "normalized") return Detail::kNormalized;
  return Detail::kSimple;
}

std::string ObjectName(const ObjectInfo& info) {
  const std::string name = FileName(info);
  return info.key.session + "/" + info.key.id + std::string(ExtensionOf(name));
}

json::value ObjectJson(const ObjectInfo& info, Detail detail) {
  switch (detail) {
    case Detail::kSimple:
      return json::value(ObjectName(info));
    case Detail::kSummary:
      return Summary(info);
    case Detail::kFull:
      return Full(info);
    case Detail::kNormalized:
      return Normalized(info);
  }
  return nullptr;
}

json::value MetadataJson(const ObjectInfo& info) {
  json::object object{{"name", ObjectName(info)},
                      {"originalFilename", FileName(info)},
                      {"size", info.size},
                      {"lastModified", IsoTime(info.last_modified)},
                      {"etag", info.etag},
                      {"contentType", info.meta.content_type},
                      {"readOnly", info.meta.read_only}};
  AddIdentity(object, info);
  return object;
}

}  // namespace codeapi
