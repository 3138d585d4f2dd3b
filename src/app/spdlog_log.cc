#include "app/spdlog_log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <string>

#include <boost/json.hpp>

#include "base/text.h"

namespace codeapi {
namespace {

namespace json = boost::json;

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return spdlog::level::trace;
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

spdlog::level::level_enum ToSpdlog(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return spdlog::level::debug;
    case Severity::kInfo:
      return spdlog::level::info;
    case Severity::kWarning:
      return spdlog::level::warn;
    case Severity::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

json::value ToJson(const LogValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  return json::string(ToUtf8Lossy(std::get<std::string_view>(value)));
}

class StderrLog final : public Log {
 public:
  explicit StderrLog(LogLevel level)
      : terminal_(::isatty(STDERR_FILENO) == 1),
        logger_("codeapi", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    // The event and its fields are the tail of one JSON object, or of one readable line.
    logger_.set_pattern(
        terminal_ ? "%H:%M:%S.%e %^%l%$ %v" : R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})",
        spdlog::pattern_time_type::utc);
    logger_.set_level(ToSpdlog(level));
    logger_.flush_on(spdlog::level::info);
  }

  void Write(Severity severity, std::string_view event, std::initializer_list<LogField> fields) override {
    const auto level = ToSpdlog(severity);
    if (!logger_.should_log(level)) return;
    std::string line = terminal_ ? std::string(event) : "\"event\":" + json::serialize(json::string(event));
    for (const auto& [name, value] : fields) {
      const std::string text = json::serialize(ToJson(value));
      line += terminal_ ? " " + std::string(name) + "=" + text
                        : "," + json::serialize(json::string(name)) + ":" + text;
    }
    logger_.log(level, "{}", line);
  }

 private:
  bool terminal_;
  spdlog::logger logger_;
};

}  // namespace

std::unique_ptr<Log> MakeStderrLog(LogLevel level) {
  return std::make_unique<StderrLog>(level);
}

}  // namespace codeapi
