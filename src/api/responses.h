// Answers that several routes give.
#pragma once

#include <cstdint>
#include <string_view>

#include "net/http_message.h"

namespace codeapi {

/// 503 with Retry-After: a part we depend on is away; asking again may help.
Response RetryLater(std::string_view error = "Service is temporarily unavailable");

/// `{"error":…,"message":…}`.
Response NamedError(int status, std::string_view error, std::string_view message);

/// 404 as clients of files know it: they take it as "gone for good" and forget the file.
Response FileNotFound();

}  // namespace codeapi
