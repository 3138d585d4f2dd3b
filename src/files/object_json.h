// Stored files as JSON. The public API and the file server answer the same shapes.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "store/object_store.h"

namespace codeapi {

/// How much a listing says of each object.
enum class Detail { kSimple, kSummary, kFull, kNormalized };

/// The query parameter `detail`: simple, summary, full or normalized; anything else is simple, as in the
/// reference.
Detail ParseDetail(std::string_view text);

/// `<session>/<id><extension of the file name>`: what the reference calls an object's name. LibreChat takes
/// the id out of it.
std::string ObjectName(const ObjectInfo& info);

/// One element of a listing.
///
///     simple      "<session>/<id>.<ext>"
///     summary     {name, size, lastModified, etag}
///     full        summary and {metadata: {content-type, original-filename, original-filename-encoded:
///     "none",
///                 read-only?: "true"}, versionId: null, contentType}
///     normalized  {id, name, storage_session_id, size, contentType, lastModified, read_only?: true}
///
/// `name` is ObjectName(), in normalized the file name. More than the reference: every object also has
/// fileId, id, storage_session_id and filename, without which LibreChat's look whether a file still exists
/// fails.
boost::json::value ObjectJson(const ObjectInfo& info, Detail detail);

/// The metadata of one object: {name, originalFilename, size, lastModified, etag, contentType, readOnly}, and
/// the same four.
boost::json::value MetadataJson(const ObjectInfo& info);

}  // namespace codeapi
