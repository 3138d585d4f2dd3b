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

/// Whether the files of the root are the same ones in all cells, or each cell's own.
enum class RootSharing { kShared, kPrivate };

/// What becomes of refused system calls: nothing, or a line in the log as well.
enum class SeccompMode { kEnforce, kLog };

/// Whether everyone is one local user. `kAuto`: yes, unless the settings name a way to authenticate.
enum class LocalMode { kAuto, kOn, kOff };

/// Who says who a caller is. `kAuto`: LibreChat's tokens when a key to check them is configured.
enum class AuthProvider { kAuto, kLibreChatJwt, kApiKey, kBoth, kNone };

/// Where stored files are kept. `kAuto`: S3 when a setting names its endpoint or bucket, else a directory.
enum class ObjectStoreKind { kAuto, kDirectory, kS3 };

/// How the bucket stands in the address of an S3 request. `kAuto`: as the host name for Amazon's own
/// endpoints, in the path for all others.
enum class S3Addressing { kAuto, kPath, kVirtualHost };

/// Looks one environment variable up; nullopt when it is not set.
using GetEnv = std::function<std::optional<std::string>(std::string_view)>;

/// What the service was told. A default-constructed Settings holds the defaults. Sizes are bytes. Immutable
/// after Load as far as the service is concerned, so any thread may read it.
struct Settings {
  // HTTP
  std::uint16_t service_port = 3112;
  std::string host = "127.0.0.1";
  std::int64_t http_json_limit = 50 << 20;
  int threads = 0;                          ///< 0: one per core
  LocalMode local_mode = LocalMode::kAuto;  ///< one user, no token, no rate limits
  bool hardened_sandbox_mode = false;
  LogLevel log_level = LogLevel::kInfo;

  // Where things are
  std::string data_dir;  ///< absolute; empty: the caller chooses
  std::string
      libexec_dir;  ///< absolute; where codeapi-jailer and codeapi-init are; empty: beside this program
  std::string
      root;  ///< what cells see as `/`: "host" or an absolute path; empty: what package-init built, else host
  std::string packages_dir;   ///< absolute; where package-init keeps roots; empty: the caller chooses
  std::string package_lists;  ///< absolute; where the declared lists are; empty: beside this program
  std::string debian_mirror;  ///< URI; empty: this machine's
  std::string debian_security_mirror;  ///< URI; empty: this machine's
  std::string debian_keyring;  ///< absolute; keys of both; empty: the debian-archive-keyring package's

  // Who asks
  AuthProvider auth_provider = AuthProvider::kAuto;
  bool allow_auth_provider_none = false;  ///< permits doing without authentication on a public address
  std::string jwt_allowed_algs = "EdDSA,RS256";
  std::string jwt_issuer = "librechat";
  std::string jwt_audience = "codeapi";
  std::string jwt_jwks_json;        ///< {"keys":[…]}
  std::string jwt_public_keys_dir;  ///< one key a file; the file's stem is the key id
  std::string jwt_public_key;       ///< PEM or JWK; `\\n` stands for a line end
  std::string jwt_kid;              ///< key id of jwt_public_key
  std::string jwt_hs256_secret;
  std::string jwt_hs256_kid;
  std::chrono::milliseconds jwt_max_ttl{300'000};
  std::chrono::milliseconds jwt_clock_skew{30'000};
  std::chrono::milliseconds jwt_key_cache_ttl{30'000};
  std::string jwt_single_tenant_id = "legacy";
  bool tenant_isolation_strict = false;
  std::string synthetic_access_token;
  std::string synthetic_user_id = "synthetic-tests";
  std::string synthetic_tenant_id = "synthetic";

  // How much one caller may ask for (not in local mode)
  std::chrono::milliseconds exec_limit_window{30'000};
  int exec_limit_max = 20;
  std::chrono::milliseconds upload_limit_window{300'000};
  int upload_limit_max = 30;
  std::chrono::milliseconds download_limit_window{60'000};
  int download_limit_max = 60;
  std::chrono::milliseconds fetch_limit_window{60'000};
  int fetch_limit_max = 120;
  int user_max_concurrent = 16;  ///< executions of one caller, running or waiting
  std::string plan_limits;       ///< JSON: plan → {run_memory_limit, max_file_size}

  // Stored files
  std::int64_t max_upload_size = 25 << 20;           ///< bytes of one uploaded file
  std::chrono::milliseconds upload_timeout{30'000};  ///< of one file
  ObjectStoreKind object_store = ObjectStoreKind::kAuto;
  std::string s3_endpoint = "localhost";
  std::uint16_t s3_port = 9000;
  bool s3_no_port = false;  ///< leave the port out of the address: the scheme's own
  bool s3_use_ssl = false;
  std::string s3_access_key;
  std::string s3_secret_key;
  std::string s3_session_token;
  std::string s3_bucket = "test-bucket";
  std::string s3_region = "us-east-1";
  S3Addressing s3_addressing = S3Addressing::kAuto;
  bool s3_create_bucket = true;
  std::string s3_ca_file;  ///< PEM; empty: the system's
  bool s3_use_irsa = false;
  std::string aws_web_identity_token_file;
  std::string aws_role_arn;
  std::string aws_sts_endpoint;  ///< URL; empty: https://sts.<region>.amazonaws.com

  // Redis; used when redis_url or redis_host is set
  std::string redis_url;  ///< redis://, rediss:// or unix://; wins over the settings below that it names
  std::string redis_host;
  std::uint16_t redis_port = 6379;
  std::string redis_username;  ///< of an ACL user; empty: the default user
  std::string redis_password;
  int redis_db = 0;
  bool redis_tls = false;
  bool redis_tls_verify = true;
  std::string redis_tls_ca;           ///< PEM; empty: the system's
  std::string redis_tls_server_name;  ///< empty: the host
  std::chrono::milliseconds redis_keep_alive{0};
  std::chrono::milliseconds redis_connect_timeout{2'000};
  std::chrono::milliseconds redis_command_timeout{2'000};
  std::string redis_prefix = "codeapi:";  ///< every key and channel begins with it

  // File server
  std::string file_server_host = "127.0.0.1";
  std::uint16_t file_server_port = 3000;
  std::string file_server_url;       ///< empty: objects are kept by this process itself
  std::string manifest_private_key;  ///< Ed25519, PEM or base64 of PKCS#8; a secret
  std::string manifest_public_keys;  ///< Ed25519, PEM or base64 of SPKI; one, or two with a comma between
  std::string internal_service_token;
  bool allow_unauthenticated_internal = false;

  // Tool-call server
  std::string tool_call_server_host = "127.0.0.1";
  std::uint16_t tool_call_server_port = 3033;
  std::chrono::milliseconds tool_call_request_timeout{300'000};

  // Egress gateway
  std::string egress_gateway_host = "127.0.0.1";
  std::uint16_t egress_gateway_port = 3190;
  std::string egress_gateway_url;  ///< of a worker: empty: files are reached directly
  std::string egress_gateway_file_server_url;
  std::string egress_gateway_tool_call_server_url;
  std::int64_t egress_max_file_bytes = 10'000'000;
  std::string egress_grant_secret;
  std::chrono::milliseconds egress_grant_ttl{900'000};
  std::chrono::milliseconds egress_lease{15'000};
  std::string egress_ledger_redis_url;
  bool egress_ledger_required = false;
  std::chrono::milliseconds egress_ledger_grace{300'000};

  std::string worker_user;  ///< whom a worker becomes, NAME or UID[:GID]; empty: it stays who it is

  // Health and metrics of a worker
  std::string worker_health_host = "127.0.0.1";
  std::uint16_t worker_health_port = 3113;

  // Queue and life
  int queue_max = 256;
  std::chrono::milliseconds queue_lease{15'000};   ///< a process not heard of for so long counts as dead
  std::chrono::milliseconds job_timeout{300'000};  ///< also the most a request may ask for
  std::chrono::milliseconds file_ttl{86'400'000};
  std::chrono::milliseconds session_cache_ttl{0};  ///< the reference's name for file_ttl; 0: not set
  std::chrono::milliseconds shutdown_grace{10'000};
  std::chrono::milliseconds health_max_age{60'000};

  // Cells
  int max_concurrent_jobs = 8;
  int pool_size = 4;  ///< cells kept ready; 0: none
  int max_waiting_programs = 16;
  std::int64_t max_waiting_memory = 8ll << 30;
  std::chrono::milliseconds tool_call_session_expiry{600'000};
  CgroupMode cgroup = CgroupMode::kAuto;
  RootSharing root_sharing = RootSharing::kShared;
  bool warm = true;                        ///< start programs from interpreters that are ready
  std::int64_t warm_memory = 512ll << 20;  ///< bytes of interpreters that wait for programs, each in its cell
  SeccompMode seccomp = SeccompMode::kEnforce;
  std::uint32_t sandbox_uid_base = 200'000;
  int sandbox_cpu_weight = 100;    ///< of each execution, as in cgroup v2
  int sandbox_cpu_hundredths = 0;  ///< 150 is one and a half CPUs; 0: all

  // Limits of one execution
  std::chrono::milliseconds run_timeout{30'000};  ///< wall time
  std::chrono::milliseconds run_cpu_time{0};      ///< over the whole tree; 0: twice the wall time
  std::int64_t run_memory_limit = 512LL << 20;
  std::chrono::milliseconds compile_timeout{30'000};  ///< wall time of the compiler
  std::chrono::milliseconds compile_cpu_time{0};      ///< over the whole tree; 0: twice the wall time
  std::int64_t compile_memory_limit = 1LL << 30;
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
  std::int64_t input_cache_bytes = 128LL << 20;        ///< of a worker whose files are elsewhere; 0: none
  std::int64_t input_cache_tenant_bytes = 32LL << 20;  ///< of one tenant
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
