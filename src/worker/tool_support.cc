#include "worker/tool_support.h"

#include <utility>

#include <boost/json.hpp>

#include "tools/support_files.h"
#include "tools/tool_list.h"

namespace codeapi {

Result<std::vector<RunInput>> ToolSupport(std::string_view runtime, std::string_view tools) {
  boost::system::error_code ec;
  const boost::json::value list =
      boost::json::parse(boost::json::string_view(tools.data(), tools.size()), ec);
  if (ec) return Fail(ErrorCode::kInternal, "unreadable list of tools: " + ec.message());
  const auto language = runtime == "py" ? ToolLanguage::kPython : ToolLanguage::kBash;
  if (runtime != "py" && runtime != "bash") {
    return Fail(ErrorCode::kInternal, "no tools for " + std::string(runtime));
  }
  auto parsed = ParseTools(&list);
  if (!parsed) return Fail(ErrorCode::kInternal, parsed.error().message);
  std::vector<RunInput> out;
  for (SupportFile& file : SupportFiles(language, *parsed)) {
    out.push_back({{CellFileKind::kSupport, std::move(file.name), 0, false}, std::move(file.bytes)});
  }
  return out;
}

}  // namespace codeapi
