// Times as S3 and STS write them.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace codeapi {

/// "Wed, 21 Oct 2015 07:28:00 GMT", as in Last-Modified and Date. Nothing for any other form.
std::optional<std::chrono::system_clock::time_point> ParseHttpDate(std::string_view text);

/// "2015-10-21T07:28:00Z", with or without a fraction of the second (kept to the millisecond). Nothing else.
std::optional<std::chrono::system_clock::time_point> ParseIsoTime(std::string_view text);

}  // namespace codeapi
