// Every setting of the service, typed. Defaults stand here; names, ranges and meanings in settings_table.cc.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace codeapi {

enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError, kOff };

/// How resources of a cell are limited. `kAuto` takes what the host has mounted.
enum class CgroupMode { kAuto, kV1, kV2, kNone };

/// What becomes of refused system calls: nothing, or a line in the log as well.
enum class SeccompMode { kEnforce, kLog };

/// Looks one environment variable up; nullopt when it is not set.
using GetEnv = std::function<std::optional<std::string>(std::string_view)>;

/// What the service was told. A default-constructed Settings holds the defaults. Sizes are bytes. Immutable
/// after Load as far as the service is concerned, so any thread may read it.
struct Settings {
  // HTTP
  std::uint16_t service_port = 3112;
  std::string host = "127.0.0.1";
  std::int64_t http_json_limit = 50 << 20;
  int threads = 0;         ///< 0: one per core
  bool local_mode = true;  ///< one user, no token, no rate limits
  bool hardened_sandbox_mode = false;
  LogLevel log_level = LogLevel::kInfo;

  // Where things are
  std::string data_dir;  ///< absolute; empty: the caller chooses
  std::string
      libexec_dir;  ///< absolute; where codeapi-jailer and codeapi-init are; empty: beside this program
  std::string root = "host";  ///< what cells see as `/`: "host" or an absolute path

  // Queue and life
  int queue_max = 256;
  std::chrono::milliseconds job_timeout{300'000};  ///< also the most a request may ask for
  std::chrono::milliseconds file_ttl{86'400'000};
  std::chrono::milliseconds shutdown_grace{10'000};
  std::chrono::milliseconds health_max_age{60'000};

  // Cells
  int max_concurrent_jobs = 8;
  int pool_size = 4;  ///< cells kept ready; 0: none
  CgroupMode cgroup = CgroupMode::kAuto;
  SeccompMode seccomp = SeccompMode::kEnforce;
  std::uint32_t sandbox_uid_base = 200'000;
  int sandbox_cpu_weight = 100;    ///< of each execution, as in cgroup v2
  int sandbox_cpu_hundredths = 0;  ///< 150 is one and a half CPUs; 0: all

  // Limits of one execution
  std::chrono::milliseconds run_timeout{30'000};  ///< wall time
  std::chrono::milliseconds run_cpu_time{0};      ///< over the whole tree; 0: twice the wall time
  std::int64_t run_memory_limit = 512LL << 20;
  std::int64_t workspace_bytes = 512LL << 20;
  std::int64_t workspace_inodes = 20'000;
  std::int64_t output_max_size = 65'536;  ///< per stream
  int max_process_count = 128;
  int max_open_files = 2048;
  std::int64_t rlimit_fsize = 100LL << 20;  ///< largest file a program may write (the variable is in MiB)

  // Files of one execution
  std::int64_t max_file_size = 10'000'000;  ///< largest output file
  int max_output_files = 50;
  int max_input_files = 256;
  int max_nesting_depth = 10;
  int max_path_length = 256;
  std::vector<std::string> output_extensions;  ///< more than the built-in ones; lower case, no dot; "*": all

  /// The variable each setting came from, in the order of SettingsTable(); empty: default.
  std::vector<std::string> sources;

  /// Sentences for the operator: unknown names, settings that contradict each other. Not fatal.
  std::vector<std::string> warnings;

  /// Reads every setting through `getenv`. A variable that is empty counts as not set. `environment_names` is
  /// every name in the environment: `CODEAPI_*` names among them that nobody knows become warnings. Fails
  /// with kInvalid if a value cannot be read or is out of range; the message has one line per such variable
  /// with its name, its value and what is allowed. Values of secrets are never in a message.
  static Result<Settings> Load(const GetEnv& getenv, const std::vector<std::string>& environment_names);

  /// A table for people: one line per setting with name, value and source (a variable's name or "default"),
  /// secrets masked. Ends with a newline.
  std::string Describe() const;
};

}  // namespace codeapi
