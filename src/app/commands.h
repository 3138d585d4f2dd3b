// The commands of the codeapi program. Each returns the exit status of the process.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace codeapi {

struct ServeOptions {
  std::optional<std::string> host;
  std::optional<int> port;
  std::optional<std::string> data_dir;
};

struct ApiOptions {
  std::optional<std::string> host;
  std::optional<int> port;
};

struct WorkerOptions {
  std::optional<std::string> health_host;
  std::optional<int> health_port;
};

struct FileServerOptions {
  std::optional<std::string> host;
  std::optional<int> port;
  std::optional<std::string> data_dir;
};

struct ToolCallServerOptions {
  std::optional<std::string> host;
  std::optional<int> port;
};

struct EgressGatewayOptions {
  std::optional<std::string> host;
  std::optional<int> port;
};

struct RunOptions {
  std::string file;
  std::vector<std::string> args;
  std::optional<std::string> language;
  std::vector<std::string> inputs;  ///< files of this machine that go into the workspace
  std::string out_dir = ".";
  std::optional<std::string> stdin_file;  ///< "-" is this program's own
  std::optional<int> timeout_ms;
  bool timings = false;  ///< print set-up steps as one JSON line on stderr
};

struct KeysOptions {
  enum class Action { kCreate, kList, kRevoke };
  Action action = Action::kList;
  std::string id;  ///< of the key to revoke
  std::string user;
  std::optional<std::string> tenant;  ///< CODEAPI_JWT_SINGLE_TENANT_ID if not given
  std::string plan;
  std::string label;
  std::optional<std::string> expires;  ///< a duration from now; seconds without a unit
  std::optional<std::string> data_dir;
  bool json = false;
};

struct PackageInitOptions {
  std::string profile = "core";
  std::optional<std::string> directory;  ///< where roots are kept, instead of the setting's
  std::optional<std::string> lists;      ///< where the declared lists are
  bool dry_run = false;
  bool force = false;
  bool list = false;   ///< only print what the current root holds
  bool prune = false;  ///< only remove roots that are no longer used
};

struct ManifestKeysOptions {
  bool wanted = false;             ///< the command was given
  std::optional<std::string> out;  ///< directory for two files, instead of stdout
  bool pem = false;                ///< PEM on stdout, instead of settings
};

/// Everything on one machine, until SIGTERM or SIGINT.
int ServeCommand(const ServeOptions& options);
/// The API, for workers of other processes, until SIGTERM or SIGINT.
int ApiCommand(const ApiOptions& options);
/// Runs programs for API processes, until SIGTERM or SIGINT.
int WorkerCommand(const WorkerOptions& options);
/// Stored files over HTTP, for services on other machines, until SIGTERM or SIGINT.
int FileServerCommand(const FileServerOptions& options);
/// Tool calls over HTTP, for programs of other services, until SIGTERM or SIGINT.
int ToolCallServerCommand(const ToolCallServerOptions& options);
/// The one door between workers and stored files, until SIGTERM or SIGINT.
int EgressGatewayCommand(const EgressGatewayOptions& options);
/// One file in a cell. The program's exit status; 128+n when signal n ended it; 125 when there was no cell.
int RunCommand(const RunOptions& options);
/// What this host can isolate. 0 when cells can be made.
int DoctorCommand();
/// Builds the root that programs see as `/`. 0 when it is there afterwards.
int PackageInitCommand(const PackageInitOptions& options);
/// Every setting with its value and source.
int ConfigCommand();
/// Makes a pair of keys for execution manifests. 0, or 1 when that was not possible.
int ManifestKeysCommand(const ManifestKeysOptions& options);
/// Makes, lists or revokes API keys in the state file. 0, or 1 when that was not possible.
int KeysCommand(const KeysOptions& options);

}  // namespace codeapi
