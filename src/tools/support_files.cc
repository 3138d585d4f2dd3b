#include "tools/support_files.h"

#include "tools/support_text.h"

namespace codeapi {
namespace {

namespace json = boost::json;

std::string ToolsFile(ToolLanguage language, const std::vector<Tool>& tools) {
  json::array out;
  for (const Tool& tool : tools) {
    out.push_back({{"name", tool.name},
                   {"function", ToolFunctionName(language, tool.name)},
                   {"parameters", json::array(tool.parameters.begin(), tool.parameters.end())}});
  }
  return json::serialize(out) + "\n";
}

// Only functions, so that nothing of a program is in the way of it, nor the other way round. Every bash that
// is not interactive reads the file, those that a program starts as well.
std::string FunctionsFile(const std::vector<Tool>& tools, std::string_view directory) {
  std::string out = "# The tools of this execution.\n";
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const std::string function = ToolFunctionName(ToolLanguage::kBash, tools[i].name);
    out.append(function).append("() { ").append(directory);
    out.append("/call ").append(std::to_string(i)).append(" ").append(function).append(" \"$@\"; }\n");
  }
  return out;
}

}  // namespace

std::vector<SupportFile> SupportFiles(ToolLanguage language, const std::vector<Tool>& tools,
                                      std::string_view directory) {
  std::vector<SupportFile> out = {{"tools.json", ToolsFile(language, tools)}};
  if (language == ToolLanguage::kPython) {
    out.push_back({"run.py", kRunText});
    out.push_back({"codeapi_calls.py", kToolCallsText});
    out.push_back({"codeapi_program.py", kToolProgramText});
    out.push_back({"codeapi_spawned.py", kToolSpawnedText});
    out.push_back({"codeapi_tools.py", kToolFunctionsText});
  } else {
    out.push_back({"functions.sh", FunctionsFile(tools, directory)});
    out.push_back({"call", std::string(ToolCallProgram())});
  }
  return out;
}

}  // namespace codeapi
