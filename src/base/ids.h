// Public ids: 21 characters of [A-Za-z0-9_-], as nanoid makes them. LibreChat refuses anything else in its
// download route, so every id that leaves the service has this shape.
#pragma once

#include <string>
#include <string_view>

namespace codeapi {

inline constexpr std::size_t kIdLength = 21;

/// A fresh id with 126 bits from the kernel's generator. Thread-safe.
std::string NewId();

/// Whether `text` has the shape of an id. Says nothing of whether it exists.
bool IsId(std::string_view text);

}  // namespace codeapi
