#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <string_view>

#include <CLI/CLI.hpp>

#include "app/commands.h"
#include "app/wiring.h"

namespace {

// `codeapi jailer`: what a worker starts by itself; here so that every role can be found under one name.
int JailerCommand() {
  const auto settings = codeapi::LoadSettings();
  const auto path = settings ? codeapi::FindJailer(*settings) : std::unexpected(settings.error());
  if (!path) {
    std::fprintf(stderr, "codeapi: %s\n", path.error().message.c_str());
    return 1;
  }
  ::execl(path->c_str(), "codeapi-jailer", nullptr);
  std::fprintf(stderr, "codeapi: cannot execute %s\n", path->c_str());
  return 1;
}

// `run` takes options up to FILE and leaves the rest to the program, whatever it looks like. Returns how many
// words are ours.
int CutProgramArguments(int argc, char** argv, std::vector<std::string>& args) {
  if (argc < 2 || std::string_view(argv[1]) != "run") return argc;
  constexpr std::string_view kWithValue[] = {"--lang", "--in", "--out", "--stdin", "--timeout"};
  for (int i = 2; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (std::ranges::find(kWithValue, word) != std::end(kWithValue)) {
      ++i;
    } else if (!word.starts_with("-")) {
      args.assign(argv + i + 1, argv + argc);
      return i + 1;
    }
  }
  return argc;
}

}  // namespace

int main(int argc, char** argv) {
  // A process started without them must not hand their numbers to its own files.
  for (int fd = ::open("/dev/null", O_RDWR); fd >= 0; fd = ::open("/dev/null", O_RDWR)) {
    if (fd > 2) {
      ::close(fd);
      break;
    }
  }
  CLI::App app("Runs untrusted code in sandboxed cells and serves LibreChat's Code Interpreter API.",
               "codeapi");
  app.set_version_flag("--version", "codeapi " CODEAPI_VERSION);
  app.require_subcommand(1);
  app.footer("Settings come from the environment; `codeapi config` lists them all.");

  codeapi::ServeOptions serve_options;
  CLI::App* serve = app.add_subcommand("serve", "Serve the API with everything it needs on this machine");
  serve->add_option("--host", serve_options.host, "Numeric address to listen on (CODEAPI_HOST, 127.0.0.1)");
  serve->add_option("--port", serve_options.port, "Port to listen on (SERVICE_PORT, 3112)")
      ->check(CLI::Range(1, 65535));
  serve->add_option("--data-dir", serve_options.data_dir,
                    "Where files and state are kept (CODEAPI_DATA_DIR)");

  codeapi::RunOptions run_options;
  CLI::App* run = app.add_subcommand(
      "run", "Run one file in a cell; its output files are copied to the current directory");
  run->add_option("FILE", run_options.file, "The program")->required();
  run->add_option("--lang", run_options.language, "Language, if the file's extension does not tell");
  run->add_option("--in", run_options.inputs, "A file to put into the program's directory (can be repeated)")
      ->allow_extra_args(false);
  run->add_option("--out", run_options.out_dir, "Directory for output files")->capture_default_str();
  run->add_option("--stdin", run_options.stdin_file,
                  "A file to give as standard input; - is this command's own");
  run->add_option("--timeout", run_options.timeout_ms, "Wall time limit in milliseconds")
      ->check(CLI::Range(1, 86'400'000));
  run->add_flag("--timings", run_options.timings,
                "Print how long each step of making the cell took, as JSON on stderr");

  CLI::App* doctor =
      app.add_subcommand("doctor", "Tell what this host can isolate, what is missing and how to fix it");
  CLI::App* config =
      app.add_subcommand("config", "List every setting with its value and where that came from");
  CLI::App* jailer =
      app.add_subcommand("jailer", "The process that makes cells; started by a worker, not by hand");

  codeapi::PackageInitOptions package_options;
  CLI::App* packages = app.add_subcommand(
      "package-init", "Build the file tree that programs see as /, with languages and packages");
  packages->add_option("--profile", package_options.profile, "What to build: core, full or test")
      ->capture_default_str();
  packages->add_option("--dir", package_options.directory, "Where roots are kept (CODEAPI_PACKAGES_DIR)");
  packages->add_option("--lists", package_options.lists,
                       "Directory of the declared lists (CODEAPI_PACKAGE_LISTS)");
  CLI::Option* dry =
      packages->add_flag("--dry-run", package_options.dry_run, "Tell what would be done, build nothing");
  CLI::Option* force = packages->add_flag("--force", package_options.force,
                                          "Build even what is there already, for newer versions");
  CLI::Option* list =
      packages->add_flag("--list", package_options.list, "Print every package of the current root");
  packages
      ->add_flag("--prune", package_options.prune,
                 "Remove roots that are neither current nor in use on this machine")
      ->excludes(dry)
      ->excludes(force)
      ->excludes(list);
  list->excludes(dry)->excludes(force);

  run->footer(
      "Options stand before FILE and ARGS after it: codeapi run [OPTIONS] FILE [ARGS...]; whatever follows "
      "FILE, dashes and all, is for the program.");

  const int ours = CutProgramArguments(argc, argv, run_options.args);
  CLI11_PARSE(app, ours, argv);
  if (serve->parsed()) return codeapi::ServeCommand(serve_options);
  if (run->parsed()) return codeapi::RunCommand(run_options);
  if (doctor->parsed()) return codeapi::DoctorCommand();
  if (packages->parsed()) return codeapi::PackageInitCommand(package_options);
  if (config->parsed()) return codeapi::ConfigCommand();
  return jailer->parsed() ? JailerCommand() : 1;
}
