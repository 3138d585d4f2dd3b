// What the tests of this room share.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/jwt_testing.h"
#include "base/log.h"
#include "store/testing.h"

namespace codeapi::testing {

/// Remembers every event as `event name=value…`.
class EventLog final : public Log {
 public:
  void Write(Severity severity, std::string_view event, std::initializer_list<LogField> fields) override {
    std::string line = severity == Severity::kWarning ? "warning: " : "";
    line += event;
    for (const auto& [name, value] : fields) {
      line += " " + std::string(name) + "=";
      if (const auto* text = std::get_if<std::string_view>(&value)) line += *text;
      if (const auto* number = std::get_if<std::int64_t>(&value)) line += std::to_string(*number);
    }
    {
      const std::lock_guard lock(mutex_);
      text_ += line + "\n";
    }
    if (seen) seen(line);
  }

  /// Everything so far, a line each.
  std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }
  bool Has(std::string_view part) const { return text().find(part) != std::string::npos; }

  /// Told of every line, on the thread that wrote it. Set it before anyone can write.
  std::function<void(const std::string&)> seen;

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

/// Replaces a file as a careful operator does: the new content appears at once.
inline void WriteFile(const std::string& path, std::string_view content) {
  const std::filesystem::path at(path);
  const std::filesystem::path aside = at.parent_path() / ("." + at.filename().string() + ".new");
  std::ofstream(aside, std::ios::binary) << content;
  std::filesystem::rename(aside, at);
}

}  // namespace codeapi::testing
