#include "api/programmatic_request.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <set>

#include "base/ids.h"
#include "base/text.h"
#include "tools/json_text.h"

namespace codeapi {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kDefaultTimeoutMs = 300'000;
constexpr std::size_t kMaxToken = 1024;

std::unexpected<Error> Bad(std::string text) {
  return Fail(ErrorCode::kInvalid, std::move(text));
}

Result<ToolLanguage> Language(const json::object& in) {
  const json::value* value = Member(in, "language");
  if (value == nullptr) value = Member(in, "lang");
  if (value == nullptr) return ToolLanguage::kPython;
  const std::string name = value->is_string() ? std::string(value->as_string()) : CompactJson(*value);
  if (const auto language = ToolLanguageOf(name == "py" ? "python" : name)) return *language;
  return Bad("Unsupported language \"" + std::string(TrimPartialCharacter(name.substr(0, 64))) +
             "\"; supported values are \"python\" and \"bash\"");
}

// The services we stand in for keep their own file of this name in the workspace; clients count on it.
Result<void> CheckReservedNames(const json::object& in) {
  const json::value* files = Member(in, "files");
  if (files == nullptr || !files->is_array()) return {};
  for (const json::value& item : files->as_array()) {
    if (!item.is_object()) continue;
    const json::value* name = Member(item.as_object(), "name");
    if (name == nullptr || !name->is_string()) continue;
    const std::string text(name->as_string());
    const std::size_t slash = text.find_last_of("/\\");
    if (text.substr(slash == std::string::npos ? 0 : slash + 1) == "_ptc_history.json") {
      return Bad("files[].name \"" + text +
                 "\" is reserved for PTC runtime and cannot be supplied by callers");
    }
  }
  return {};
}

// `call_` and 3 to 6 digits.
std::optional<std::uint32_t> NumberOf(std::string_view call_id) {
  constexpr std::string_view kPrefix = "call_";
  if (!call_id.starts_with(kPrefix) || call_id.size() < 8 || call_id.size() > 11) return std::nullopt;
  const std::string_view digits = call_id.substr(kPrefix.size());
  std::uint32_t number = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (ec != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

Result<SentResult> ParseResult(const json::value& item) {
  if (!item.is_object()) return Bad("tool_results entries must be objects");
  const json::object& in = item.as_object();
  const json::value* id = in.if_contains("call_id");
  const std::string text = id == nullptr     ? "undefined"
                           : id->is_string() ? std::string(id->as_string())
                                             : CompactJson(*id).substr(0, 64);
  const auto number = id != nullptr && id->is_string() ? NumberOf(text) : std::nullopt;
  if (!number) {
    return Bad("tool_results[].call_id must match /^call_\\d{3,6}$/, got: \"" +
               std::string(TrimPartialCharacter(text.substr(0, 64))) + "\"");
  }
  const std::string where = "tool_results[" + text + "]";
  SentResult out{*number, text, {}};
  const json::value* error = in.if_contains("is_error");
  if (error != nullptr && !error->is_bool()) return Bad(where + ".is_error must be a boolean if present");
  out.result.error = error != nullptr && error->as_bool();
  const json::value* message = in.if_contains("error_message");
  if (message != nullptr && !message->is_string() && !message->is_null())
    return Bad(where + ".error_message must be a string if present");
  // A tool that returned nothing has no `result` in the client's JSON, and the program gets null.
  const json::value* result = in.if_contains("result");
  if (out.result.error) {
    out.result.text = message != nullptr && message->is_string() ? std::string(message->as_string()) : "";
    if (out.result.text.empty()) out.result.text = "tool execution failed";
  } else {
    out.result.text = result == nullptr ? "null" : CompactJson(*result);
  }
  if (out.result.text.size() > kMaxResultBytes) {
    return Bad(fmt::format("{}.result is {} bytes, exceeds per-result cap {}", where, out.result.text.size(),
                           kMaxResultBytes));
  }
  return out;
}

}  // namespace

Result<ProgrammaticRequest> ParseProgrammaticRequest(const json::object& in, const Settings& settings) {
  ProgrammaticRequest out;
  ExecutionRequest& execution = out.exec.execution;
  const auto language = Language(in);
  if (!language) return std::unexpected(language.error());
  execution.runtime = *language == ToolLanguage::kPython ? "py" : "bash";
  auto timeout =
      ParseTimeout(in, kDefaultTimeoutMs, static_cast<std::uint64_t>(settings.job_timeout.count()));
  if (!timeout) return std::unexpected(timeout.error());
  execution.wall_ms = *timeout;
  const auto cpu = static_cast<std::uint64_t>(settings.run_cpu_time.count());
  execution.cpu_ms = cpu != 0 ? cpu : *timeout * 2;
  const json::value* code = Member(in, "code");
  if (code == nullptr || (code->is_string() && code->as_string().empty()))
    return Bad("Missing required field: code");
  if (!code->is_string()) return Bad("code must be a string");
  execution.code = code->as_string();
  auto tools = ParseTools(Member(in, "tools"));
  if (!tools) return std::unexpected(tools.error());
  out.tools = std::move(*tools);
  if (auto reserved = CheckReservedNames(in); !reserved) return std::unexpected(reserved.error());
  if (auto names = CheckToolFunctionNames(*language, out.tools); !names)
    return std::unexpected(names.error());
  if (auto files = ParseFiles(in, settings, out.exec); !files) return std::unexpected(files.error());
  return out;
}

Result<std::vector<SentResult>> ParseToolResults(const json::object& in) {
  const json::value* value = Member(in, "tool_results");
  if (value == nullptr || !value->is_array())
    return Bad("tool_results must be an array when continuation_token is provided");
  const json::array& results = value->as_array();
  if (results.empty()) {
    return Bad(
        "tool_results must be a non-empty array; resubmit with at least one result per pending tool call");
  }
  if (results.size() > kMaxResults) {
    return Bad(
        fmt::format("tool_results has {} entries; the per-batch cap is {}", results.size(), kMaxResults));
  }
  std::vector<SentResult> out;
  std::set<std::uint32_t> seen;
  for (const json::value& item : results) {
    auto result = ParseResult(item);
    if (!result) return std::unexpected(result.error());
    if (!seen.insert(result->number).second)
      return Bad("Duplicate call_id in tool_results: " + result->call_id);
    out.push_back(std::move(*result));
  }
  return out;
}

std::string CallId(std::uint32_t number) {
  return fmt::format("call_{:03}", number);
}

std::string ContinuationToken(const std::string& execution) {
  using namespace std::chrono;
  const auto now = duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  const std::string text = json::serialize(json::object{{"execution_id", execution}, {"ts", now}});
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int size =
      ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string ExecutionOfToken(std::string_view token) {
  if (token.empty() || token.size() > kMaxToken || token.size() % 4 != 0) return {};
  std::string text(token.size() / 4 * 3, '\0');
  const int size =
      ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                        reinterpret_cast<const unsigned char*>(token.data()), static_cast<int>(token.size()));
  if (size < 0) return {};
  // It counts the padding as bytes.
  text.resize(static_cast<std::size_t>(size) - (token.size() - token.find_last_not_of('=') - 1));
  boost::system::error_code ec;
  const json::value value = json::parse(text, ec);
  if (ec || !value.is_object()) return {};
  const json::value* execution = value.as_object().if_contains("execution_id");
  if (execution == nullptr || !execution->is_string()) return {};
  const std::string id(execution->as_string());
  return IsId(id) ? id : std::string();
}

}  // namespace codeapi
