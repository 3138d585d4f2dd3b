// Points in time as the interfaces of stored files spell them. All in UTC, with English names.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace codeapi {

/// `2026-01-02T03:04:05.678Z`, as JavaScript's Date has it.
std::string IsoTime(std::chrono::system_clock::time_point time);

/// What IsoTime() writes, and nothing else, for the years 1678 to 2261: the clock counts nanoseconds and
/// knows no others.
std::optional<std::chrono::system_clock::time_point> ParseIsoTime(std::string_view text);

/// `Fri, 02 Jan 2026 03:04:05 GMT`, for HTTP headers; a fraction of a second is dropped.
std::string HttpTime(std::chrono::system_clock::time_point time);

}  // namespace codeapi
