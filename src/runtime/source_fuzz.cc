// Fuzzes what is read out of a stranger's source before it is stored: the names of a Java program.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/fuzzing.h"
#include "base/text.h"
#include "runtime/source.h"

namespace codeapi {
namespace {

void FuzzNames(std::string_view code) {
  const Runtime& java = *FindRuntime("java");
  const SourceNames names = NamesInSource(java, code);
  Require(WorkspaceNameProblem(names.stem + java.source_extension).empty(), "a file can be called so");
  Require(names.stem.find('/') == std::string::npos, "a name is in no directory");
  Require(!names.entry.empty() && IsEntryName(names.entry), "an entry is an argument");
  Require(names.entry.front() != '-' && names.entry.front() != '@', "an entry is no option");
}

void FuzzText(std::string_view code) {
  const std::string text = SourceText(*FindRuntime("php"), std::string(code));
  Require(text.ends_with(code), "the program is kept as it is");
  Require(SourceText(*FindRuntime("php"), text) == text, "an opening is added once");
}

}  // namespace
}  // namespace codeapi

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view code(reinterpret_cast<const char*>(data), size);
  codeapi::FuzzNames(code);
  codeapi::FuzzText(code);
  return 0;
}
