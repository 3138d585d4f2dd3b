#include "auth/principal.h"

#include <algorithm>

namespace codeapi {
namespace {

constexpr std::size_t kMaxResourceId = 128;

}  // namespace

// A colon also separates the parts of a session key. That is safe: the kind stands before the id, and a
// skill's key ends in a number, so no two owners share a key.
bool IsResourceId(std::string_view id) {
  return !id.empty() && id.size() <= kMaxResourceId && std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_.:-").find(c) != std::string_view::npos;
  });
}

Result<std::string> SessionKey(const Principal& principal, const ResourceScope& scope) {
  if (scope.kind != "user" && scope.kind != "agent" && scope.kind != "skill") {
    return Fail(ErrorCode::kInvalid, "kind must be one of: skill, agent, user");
  }
  if (scope.version.has_value() != (scope.kind == "skill")) {
    return Fail(ErrorCode::kInvalid, scope.kind == "skill" ? "version is required for kind: 'skill'"
                                                           : "version is only valid for kind: 'skill'");
  }
  if (scope.kind == "user") return principal.tenant + ":user:" + principal.user;
  if (!IsResourceId(scope.id)) return Fail(ErrorCode::kInvalid, "bad resource id");
  std::string key = principal.tenant + ":" + scope.kind + ":" + scope.id;
  if (scope.version) key += ":v:" + std::to_string(*scope.version);
  return key;
}

}  // namespace codeapi
