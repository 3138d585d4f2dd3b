// How an object of ours lies in an S3 bucket: its key, its headers, its metadata.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/http_message.h"
#include "store/object_store.h"

namespace codeapi {

/// `<session>/<id>`.
std::string S3Key(const ObjectKey& key);

/// The other way round; nothing for a key that is not ours.
std::optional<ObjectKey> ParseS3Key(std::string_view key);

/// Content-Type and metadata. The names are those of the service we stand in for; the file name is in base64,
/// since a header holds no UTF-8. `writer` tells our own object from one that somebody else wrote meanwhile.
Headers S3ObjectHeaders(const ObjectMeta& meta, const std::string& writer);

/// What the headers of a GET or HEAD say. kInternal if they make no sense.
Result<ObjectInfo> ParseS3Object(const ObjectKey& key, const Headers& headers);

/// Who wrote the object, as given to S3ObjectHeaders(); empty for what others wrote.
std::string_view S3MarkOf(const Headers& headers);

/// An ETag without quotes and weakness.
std::string ParseEtag(std::string_view value);

}  // namespace codeapi
