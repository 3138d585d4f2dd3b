// The tools a program may call: what a request says of them, and what they are called inside the program.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

#include "base/result.h"

namespace codeapi {

/// The languages whose programs can call tools.
enum class ToolLanguage { kPython, kBash };

/// `python` or `bash`, exactly; nothing otherwise.
std::optional<ToolLanguage> ToolLanguageOf(std::string_view language);

inline constexpr std::size_t kMaxToolList = 100;
inline constexpr std::size_t kMaxToolName = 256;  ///< in characters

/// What is kept of a tool. A program calls it by its place in the list.
struct Tool {
  /// As the client knows it: any text. It goes back on the wire as it is and is never pasted into source.
  std::string name;
  /// The names of its parameters, required ones first, else in the order of its schema. They only give
  /// positional arguments their names, so very long lists and names are cut, not refused.
  std::vector<std::string> parameters;

  friend bool operator==(const Tool&, const Tool&) = default;
};

/// Reads the member `tools` of a request (null: it is absent). Unknown members of a tool are ignored.
/// kInvalid with a text for the client.
Result<std::vector<Tool>> ParseTools(const boost::json::value* tools);

/// A form that ParseTools reads back, without what nobody needs any more.
boost::json::array ToolsToJson(const std::vector<Tool>& tools);

/// The identifier of the function that calls the tool `name`: letters, digits and underscores, no digit in
/// front, no reserved word. Clients compute the same names to tell a model.
std::string ToolFunctionName(ToolLanguage language, std::string_view name);

/// kInvalid, with a text for the client, when a program could not call all of `tools`: in bash, when two have
/// one function name. In Python the last of them has it, as with two definitions in one file.
Result<void> CheckToolFunctionNames(ToolLanguage language, const std::vector<Tool>& tools);

}  // namespace codeapi
