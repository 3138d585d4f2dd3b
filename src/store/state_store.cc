#include "store/state_store.h"

namespace codeapi {

Result<void> CheckStateKey(std::string_view key) {
  if (key.empty()) return Fail(ErrorCode::kInvalid, "state key is empty");
  if (key.size() > kMaxStateKey) return Fail(ErrorCode::kInvalid, "state key is too long");
  return {};
}

Result<void> CheckStateEntry(std::string_view key, std::string_view value, StateTtl ttl) {
  if (auto checked = CheckStateKey(key); !checked) return checked;
  if (value.size() > kMaxStateValue) return Fail(ErrorCode::kTooLarge, "state value is too large");
  if (ttl && (ttl->count() < 1 || *ttl > kMaxStateTtl)) {
    return Fail(ErrorCode::kInvalid, "state TTL is out of range");
  }
  return {};
}

}  // namespace codeapi
