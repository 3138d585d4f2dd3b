#include "store/object_store.h"

#include <algorithm>

#include "base/ids.h"
#include "base/text.h"

namespace codeapi {

Result<void> CheckObjectKey(const ObjectKey& key) {
  if (!IsId(key.session)) return Fail(ErrorCode::kInvalid, "storage session is not an id");
  if (!IsId(key.id)) return Fail(ErrorCode::kInvalid, "object is not an id");
  return {};
}

Result<void> CheckObjectMeta(const ObjectMeta& meta) {
  if (meta.filename.size() > kMaxObjectFilename) return Fail(ErrorCode::kInvalid, "file name is too long");
  if (meta.filename.find('\0') != std::string::npos || !IsUtf8(meta.filename)) {
    return Fail(ErrorCode::kInvalid, "file name is not well-formed UTF-8");
  }
  if (meta.content_type.size() > kMaxObjectContentType) {
    return Fail(ErrorCode::kInvalid, "content type is too long");
  }
  // It comes back as a header: a line break in it would let its author write headers of their own.
  if (!std::ranges::all_of(meta.content_type, [](char c) { return c >= 0x20 && c <= 0x7e; })) {
    return Fail(ErrorCode::kInvalid, "content type is not printable ASCII");
  }
  return {};
}

Result<void> CheckSessionPage(const std::string& after, std::size_t limit) {
  if (!after.empty() && !IsId(after)) return Fail(ErrorCode::kInvalid, "storage session is not an id");
  if (limit < 1 || limit > 1000) return Fail(ErrorCode::kInvalid, "bad number of storage sessions");
  return {};
}

}  // namespace codeapi
