// The one program that runs without anybody having asked for it: it shows that programs run.
#pragma once

#include <cstdint>
#include <string_view>

namespace codeapi {

inline constexpr std::string_view kCanaryRuntime = "bash";
inline constexpr std::string_view kCanaryName = "canary.sh";
inline constexpr std::string_view kCanaryCode = "echo alive\n";
inline constexpr std::string_view kCanaryOutput = "alive\n";
inline constexpr std::uint64_t kCanaryMillis = 10'000;  ///< of wall and of CPU time
inline constexpr std::uint64_t kCanaryMemory = 128ull << 20;

}  // namespace codeapi
