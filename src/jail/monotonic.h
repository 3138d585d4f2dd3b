// The clock that init measures with.
#pragma once

#include <time.h>

#include <cstdint>

namespace codeapi {

/// Microseconds of the monotonic clock.
inline std::uint64_t NowMicros() {
  timespec t{};
  static_cast<void>(::clock_gettime(CLOCK_MONOTONIC, &t));  // cannot fail with these arguments
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(t.tv_nsec) / 1000;
}

}  // namespace codeapi
