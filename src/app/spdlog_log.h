// The log of every role: one JSON object per line on stderr, or plain text for a person at a terminal.
#pragma once

#include <memory>

#include "base/log.h"
#include "base/settings.h"

namespace codeapi {

/// Writes to stderr. Thread-safe.
std::unique_ptr<Log> MakeStderrLog(LogLevel level);

}  // namespace codeapi
