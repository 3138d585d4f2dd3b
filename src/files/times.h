// Points in time as the interfaces of stored files spell them. store/http_time.h reads them.
#pragma once

#include <chrono>
#include <string>

namespace codeapi {

/// `2026-01-02T03:04:05.678Z`, as JavaScript's Date has it.
std::string IsoTime(std::chrono::system_clock::time_point time);

/// `Fri, 02 Jan 2026 03:04:05 GMT`, for HTTP headers; a fraction of a second is dropped.
std::string HttpTime(std::chrono::system_clock::time_point time);

}  // namespace codeapi
