// What stands in a log for what should not.
#pragma once

#include <string>
#include <string_view>

namespace codeapi {

/// The first 16 characters of the SHA-256 of `text` in base64url: tells whether two lines are about the same
/// tenant, and not which. Empty for an empty text. Thread-safe.
std::string LogHash(std::string_view text);

}  // namespace codeapi
