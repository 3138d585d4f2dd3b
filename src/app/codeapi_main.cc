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

// `codeapi keys create|list|revoke|manifest`.
CLI::App* AddKeys(CLI::App& app, codeapi::KeysOptions& options, codeapi::ManifestKeysOptions& pair) {
  using Action = codeapi::KeysOptions::Action;
  CLI::App* keys = app.add_subcommand(
      "keys",
      "Make, list and revoke API keys, beside a running server or not; make keys that jobs are signed with");
  keys->require_subcommand(1);
  const auto add = [&](const char* name, const char* description, Action action) {
    CLI::App* command = keys->add_subcommand(name, description);
    command->add_option("--data-dir", options.data_dir,
                        "Where the server keeps its state (CODEAPI_DATA_DIR)");
    command->callback([&options, action] { options.action = action; });
    return command;
  };
  CLI::App* create = add("create", "Make a key and print it, this once", Action::kCreate);
  create->add_option("--user", options.user, "Whom the key speaks for")->required();
  create->add_option("--tenant", options.tenant, "The user's tenant (CODEAPI_JWT_SINGLE_TENANT_ID, legacy)");
  create->add_option("--plan", options.plan, "The user's plan, one of CODEAPI_PLAN_LIMITS");
  create->add_option("--label", options.label, "What the key is for, shown by list");
  create->add_option("--expires", options.expires,
                     "How long it is good for, as 90d or 12h; else until revoked");
  CLI::App* list = add("list", "Show whose keys there are, never the keys", Action::kList);
  list->add_flag("--json", options.json, "Print a JSON array");
  CLI::App* revoke = add("revoke", "Make a key useless, from the next request on", Action::kRevoke);
  revoke->add_option("ID", options.id, "The 12 characters after capi_")->required();
  CLI::App* manifest = keys->add_subcommand("manifest",
                                            "Make a pair of Ed25519 keys: the API signs every job with one, "
                                            "workers check with the other. Printed as the "
                                            "two settings, in base64");
  CLI::Option* out = manifest->add_option(
      "--out", pair.out,
      "Write them to manifest-private-key.pem and manifest-public-key.pem in this directory, "
      "readable for their owner alone, and print where");
  manifest->add_flag("--pem", pair.pem, "Print both in PEM instead")->excludes(out);
  manifest->callback([&pair] { pair.wanted = true; });
  return keys;
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

  codeapi::ApiOptions api_options;
  CLI::App* api = app.add_subcommand(
      "api", "Serve the API only: programs run in workers, which it meets in Redis (REDIS_HOST)");
  api->add_option("--host", api_options.host, "Numeric address to listen on (CODEAPI_HOST, 127.0.0.1)");
  api->add_option("--port", api_options.port, "Port to listen on (SERVICE_PORT, 3112)")
      ->check(CLI::Range(1, 65535));

  codeapi::WorkerOptions worker_options;
  CLI::App* worker =
      app.add_subcommand("worker", "Run programs that API processes leave in Redis (REDIS_HOST)");
  worker->add_option("--health-host", worker_options.health_host,
                     "Numeric address of health and metrics (WORKER_HEALTH_HOST, 127.0.0.1)");
  worker
      ->add_option("--health-port", worker_options.health_port,
                   "Port of health and metrics (WORKER_HEALTH_PORT, 3113)")
      ->check(CLI::Range(1, 65535));

  codeapi::FileServerOptions file_server_options;
  CLI::App* file_server =
      app.add_subcommand("file-server", "Serve stored files over HTTP, for services on other machines");
  file_server->add_option("--host", file_server_options.host,
                          "Numeric address to listen on (FILE_SERVER_HOST, 127.0.0.1)");
  file_server->add_option("--port", file_server_options.port, "Port to listen on (FILE_SERVER_PORT, 3000)")
      ->check(CLI::Range(1, 65535));
  file_server->add_option("--data-dir", file_server_options.data_dir,
                          "Where files are kept unless that is S3 (CODEAPI_DATA_DIR)");

  codeapi::ToolCallServerOptions tool_call_options;
  CLI::App* tool_call_server = app.add_subcommand(
      "tool-call-server", "Pair tool calls with their results over HTTP, for programs of other services");
  tool_call_server->add_option("--host", tool_call_options.host,
                               "Numeric address to listen on (TOOL_CALL_SERVER_HOST, 127.0.0.1)");
  tool_call_server
      ->add_option("--port", tool_call_options.port, "Port to listen on (TOOL_CALL_SERVER_PORT, 3033)")
      ->check(CLI::Range(1, 65535));

  codeapi::EgressGatewayOptions gateway_options;
  CLI::App* gateway = app.add_subcommand(
      "egress-gateway",
      "Let workers reach the files of the executions they have been given, and nothing else");
  gateway->add_option("--host", gateway_options.host,
                      "Numeric address to listen on (EGRESS_GATEWAY_HOST, 127.0.0.1)");
  gateway->add_option("--port", gateway_options.port, "Port to listen on (EGRESS_GATEWAY_PORT, 3190)")
      ->check(CLI::Range(1, 65535));

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
  codeapi::KeysOptions keys_options;
  codeapi::ManifestKeysOptions pair_options;
  CLI::App* keys = AddKeys(app, keys_options, pair_options);
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
  if (api->parsed()) return codeapi::ApiCommand(api_options);
  if (worker->parsed()) return codeapi::WorkerCommand(worker_options);
  if (file_server->parsed()) return codeapi::FileServerCommand(file_server_options);
  if (tool_call_server->parsed()) return codeapi::ToolCallServerCommand(tool_call_options);
  if (gateway->parsed()) return codeapi::EgressGatewayCommand(gateway_options);
  if (run->parsed()) return codeapi::RunCommand(run_options);
  if (doctor->parsed()) return codeapi::DoctorCommand();
  if (packages->parsed()) return codeapi::PackageInitCommand(package_options);
  if (config->parsed()) return codeapi::ConfigCommand();
  if (pair_options.wanted) return codeapi::ManifestKeysCommand(pair_options);
  if (keys->parsed()) return codeapi::KeysCommand(keys_options);
  return jailer->parsed() ? JailerCommand() : 1;
}
