// Whose a storage session is.
#pragma once

#include <string>

namespace codeapi {

/// The StateStore key under which the session key (principal.h) of a storage session's owner is kept. It
/// lives as long as the session's files may be used; the janitor removes them some time after.
inline std::string OwnerKey(const std::string& session) {
  return "session:" + session;
}

}  // namespace codeapi
