#include "api/exec_request.h"

#include <algorithm>
#include <set>

#include <boost/json.hpp>

#include "base/ids.h"
#include "base/text.h"
#include "runtime/runtime.h"
#include "tools/json_text.h"

namespace codeapi {
namespace {

namespace json = boost::json;

// One argument may have 128 KiB with its end (the kernel's MAX_ARG_STRLEN); all of them share a stack with
// the environment.
constexpr std::size_t kMaxArgument = (128u << 10) - 1;
constexpr std::size_t kMaxArguments = 1u << 20;
constexpr std::size_t kMaxArgumentCount = 4096;

std::unexpected<Error> Bad(std::string text) {
  return Fail(ErrorCode::kInvalid, std::move(text));
}

}  // namespace

Result<json::object> ParseBody(std::string_view body) {
  json::parse_options options;
  options.max_depth = 64;
  boost::system::error_code ec;
  json::value value = json::parse(json::string_view(body.data(), body.size()), ec, {}, options);
  if (ec == json::error::too_deep) return Bad("Invalid JSON: nested too deeply");
  if (ec) return Bad("Invalid JSON: " + ec.message());
  if (!value.is_object()) return Bad("The request body must be a JSON object");
  return std::move(value.as_object());
}

namespace {

Result<std::string> RequiredString(const json::object& in, const char* name) {
  const json::value* value = Member(in, name);
  if (value == nullptr) return Bad(std::string("Missing required field: ") + name);
  if (!value->is_string()) return Bad(std::string(name) + " must be a string");
  return std::string(value->as_string());
}

bool IsControl(char c) {
  return static_cast<unsigned char>(c) < 0x20;
}

Result<std::vector<std::string>> Arguments(const json::object& in) {
  std::vector<std::string> out;
  const json::value* value = Member(in, "args");
  if (value == nullptr) return out;
  if (!value->is_array()) return Bad("args must be an array of strings");
  std::size_t total = 0;
  for (const json::value& item : value->as_array()) {
    if (!item.is_string()) return Bad("args must be an array of strings");
    const json::string& text = item.as_string();
    if (text.find('\0') != json::string::npos) return Bad("args must not contain NUL characters");
    // On their way to the cell they are JSON, where a control character takes six bytes.
    total += text.size() + 1 + 5 * static_cast<std::size_t>(std::ranges::count_if(text, IsControl));
    if (text.size() > kMaxArgument || total > kMaxArguments || out.size() >= kMaxArgumentCount) {
      return Bad("args are too long");
    }
    out.emplace_back(text);
  }
  return out;
}

// The member, `fallback` without one, and an empty text, which nothing allows, for one that is not a string.
std::string StringOr(const json::object& in, std::string_view name, std::string fallback) {
  const json::value* value = Member(in, name);
  if (value == nullptr) return fallback;
  return value->is_string() ? std::string(value->as_string()) : std::string();
}

// One element of `files`. Older clients say session_id for storage_session_id and give neither kind nor
// resource_id.
Result<void> AddFile(const json::value& item, std::size_t index, const Settings& settings, ExecRequest& out) {
  const std::string where = "files[" + std::to_string(index) + "]";
  if (!item.is_object()) return Bad(where + " must be an object");
  const json::object& in = item.as_object();
  InputRef file;
  file.id = StringOr(in, "id", {});
  file.session = StringOr(in, "storage_session_id", StringOr(in, "session_id", {}));
  if (!IsId(file.id)) return Bad(where + ".id is invalid");
  if (!IsId(file.session)) return Bad(where + ".storage_session_id is invalid");
  const json::value* name = Member(in, "name");
  if (name == nullptr || !name->is_string()) return Bad(where + ".name must be a string");
  file.name = name->as_string();
  const std::string problem =
      WorkspaceNameProblem(file.name, static_cast<std::size_t>(settings.max_path_length),
                           static_cast<std::size_t>(settings.max_nesting_depth));
  if (!problem.empty()) return Bad(where + ".name " + problem);

  ResourceScope scope;
  scope.kind = StringOr(in, "kind", "user");
  scope.id = StringOr(in, "resource_id", file.id);
  if (!IsResourceId(scope.id)) return Bad(where + ".resource_id is invalid");
  if (const json::value* version = Member(in, "version")) {
    boost::system::error_code ec;
    scope.version = version->to_number<std::uint64_t>(ec);
    if (ec) return Bad(where + ".version must be a non-negative integer");
  }
  if (auto key = SessionKey({"tenant", "user"}, scope); !key) return Bad(where + "." + key.error().message);
  auto& files = out.execution.files;
  const auto same = std::ranges::find(files, file.name, &InputRef::name);
  if (same != files.end()) {
    out.scopes.erase(out.scopes.begin() + (same - files.begin()));
    files.erase(same);
  }
  files.push_back(std::move(file));
  out.scopes.push_back(std::move(scope));
  return {};
}

// A file cannot be where another one needs a directory.
Result<void> CheckDestinations(const std::vector<InputRef>& files) {
  std::set<std::string_view> names;
  for (const InputRef& file : files) names.insert(file.name);
  for (const std::string_view name : names) {
    for (std::size_t slash = name.find('/'); slash != std::string_view::npos;
         slash = name.find('/', slash + 1)) {
      const std::string_view parent = name.substr(0, slash);
      if (names.contains(parent)) {
        return Bad("files contains conflicting destinations \"" + std::string(parent) + "\" and \"" +
                   std::string(name) + "\"");
      }
    }
  }
  return {};
}

}  // namespace

Result<std::uint64_t> ParseTimeout(const json::object& in, std::uint64_t fallback, std::uint64_t longest) {
  const json::value* value = Member(in, "timeout");
  if (value == nullptr) return std::min(fallback, longest);
  const double ms = value->is_double()   ? value->as_double()
                    : value->is_int64()  ? static_cast<double>(value->as_int64())
                    : value->is_uint64() ? static_cast<double>(value->as_uint64())
                                         : -1;
  if (!(ms > 0)) return Bad("timeout must be a positive number of milliseconds");
  if (ms >= static_cast<double>(longest)) return longest;
  return std::max<std::uint64_t>(static_cast<std::uint64_t>(ms), 1);
}

Result<void> ParseFiles(const json::object& in, const Settings& settings, ExecRequest& out) {
  const json::value* files = Member(in, "files");
  if (files == nullptr) return {};
  if (!files->is_array()) return Bad("files must be an array");
  if (files->as_array().size() > static_cast<std::size_t>(settings.max_input_files)) {
    return Bad("files has more than " + std::to_string(settings.max_input_files) + " entries");
  }
  std::size_t index = 0;
  for (const json::value& item : files->as_array()) {
    if (auto added = AddFile(item, index++, settings, out); !added) return std::unexpected(added.error());
  }
  return CheckDestinations(out.execution.files);
}

Result<ExecRequest> ParseExecRequest(std::string_view body, const Settings& settings) {
  auto in = ParseBody(body);
  if (!in) return std::unexpected(in.error());
  ExecRequest out;
  ExecutionRequest& execution = out.execution;
  auto language = RequiredString(*in, "lang");
  if (!language) return std::unexpected(language.error());
  auto code = RequiredString(*in, "code");
  if (!code) return std::unexpected(code.error());
  execution.code = std::move(*code);
  const Runtime* runtime = FindRuntime(*language);
  if (runtime == nullptr)
    return Bad("Unsupported language: " + std::string(TrimPartialCharacter(language->substr(0, 64))));
  execution.runtime = runtime->id;
  auto args = Arguments(*in);
  if (!args) return std::unexpected(args.error());
  execution.args = std::move(*args);
  if (const json::value* input = Member(*in, "stdin")) {
    if (!input->is_string()) return Bad("stdin must be a string");
    execution.input = input->as_string();
  }
  auto wall = ParseTimeout(*in, static_cast<std::uint64_t>(settings.run_timeout.count()),
                           static_cast<std::uint64_t>(settings.job_timeout.count()));
  if (!wall) return std::unexpected(wall.error());
  execution.wall_ms = *wall;
  const auto cpu = static_cast<std::uint64_t>(settings.run_cpu_time.count());
  execution.cpu_ms = cpu != 0 ? cpu : *wall * 2;
  execution.memory_bytes = static_cast<std::uint64_t>(settings.run_memory_limit);

  if (auto files = ParseFiles(*in, settings, out); !files) return std::unexpected(files.error());
  return out;
}

}  // namespace codeapi
