// What the services say of themselves: events with fields, never free text with values pasted in.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <variant>

namespace codeapi {

enum class Severity { kDebug, kInfo, kWarning, kError };

/// A value of a log field.
using LogValue = std::variant<std::string_view, std::int64_t>;
using LogField = std::pair<std::string_view, LogValue>;

/// Where events go. Thread-safe. User code, file names, tokens and bodies are never logged at info or above.
class Log {
 public:
  virtual ~Log() = default;
  /// `event` is a fixed phrase that can be searched for; what varies goes into fields.
  virtual void Write(Severity severity, std::string_view event,
                     std::initializer_list<LogField> fields = {}) = 0;
};

}  // namespace codeapi
