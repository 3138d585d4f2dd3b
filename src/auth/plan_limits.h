// What a plan allows beyond, or below, what everyone gets.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/result.h"
#include "base/settings.h"

namespace codeapi {

/// The limits of one caller.
struct Plan {
  std::int64_t run_memory_limit = 0;  ///< bytes, of one execution
  std::int64_t max_file_size = 0;     ///< bytes of one uploaded file
};

/// Immutable; thread-safe.
class PlanLimits {
 public:
  /// Reads CODEAPI_PLAN_LIMITS: `{"<plan>": {"run_memory_limit": bytes, "max_file_size": bytes}}`, both
  /// optional. Memory is 16 MiB to 1 TiB, a file's size 1 byte to 1 TiB, whole numbers. What else a plan has
  /// is logged and ignored, and so is a plan called `default`, whose limits are SANDBOX_RUN_MEMORY_LIMIT and
  /// MAX_FILE_SIZE. kInvalid, naming the setting, for all else.
  static Result<PlanLimits> Parse(const Settings& settings, Log& log);

  /// The limits of a plan; those of everyone for one that is not listed, or has no name.
  Plan For(std::string_view plan) const;

 private:
  Plan default_;
  std::map<std::string, Plan, std::less<>> plans_;
};

}  // namespace codeapi
