#include "runtime/runtime.h"

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
      {"MPLBACKEND", "Agg"},
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

std::string Expand(std::string text, const std::string& source_path, std::uint64_t memory_limit) {
  const std::pair<std::string_view, std::string> values[] = {
      {"{source}", source_path},
      // V8's heap is not all that Node uses; the rest of the limit is for everything else.
      {"{heap_mib}", std::to_string(std::max<std::uint64_t>(memory_limit / 4 * 3 >> 20, 16))},
  };
  for (const auto& [name, value] : values) {
    const std::size_t at = text.find(name);
    if (at != std::string::npos) text.replace(at, name.size(), value);
  }
  return text;
}

}  // namespace

const std::vector<Runtime>& Runtimes() {
  static const std::vector<Runtime> runtimes = {
      {"py", "python", {"py", "python"}, "main", ".py", {"/usr/bin/python3", "-s", "{source}"}, {}},
      {"bash", "bash", {"bash", "sh"}, "script", ".sh", {"/bin/bash", "{source}"}, {}},
      // js is Bun's in the reference; until there is a root with Bun in it, both run on Node.
      {"js",
       "javascript",
       {"js", "javascript", "bun", "bun-js"},
       "index",
       ".js",
       {"/usr/bin/node", "--max-old-space-size={heap_mib}", "{source}"},
       {}},
      {"node",
       "node",
       {"node", "nodejs", "node-js", "node-javascript"},
       "index",
       ".js",
       {"/usr/bin/node", "--max-old-space-size={heap_mib}", "{source}"},
       {}},
  };
  return runtimes;
}

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
  return it == Runtimes().end() ? nullptr : &*it;
}

ProgramStartSpec MakeProgramStart(const Runtime& runtime, const std::string& source_path,
                                  const std::vector<std::string>& args, std::uint64_t memory_limit) {
  ProgramStartSpec out;
  for (const std::string& part : runtime.run) out.argv.push_back(Expand(part, source_path, memory_limit));
  out.argv.insert(out.argv.end(), args.begin(), args.end());
  auto environment = CommonEnvironment();
  environment["SANDBOX_LANGUAGE"] = runtime.language;
  for (const auto& [name, value] : runtime.environment)
    environment[name] = Expand(value, source_path, memory_limit);
  for (const auto& [name, value] : environment) out.env.push_back(name + "=" + value);
  return out;
}

}  // namespace codeapi
