// Who asks, and what that entitles them to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace codeapi {

/// An authenticated caller.
struct Principal {
  std::string tenant;
  std::string user;

  /// Local mode: everyone is this one user.
  static Principal Local() { return {"local", "local-test-user"}; }
};

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
/// clients send a copy of the file's id there. kInvalid for an unknown kind, an id that IsResourceId refuses,
/// and for a version that is missing for a skill or present otherwise.
Result<std::string> SessionKey(const Principal& principal, const ResourceScope& scope);

}  // namespace codeapi
