// The metadata of an object as it stands in a file beside the data: one line of JSON with a version.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/object_store.h"

namespace codeapi {

inline constexpr std::size_t kMaxObjectMetaFile = 16 * 1024;  ///< bytes; no valid file is larger

/// `info` as text, without its key. The key is the file's name and is not repeated.
std::string EncodeObjectMeta(const ObjectInfo& info);

/// The reverse, for the object `key`. kInternal for anything EncodeObjectMeta cannot have written, a later
/// version's text included.
Result<ObjectInfo> DecodeObjectMeta(ObjectKey key, std::string_view text);

}  // namespace codeapi
