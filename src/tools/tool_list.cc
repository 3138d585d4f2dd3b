#include "tools/tool_list.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/text.h"
#include "tools/json_text.h"

namespace codeapi {
namespace {

namespace json = boost::json;
using namespace std::string_view_literals;

// More than anybody passes by position.
constexpr std::size_t kMaxParameters = 256;
constexpr std::size_t kMaxParameterName = 256;

constexpr std::array kPythonReserved = {
    "False"sv, "None"sv, "True"sv, "and"sv, "as"sv, "assert"sv, "async"sv, "await"sv, "break"sv, "class"sv,
    "continue"sv, "def"sv, "del"sv, "elif"sv, "else"sv, "except"sv, "finally"sv, "for"sv, "from"sv,
    "global"sv, "if"sv, "import"sv, "in"sv, "is"sv, "lambda"sv, "nonlocal"sv, "not"sv, "or"sv, "pass"sv,
    "raise"sv, "return"sv, "try"sv, "while"sv, "with"sv, "yield"sv,
    // What a module is made of: a tool must not stand in its place.
    "__annotate__"sv, "__annotations__"sv, "__builtins__"sv, "__cached__"sv, "__conditional_annotations__"sv,
    "__debug__"sv, "__dict__"sv, "__doc__"sv, "__file__"sv, "__loader__"sv, "__name__"sv, "__package__"sv,
    "__path__"sv, "__spec__"sv, "ToolExecutionError"sv};

constexpr std::array kBashReserved = {
    "if"sv,     "then"sv,  "else"sv,     "elif"sv,    "fi"sv,      "case"sv,    "esac"sv,
    "for"sv,    "while"sv, "until"sv,    "do"sv,      "done"sv,    "in"sv,      "function"sv,
    "select"sv, "time"sv,  "coproc"sv,   "declare"sv, "typeset"sv, "local"sv,   "readonly"sv,
    "export"sv, "unset"sv, "echo"sv,     "printf"sv,  "read"sv,    "cd"sv,      "pwd"sv,
    "kill"sv,   "trap"sv,  "wait"sv,     "eval"sv,    "exec"sv,    "jobs"sv,    "bg"sv,
    "fg"sv,     "set"sv,   "let"sv,      "test"sv,    "true"sv,    "false"sv,   "return"sv,
    "exit"sv,   "break"sv, "continue"sv, "shift"sv,   "alias"sv,   "unalias"sv, "source"sv};

template <std::size_t N>
bool Contains(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

std::unexpected<Error> Bad(std::string text) {
  return Fail(ErrorCode::kInvalid, std::move(text));
}

bool Continues(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

std::size_t Characters(std::string_view utf8) {
  return utf8.size() - static_cast<std::size_t>(std::ranges::count_if(utf8, Continues));
}

std::set<std::string_view> RequiredNames(const json::object& schema) {
  std::set<std::string_view> out;
  const json::value* required = Member(schema, "required");
  if (required == nullptr || !required->is_array()) return out;
  for (const json::value& name : required->as_array()) {
    if (name.is_string()) out.emplace(name.as_string());
  }
  return out;
}

// A schema can be anything a client's tool makes of it; what is no schema names no parameters.
std::vector<std::string> ParameterNames(const json::object& schema) {
  std::vector<std::string> out, optional;
  const json::value* properties = Member(schema, "properties");
  if (properties == nullptr || !properties->is_object()) return out;
  const auto required = RequiredNames(schema);
  for (const auto& property : properties->as_object()) {
    const std::string_view name = property.key();
    if (name.size() > kMaxParameterName) continue;
    (required.contains(name) ? out : optional).emplace_back(name);
  }
  out.insert(out.end(), optional.begin(), optional.end());
  if (out.size() > kMaxParameters) out.resize(kMaxParameters);
  return out;
}

Result<Tool> ParseTool(const json::value& value, const std::string& where) {
  if (!value.is_object()) return Bad(where + " must be an object");
  const json::object& in = value.as_object();
  const json::value* name = Member(in, "name");
  if (name == nullptr || !name->is_string() || name->as_string().empty()) {
    return Bad(where + ".name must be a non-empty string");
  }
  Tool tool{.name = std::string(name->as_string()), .parameters = {}};
  if (Characters(tool.name) > kMaxToolName) {
    return Bad(where + ".name is longer than " + std::to_string(kMaxToolName) + " characters");
  }
  const json::value* description = Member(in, "description");
  if (description != nullptr && !description->is_string()) {
    return Bad(where + ".description must be a string if present");
  }
  const json::value* parameters = Member(in, "parameters");
  if (parameters != nullptr) {
    if (!parameters->is_object()) return Bad(where + ".parameters must be an object if present");
    tool.parameters = ParameterNames(parameters->as_object());
  }
  return tool;
}

// How many bytes of `text` are one white space character as ECMAScript's \s has it, at its beginning; 0:
// none.
std::size_t WhiteSpace(std::string_view text) {
  if (" \t\n\v\f\r"sv.contains(text[0])) return 1;
  if (text.starts_with("\u00a0")) return 2;
  static constexpr std::array kThreeBytes = {"\u1680"sv, "\u2000"sv, "\u2001"sv, "\u2002"sv, "\u2003"sv,
                                             "\u2004"sv, "\u2005"sv, "\u2006"sv, "\u2007"sv, "\u2008"sv,
                                             "\u2009"sv, "\u200a"sv, "\u2028"sv, "\u2029"sv, "\u202f"sv,
                                             "\u205f"sv, "\u3000"sv, "\ufeff"sv};
  return Contains(kThreeBytes, text.substr(0, 3)) ? 3 : 0;
}

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool IsWord(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

std::string Identifier(std::string_view name, bool dots) {
  std::string out;
  while (!name.empty()) {
    const std::size_t space = WhiteSpace(name);
    if (space != 0 || name[0] == '-' || (dots && name[0] == '.')) {
      out += '_';
    } else if (IsWord(name[0])) {
      out += name[0];
    }
    name.remove_prefix(std::max<std::size_t>(space, 1));
  }
  if (out.empty()) return "tool";
  return IsDigit(out[0]) ? "_" + out : out;
}

bool Reserved(ToolLanguage language, std::string_view identifier) {
  if (language == ToolLanguage::kPython) return Contains(kPythonReserved, identifier);
  return Contains(kBashReserved, identifier) || AsciiLower(identifier).starts_with("_ptc_");
}

}  // namespace

std::optional<ToolLanguage> ToolLanguageOf(std::string_view language) {
  if (language == "python") return ToolLanguage::kPython;
  if (language == "bash") return ToolLanguage::kBash;
  return std::nullopt;
}

Result<std::vector<Tool>> ParseTools(const json::value* tools) {
  if (tools == nullptr || !tools->is_array() || tools->as_array().empty()) {
    return Bad("Missing required field: tools (must be a non-empty array)");
  }
  const json::array& in = tools->as_array();
  if (in.size() > kMaxToolList) {
    return Bad("Too many tools provided (" + std::to_string(in.size()) + "). Maximum is " +
               std::to_string(kMaxToolList) + ".");
  }
  std::vector<Tool> out;
  for (const json::value& value : in) {
    auto tool = ParseTool(value, "tools[" + std::to_string(out.size()) + "]");
    if (!tool) return std::unexpected(tool.error());
    out.push_back(std::move(*tool));
  }
  return out;
}

json::array ToolsToJson(const std::vector<Tool>& tools) {
  json::array out;
  for (const Tool& tool : tools) {
    json::object properties;
    for (const std::string& name : tool.parameters) properties[name] = json::object();
    out.push_back({{"name", tool.name}, {"parameters", json::object{{"properties", std::move(properties)}}}});
  }
  return out;
}

std::string ToolFunctionName(ToolLanguage language, std::string_view name) {
  std::string identifier = Identifier(name, language == ToolLanguage::kBash);
  return Reserved(language, identifier) ? identifier + "_tool" : identifier;
}

Result<void> CheckToolFunctionNames(ToolLanguage language, const std::vector<Tool>& tools) {
  if (language != ToolLanguage::kBash) return {};
  std::map<std::string, std::string_view> seen;
  for (const Tool& tool : tools) {
    const std::string function = ToolFunctionName(language, tool.name);
    const auto [other, fresh] = seen.emplace(function, tool.name);
    if (!fresh) {
      return Bad("Bash tool names \"" + std::string(other->second) + "\" and \"" + tool.name +
                 "\" normalize to the same function identifier \"" + function +
                 "\"; rename one to avoid collision");
    }
  }
  return {};
}

}  // namespace codeapi
