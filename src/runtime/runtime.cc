#include "runtime/runtime.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "base/text.h"

namespace codeapi {
namespace {

// What every program sees. LANG is C.UTF-8 since every Debian has it; PYTHONUNBUFFERED keeps what a program
// printed before it was killed; one thread for linear algebra, since its libraries otherwise start a thread
// per CPU when they are imported. OMP_NUM_THREADS is left alone: nproc and many builds take it for the number
// of CPUs.
const std::map<std::string, std::string>& CommonEnvironment() {
  static const std::map<std::string, std::string> environment = {
      {"HOME", "/mnt/data"},
      {"LANG", "C.UTF-8"},
      {"LOGNAME", "sandbox"},
      {"MKL_NUM_THREADS", "1"},
      {"MPLCONFIGDIR", "/tmp/matplotlib"},
      {"OPENBLAS_NUM_THREADS", "1"},
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"PYTHONDONTWRITEBYTECODE", "1"},
      {"PYTHONUNBUFFERED", "1"},
      {"TMPDIR", "/tmp"},
      {"USER", "sandbox"},
  };
  return environment;
}

class Expansion {
 public:
  Expansion(const ProgramSpec& program, std::uint64_t memory_limit) {
    // A runtime's heap is not all that it uses; the rest of the limit is for everything else.
    const std::uint64_t heap = std::max<std::uint64_t>(memory_limit / 4 * 3, 16u << 20);
    values_ = {{"{source}", program.source_path},
               {"{program}", std::string(kBuildDirectory) + "/main"},
               {"{build}", kBuildDirectory},
               {"{support}", kSupportDirectory},
               {"{entry}", program.entry},
               {"{heap_mib}", std::to_string(heap >> 20)},
               {"{heap_bytes}", std::to_string(heap)}};
  }

  /// Each name once, and nothing in what took its place.
  std::string Of(const std::string& text) const {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      const auto found = std::ranges::find_if(
          values_, [&](const auto& value) { return text.compare(at, value.first.size(), value.first) == 0; });
      out += found == values_.end() ? text.substr(at, 1) : found->second;
      at += found == values_.end() ? 1 : found->first.size();
    }
    return out;
  }
  std::vector<std::string> Of(const std::vector<std::string>& list) const {
    std::vector<std::string> out;
    out.reserve(list.size());
    for (const std::string& text : list) out.push_back(Of(text));
    return out;
  }

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

// Whether `root` has it. In a tree that is not ours, links with absolute targets lead astray: that they are
// there has to do.
bool Exists(const std::string& root, const std::string& path, int mode) {
  if (root.empty()) return ::access(path.c_str(), mode) == 0;
  struct stat st{};
  return ::lstat((root + path).c_str(), &st) == 0;
}

}  // namespace

const Runtime* FindRuntime(std::string_view name) {
  const std::string wanted = AsciiLower(name);
  for (const Runtime& runtime : Runtimes()) {
    if (std::ranges::find(runtime.aliases, wanted) != runtime.aliases.end()) return &runtime;
  }
  return nullptr;
}

const Runtime* FindRuntimeByExtension(std::string_view extension) {
  const std::string wanted = AsciiLower(extension);
  const auto it = std::ranges::find(Runtimes(), wanted, &Runtime::source_extension);
  if (it != Runtimes().end()) return &*it;
  // The other extensions of a language are among its names: .cc, .f95, .bash.
  return wanted.starts_with('.') ? FindRuntime(wanted.substr(1)) : nullptr;
}

const Command* FindCommand(const Runtime& runtime, const std::string& root) {
  const auto usable = [&](const Command& command) {
    for (const auto* argv : {&command.compile, &command.run}) {
      if (!argv->empty() && argv->front().starts_with('/') && !Exists(root, argv->front(), X_OK))
        return false;
    }
    return command.needs.empty() || Exists(root, command.needs, F_OK);
  };
  const auto it = std::ranges::find_if(runtime.commands, usable);
  return it == runtime.commands.end() ? nullptr : &*it;
}

ProgramStartSpec MakeProgramStart(const Runtime& runtime, const Command& command,
                                  const ProgramSpec& program) {
  ProgramStartSpec out;
  const Expansion expansion(program, program.memory_limit);
  out.compile = Expansion(program, program.compile_memory_limit).Of(command.compile);
  out.argv = expansion.Of(program.tools ? command.tools : command.run);
  out.argv.insert(out.argv.end(), program.args.begin(), program.args.end());
  auto environment = CommonEnvironment();
  environment["MPLBACKEND"] = program.plot_backend;
  environment["SANDBOX_LANGUAGE"] = runtime.language;
  for (const auto& [name, value] : command.environment) environment[name] = expansion.Of(value);
  if (program.tools) {
    for (const auto& [name, value] : command.tools_environment) environment[name] = expansion.Of(value);
  }
  for (const auto& [name, value] : environment) {
    std::string& entry = out.env.emplace_back(name);
    entry += '=';
    entry += value;
  }
  return out;
}

}  // namespace codeapi
