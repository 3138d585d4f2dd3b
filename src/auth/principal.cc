#include "auth/principal.h"

#include <algorithm>

#include "base/text.h"

namespace codeapi {
namespace {

constexpr std::size_t kMaxResourceId = 128;

// What stands before the first colon of a session key. Only these two characters change, so the keys of
// ordinary tenants are those of the services we stand in for.
std::string TenantSegment(std::string_view tenant) {
  std::string out;
  out.reserve(tenant.size());
  for (const char c : tenant) {
    if (c == ':') {
      out += "%3A";
    } else if (c == '%') {
      out += "%25";
    } else {
      out += c;
    }
  }
  return out;
}

// C0, DEL, and C1 in its UTF-8 form.
bool HasControlCharacter(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7F) return true;
    if (c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) return true;
  }
  return false;
}

}  // namespace

std::string_view SourceName(PrincipalSource source) {
  switch (source) {
    case PrincipalSource::kLibreChatJwt:
      return "librechat_jwt";
    case PrincipalSource::kOpenIdReuse:
      return "openid_reuse";
    case PrincipalSource::kApiKey:
      return "api_key";
    case PrincipalSource::kSynthetic:
      return "synthetic_test";
    case PrincipalSource::kNone:
      break;
  }
  return "none";
}

bool IsPrincipalId(std::string_view id) {
  return id.size() <= kMaxPrincipalId && id.find_first_not_of(' ') != std::string_view::npos && IsUtf8(id) &&
         !HasControlCharacter(id);
}

// A colon also separates the parts of a session key. That is safe: a tenant has none there, the kind stands
// before the id, and a skill's key ends in a number, so no two owners share a key.
bool IsResourceId(std::string_view id) {
  return !id.empty() && id.size() <= kMaxResourceId && std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_.:-").find(c) != std::string_view::npos;
  });
}

std::string UserKey(const Principal& principal) {
  return TenantSegment(principal.tenant) + ":user:" + principal.user;
}

Result<std::string> SessionKey(const Principal& principal, const ResourceScope& scope) {
  if (scope.kind != "user" && scope.kind != "agent" && scope.kind != "skill") {
    return Fail(ErrorCode::kInvalid, "kind must be one of: skill, agent, user");
  }
  if (scope.version.has_value() != (scope.kind == "skill")) {
    return Fail(ErrorCode::kInvalid, scope.kind == "skill" ? "version is required for kind: 'skill'"
                                                           : "version is only valid for kind: 'skill'");
  }
  if (scope.kind == "user") return UserKey(principal);
  if (!IsResourceId(scope.id)) return Fail(ErrorCode::kInvalid, "bad resource id");
  std::string key = TenantSegment(principal.tenant) + ":" + scope.kind + ":" + scope.id;
  if (scope.version) key += ":v:" + std::to_string(*scope.version);
  return key;
}

}  // namespace codeapi
