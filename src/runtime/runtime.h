// The languages, as data: how each is named, where its program goes and how it is started.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace codeapi {

/// One language as we run it. Arguments are argv entries, never a shell string. In `run` and `environment`,
/// `{source}` stands for the program's absolute path and `{heap_mib}` for three quarters of the memory limit
/// in MiB.
struct Runtime {
  std::string id;                    ///< as clients send it: py, bash, node…
  std::string language;              ///< SANDBOX_LANGUAGE in the cell
  std::vector<std::string> aliases;  ///< lower case; the id is one of them
  std::string source_stem;           ///< the program is stored as `<stem><extension>` in the workspace
  std::string source_extension;      ///< with the dot; also how `codeapi run` recognises a file
  std::vector<std::string> run;      ///< run[0] is an absolute path in the root
  std::vector<std::pair<std::string, std::string>> environment;  ///< beyond the common one
};

/// Every language, in a stable order.
const std::vector<Runtime>& Runtimes();

/// By id or alias, ignoring ASCII case; nullptr when there is none. The result lives as long as the program.
const Runtime* FindRuntime(std::string_view name);

/// By file extension with its dot (".py"), ignoring ASCII case; nullptr when there is none.
const Runtime* FindRuntimeByExtension(std::string_view extension);

/// What a program is started with.
struct ProgramStartSpec {
  std::vector<std::string> argv;
  std::vector<std::string> env;  ///< NAME=value, sorted by name
};

/// The full argv and environment of a program of `runtime`. `source_path` is absolute, `memory_limit` in
/// bytes.
ProgramStartSpec MakeProgramStart(const Runtime& runtime, const std::string& source_path,
                                  const std::vector<std::string>& args, std::uint64_t memory_limit);

}  // namespace codeapi
