// The table of languages. Add a row, a directory in tests/languages/, and the package that brings it to the
// root.

#include "runtime/runtime.h"

namespace codeapi {
namespace {

// The limit is the cell's; a heap of V8 that does not know it is killed where it could have collected.
Command Node(const std::string& path) {
  return {.run = {path, "--max-old-space-size={heap_mib}", "{source}"},
          .environment = {{"NODE_PATH", "/usr/local/lib/node_modules"}},
          .prestart = {.possible = true}};
}

// CommonJS, ESM and top-level await in one file, with types or without. Nothing is ever fetched: there is no
// network to wait for.
Command Bun(const std::string& path) {
  return {.run = {path, "--no-install", "{source}"},
          .environment = {{"BUN_JSC_forceRAMSize", "{heap_bytes}"},
                          {"BUN_RUNTIME_TRANSPILER_CACHE_PATH", "0"},
                          {"DO_NOT_TRACK", "1"},
                          {"NODE_PATH", "/usr/local/lib/node_modules"}},
          .prestart = {.possible = true, .opens_program = true, .missing = {"bunfig.toml"}}};
}

// Two starts of a JVM, each as short as it can be: no statistics file, no heap that threads collect, classes
// out of an archive; and for the compiler, which is over before it would pay, no second compiler. A root may
// bring an archive of the compiler's own classes.
Command Java(const std::string& archive) {
  Command out;
  out.compile = {"/usr/bin/javac", "-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC",
                 "-J-Xshare:auto", "-J-XX:-UsePerfData",        "-J-Xmx{heap_mib}m"};
  if (!archive.empty()) out.compile.push_back("-J-XX:SharedArchiveFile=" + archive);
  for (const char* argument :
       {"-encoding", "UTF-8", "-proc:none", "-cp", "/mnt/data", "-d", "{build}", "{source}"}) {
    out.compile.emplace_back(argument);
  }
  out.run = {"/usr/bin/java",
             "-XX:+UseSerialGC",
             "-Xshare:auto",
             "-XX:-UsePerfData",
             "-XX:ErrorFile=/tmp/hs_err.log",
             "-Xmx{heap_mib}m",
             "-Dstdout.encoding=UTF-8",
             "-Dstderr.encoding=UTF-8",
             "-Dfile.encoding=UTF-8",
             "-cp",
             "{build}:/mnt/data",
             "{entry}"};
  out.needs = archive;
  return out;
}

// Messages to stderr, once, and as text.
Command Php() {
  return {.run = {"/usr/bin/php", "-d", "display_errors=stderr", "-d", "log_errors=0", "-d", "html_errors=0",
                  "-d", "memory_limit=-1", "-d", "max_execution_time=0", "{source}"}};
}

// Since 1.20 Go compiles its library whenever it does not find it compiled; a root brings that along in
// `cache`, read-only, which `go` takes as a cache that it cannot add to.
Command Go(const std::string& cache, const std::string& needed) {
  return {.compile = {"/usr/bin/go", "build", "-ldflags=-s -w", "-o", "{program}", "{source}"},
          .run = {"{program}"},
          .environment = {{"CGO_ENABLED", "0"},
                          {"GOCACHE", cache},
                          {"GOENV", "off"},
                          {"GOMEMLIMIT", "{heap_mib}MiB"},
                          {"GOPATH", "/tmp/go"},
                          {"GOPROXY", "off"},
                          {"GOSUMDB", "off"},
                          {"GOTELEMETRY", "off"},
                          {"GOTOOLCHAIN", "local"}},
          .needs = needed};
}

// What packages/warm-languages.sh makes.
constexpr const char* kGoCache = "/usr/lib/codeapi/go-build";
constexpr const char* kJavacArchive = "/usr/lib/codeapi/javac.jsa";

}  // namespace

const std::vector<Runtime>& Runtimes() {
  static const std::vector<Runtime> runtimes = {
      {.id = "py",
       .language = "python",
       .aliases = {"py", "python", "py3", "python3"},
       .source_stem = "main",
       .source_extension = ".py",
       .package = "python3",
       .commands = {{.run = {"/usr/bin/python3", "-s", "{source}"},
                     .tools = {"/usr/bin/python3", "-s", "{support}/run.py", "{source}"},
                     .forks = true}}},
      {.id = "bash",
       .language = "bash",
       .aliases = {"bash", "sh", "shell"},
       .source_stem = "script",
       .source_extension = ".sh",
       .package = "bash",
       .commands = {{.run = {"/bin/bash", "{source}"},
                     .tools = {"/bin/bash", "{source}"},
                     .tools_environment = {{"BASH_ENV", "{support}/functions.sh"}}}}},
      {.id = "js",
       .language = "javascript",
       .aliases = {"js", "javascript", "bun", "bun-js"},
       .source_stem = "index",
       .source_extension = ".js",
       .package = "nodejs",
       .commands = {Bun("/usr/local/bin/bun"), Bun("/usr/bin/bun"), Node("/usr/bin/node"),
                    Node("/usr/local/bin/node")}},
      {.id = "node",
       .language = "node",
       .aliases = {"node", "nodejs", "node-js", "node-javascript"},
       .source_stem = "index",
       .source_extension = ".js",
       .package = "nodejs",
       .commands = {Node("/usr/bin/node"), Node("/usr/local/bin/node")}},
      {.id = "ts",
       .language = "typescript",
       .aliases = {"ts", "typescript", "bun-ts", "bun-typescript"},
       .source_stem = "main",
       .source_extension = ".ts",
       .package = "",
       .commands = {Bun("/usr/local/bin/bun"), Bun("/usr/bin/bun")}},
      {.id = "c",
       .language = "c",
       .aliases = {"c", "gcc"},
       .source_stem = "main",
       .source_extension = ".c",
       .package = "gcc libc6-dev",
       .commands = {{.compile = {"/usr/bin/gcc", "-std=gnu17", "-O2", "-pthread", "-o", "{program}",
                                 "{source}", "-lm"},
                     .run = {"{program}"}}}},
      {.id = "cpp",
       .language = "cpp",
       .aliases = {"cpp", "c++", "cxx", "cc", "g++"},
       .source_stem = "main",
       .source_extension = ".cpp",
       .package = "g++",
       .commands = {{.compile = {"/usr/bin/g++", "-std=gnu++23", "-O2", "-pthread", "-o", "{program}",
                                 "{source}"},
                     .run = {"{program}"}}}},
      {.id = "java",
       .language = "java",
       .aliases = {"java"},
       .source_stem = "Main",
       .source_extension = ".java",
       .package = "default-jdk-headless",
       .commands = {Java(kJavacArchive), Java("")},
       .naming = Naming::kJava},
      {.id = "php",
       .language = "php",
       .aliases = {"php"},
       .source_stem = "main",
       .source_extension = ".php",
       .package = "php-cli",
       .commands = {Php()},
       .opening = "<?php ",
       .marks = {"<?php", "<?PHP", "<?="}},
      {.id = "rs",
       .language = "rust",
       .aliases = {"rs", "rust"},
       .source_stem = "main",
       .source_extension = ".rs",
       .package = "rustc",
       // Fast programs that still stop at an overflow, as people know it from `cargo run`.
       .commands = {{.compile = {"/usr/bin/rustc", "--edition=2021", "--crate-type=bin", "--crate-name=main",
                                 "-Copt-level=2", "-Coverflow-checks=on", "-o", "{program}", "{source}"},
                     .run = {"{program}"}}}},
      {.id = "go",
       .language = "go",
       .aliases = {"go", "golang"},
       .source_stem = "main",
       .source_extension = ".go",
       .package = "golang-go",
       .commands = {Go(kGoCache, kGoCache), Go("{build}/go-build", "")}},
      {.id = "d",
       .language = "d",
       .aliases = {"d", "dlang", "ldc"},
       .source_stem = "main",
       .source_extension = ".d",
       .package = "ldc",
       .commands = {{.compile = {"/usr/bin/ldc2", "-O1", "-od={build}", "-of={program}", "{source}"},
                     .run = {"{program}"}}}},
      {.id = "f90",
       .language = "fortran",
       .aliases = {"f90", "fortran", "f95", "gfortran"},
       .source_stem = "main",
       .source_extension = ".f90",
       .package = "gfortran",
       .commands = {{.compile = {"/usr/bin/gfortran", "-ffree-form", "-O2", "-J", "{build}", "-o",
                                 "{program}", "{source}"},
                     .run = {"{program}"}}}},
      {.id = "r",
       .language = "r",
       .aliases = {"r", "rscript"},
       .source_stem = "main",
       .source_extension = ".r",
       .package = "r-base-core r-cran-cairo",
       .commands = {{.run = {"/usr/bin/Rscript", "--vanilla", "{source}"}}}},
  };
  return runtimes;
}

}  // namespace codeapi
