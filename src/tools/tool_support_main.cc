// codeapi-tool-support LANGUAGE DIRECTORY < TOOLS: writes the support files of a program with these tools,
// for tests.
#include <sys/stat.h>

#include <fstream>
#include <iostream>
#include <iterator>

#include "tools/support_files.h"

namespace codeapi {
namespace {

int Refuse(const std::string& problem) {
  std::cerr << problem << "\n";
  return 1;
}

int Write(ToolLanguage language, const std::string& directory) {
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  const boost::json::value list = boost::json::parse(text);
  auto tools = ParseTools(&list);
  if (!tools) return Refuse(tools.error().message);
  if (auto checked = CheckToolFunctionNames(language, *tools); !checked)
    return Refuse(checked.error().message);
  for (const SupportFile& file : SupportFiles(language, *tools, directory)) {
    const std::string path = directory + "/" + file.name;
    std::ofstream(path, std::ios::binary) << file.bytes;
    if (::chmod(path.c_str(), 0555) != 0) return Refuse("cannot write " + path);
  }
  return 0;
}

}  // namespace
}  // namespace codeapi

int main(int argc, char** argv) {
  const auto language = codeapi::ToolLanguageOf(argc == 3 ? argv[1] : "");
  if (!language) return codeapi::Refuse("usage: codeapi-tool-support python|bash DIRECTORY < TOOLS");
  return codeapi::Write(*language, argv[2]);
}
