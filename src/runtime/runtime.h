// The languages, as data: how each is named, where its program goes, how it is compiled and started.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace codeapi {

/// Whether an interpreter can be started before there is a program (jail/prestart.h), and what it looks for
/// in the workspace long before it needs the program.
struct Prestart {
  bool possible = false;
  bool opens_program = false;             ///< once, without reading it
  std::vector<std::string> missing = {};  ///< names of files that change how it starts
};

/// One way to run a language. Arguments are argv entries, never a shell string. In all of them, and in the
/// environment,
///
///   {source}    is the program's source, an absolute path
///   {program}   what the compiler is to write, an absolute path in kBuildDirectory
///   {build}     that directory
///   {support}   kSupportDirectory
///   {entry}     the name that the source gives its program (Java's main class; see source.h)
///   {heap_mib}  three quarters of the memory limit, in MiB: what a runtime may use for its objects. In
///               `compile` it is the limit of compiling
///   {heap_bytes} the same in bytes
struct Command {
  std::vector<std::string>
      compile;                   ///< compile[0] is an absolute path in the root; empty: nothing to compile
  std::vector<std::string> run;  ///< run[0] is an absolute path in the root, or {program}
  std::vector<std::pair<std::string, std::string>> environment;  ///< beyond the common one
  std::string needs;  ///< a file or directory of the root that it needs beside its programs; empty: none
  std::vector<std::string> tools =
      {};  ///< instead of `run` for a program that may call tools; empty: none may
  std::vector<std::pair<std::string, std::string>> tools_environment =
      {};              ///< beyond `environment`, for these
  bool forks = false;  ///< a zygote can fork its programs (jail/zygote_process.h): a Python
  Prestart prestart = {};
};

/// What tells the main class, and with it the name of the file.
enum class Naming { kFixed, kJava };

/// One language.
struct Runtime {
  std::string id;                    ///< as clients send it: py, bash, node…
  std::string language;              ///< SANDBOX_LANGUAGE in the cell
  std::vector<std::string> aliases;  ///< lower case; the id is one of them
  std::string source_stem;           ///< the program is stored as `<stem><extension>` in the workspace
  std::string source_extension;      ///< with the dot; also how `codeapi run` recognises a file
  std::string package;               ///< Debian's name of what brings it, for the operator
  std::vector<Command> commands;     ///< the first one that the root has the programs of is used
  Naming naming = Naming::kFixed;
  std::string opening;  ///< put before a source that has none of `marks`, on its first line; empty: nothing
  std::vector<std::string> marks;
};

/// Where compilers put what they make, in the cell. It is no part of the workspace, so never an output.
inline constexpr const char* kBuildDirectory = "/tmp/.build";

/// Where the cell puts what a program needs for calling tools (docs/adr/0007). Root's, and no part of the
/// workspace.
inline constexpr const char* kSupportDirectory = "/tmp/.codeapi";

/// Every language, in a stable order.
const std::vector<Runtime>& Runtimes();

/// By id or alias, ignoring ASCII case; nullptr when there is none. The result lives as long as the program.
const Runtime* FindRuntime(std::string_view name);

/// By file extension with its dot (".py"), ignoring ASCII case; nullptr when there is none.
const Runtime* FindRuntimeByExtension(std::string_view extension);

/// The command whose programs the file tree `root` has: "" is the caller's own. nullptr: none, the language
/// cannot be run there. `root`'s own absolute links are followed as if it were the caller's.
const Command* FindCommand(const Runtime& runtime, const std::string& root);

/// What a program is started with.
struct ProgramStartSpec {
  std::vector<std::string> compile;  ///< argv; empty: nothing to compile
  std::vector<std::string> argv;
  std::vector<std::string> env;  ///< NAME=value, sorted by name; of both
};

/// One program of a runtime.
struct ProgramSpec {
  std::string source_path;  ///< absolute
  std::string entry;        ///< SourceNames::entry
  std::vector<std::string> args;
  std::uint64_t memory_limit = 0;  ///< bytes
  std::uint64_t compile_memory_limit = 0;
  std::string plot_backend = "Agg";  ///< MPLBACKEND
  bool tools = false;                ///< it may call tools: needs a Command that has `tools`
};

/// The full argv and environment of a program. Only what the table says is expanded, never an argument.
ProgramStartSpec MakeProgramStart(const Runtime& runtime, const Command& command, const ProgramSpec& program);

}  // namespace codeapi
