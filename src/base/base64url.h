// Base64 with the alphabet of URLs and without padding (RFC 7515, appendix C).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace codeapi {

/// `bytes` in [A-Za-z0-9_-].
std::string EncodeBase64Url(std::string_view bytes);

/// The bytes, or nothing unless `text` is exactly what EncodeBase64Url gives for them: no padding, no spaces,
/// no stray bits at the end. So a text that was signed has one spelling only.
std::optional<std::string> DecodeBase64Url(std::string_view text);

}  // namespace codeapi
