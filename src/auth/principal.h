// Who asks, and what that entitles them to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace codeapi {

/// Who vouched for a caller.
enum class PrincipalSource {
  kNone,          ///< nobody: local mode, or authentication is switched off
  kLibreChatJwt,  ///< LibreChat, for a user with an account of its own
  kOpenIdReuse,   ///< LibreChat, for a user it knows from an OpenID provider
  kApiKey,        ///< a key of ours
  kSynthetic,     ///< a monitor's shared token
};

/// The name of a source as tokens and logs spell it: `none`, `librechat_jwt`, `openid_reuse`, `api_key`,
/// `synthetic_test`.
std::string_view SourceName(PrincipalSource source);

/// An authenticated caller. Tenant and user satisfy IsPrincipalId.
struct Principal {
  std::string tenant;
  std::string user;
  std::string plan;  ///< which limits apply; empty: the default ones
  PrincipalSource source = PrincipalSource::kNone;

  /// Opaque; equal in all requests that one programmatic execution is made of. Empty in local mode.
  std::string auth_context_hash;

  /// Of the API key that was used, for logs; otherwise empty.
  std::string key_id;

  /// Local mode: everyone is this one user.
  static Principal Local() { return {.tenant = "local", .user = "local-test-user", .plan = "local-plan"}; }
};

/// Bytes of a tenant's, a user's or a plan's name.
inline constexpr std::size_t kMaxPrincipalId = 256;

/// Whether `id` can name a tenant, a user or a plan: 1 to kMaxPrincipalId bytes of well-formed UTF-8 that are
/// not all spaces, without control characters. Identity providers issue all sorts of names, so nothing more
/// is asked; whatever a name is pasted into has to keep it apart from its neighbours.
bool IsPrincipalId(std::string_view id);

/// Whose files a reference, an upload or a query means.
struct ResourceScope {
  std::string kind = "user";             ///< user, agent or skill
  std::string id;                        ///< agent or skill id; means nothing for user
  std::optional<std::uint64_t> version;  ///< of a skill
};

/// Whether `id` can name a user, an agent or a skill: 1 to 128 of [A-Za-z0-9_.:-].
bool IsResourceId(std::string_view id);

/// The session key: the owner of a storage session. `<tenant>:user:<user>`, `<tenant>:agent:<id>` or
/// `<tenant>:skill:<id>:v:<version>`. For `user` the id is ignored and the caller's own is used, since
/// clients send a copy of the file's id there. `:` and `%` in a tenant's name are percent-encoded, so two
/// owners never share a key. At most 4 * kMaxPrincipalId + 6 bytes. kInvalid for an unknown kind, an id that
/// IsResourceId refuses, and for a version that is missing for a skill or present otherwise.
Result<std::string> SessionKey(const Principal& principal, const ResourceScope& scope);

/// SessionKey of the caller itself: one text per caller. Never fails.
std::string UserKey(const Principal& principal);

}  // namespace codeapi
