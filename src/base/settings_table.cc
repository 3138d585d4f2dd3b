#include "base/settings_table.h"

#include <algorithm>
#include <array>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/settings_values.h"
#include "base/text.h"

namespace codeapi {
namespace {

using S = Settings;
using enum SettingKind;

constexpr std::int64_t kKiB = 1 << 10;
constexpr std::int64_t kMiB = 1 << 20;
constexpr std::int64_t kGiB = 1 << 30;
constexpr std::int64_t kTiB = kGiB * 1024;
constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;

// More users than this above the base would leave the signed 32 bits that user ids are safe in.
constexpr std::int64_t kLastUidBase = std::numeric_limits<std::int32_t>::max() - 65'536;

constexpr unsigned kFront = kServe | kApi;
constexpr unsigned kBack = kServe | kWorker;
constexpr unsigned kStores = kFront | kBack | kFileServer;
constexpr unsigned kServices = kStores | kToolCallServer | kEgressGateway;
constexpr unsigned kRedisUsers = kStores | kKeys | kEgressGateway;
constexpr unsigned kCells = kBack | kRun | kDoctor;
constexpr unsigned kLimits = kBack | kRun;

// Beside our own words, those of the loggers of the services we stand in for.
constexpr Choice kLogLevels[] = {
    {"trace", static_cast<int>(LogLevel::kTrace)}, {"debug", static_cast<int>(LogLevel::kDebug)},
    {"info", static_cast<int>(LogLevel::kInfo)},   {"warn", static_cast<int>(LogLevel::kWarn)},
    {"error", static_cast<int>(LogLevel::kError)}, {"off", static_cast<int>(LogLevel::kOff)},
    {"silly", static_cast<int>(LogLevel::kTrace)}, {"verbose", static_cast<int>(LogLevel::kDebug)},
    {"http", static_cast<int>(LogLevel::kInfo)},   {"warning", static_cast<int>(LogLevel::kWarn)},
    {"fatal", static_cast<int>(LogLevel::kError)}, {"silent", static_cast<int>(LogLevel::kOff)},
};

constexpr Choice kCgroupModes[] = {
    {"auto", static_cast<int>(CgroupMode::kAuto)},
    {"v1", static_cast<int>(CgroupMode::kV1)},
    {"v2", static_cast<int>(CgroupMode::kV2)},
    {"none", static_cast<int>(CgroupMode::kNone)},
};

constexpr Choice kRootSharings[] = {
    {"shared", static_cast<int>(RootSharing::kShared)},
    {"private", static_cast<int>(RootSharing::kPrivate)},
};

constexpr Choice kSeccompModes[] = {
    {"enforce", static_cast<int>(SeccompMode::kEnforce)},
    {"log", static_cast<int>(SeccompMode::kLog)},
};

constexpr Choice kLocalModes[] = {
    {"auto", static_cast<int>(LocalMode::kAuto)}, {"true", static_cast<int>(LocalMode::kOn)},
    {"false", static_cast<int>(LocalMode::kOff)}, {"1", static_cast<int>(LocalMode::kOn)},
    {"yes", static_cast<int>(LocalMode::kOn)},    {"on", static_cast<int>(LocalMode::kOn)},
    {"0", static_cast<int>(LocalMode::kOff)},     {"no", static_cast<int>(LocalMode::kOff)},
    {"off", static_cast<int>(LocalMode::kOff)},
};

constexpr Choice kAuthProviders[] = {
    {"auto", static_cast<int>(AuthProvider::kAuto)},
    {"librechat-jwt", static_cast<int>(AuthProvider::kLibreChatJwt)},
    {"api-key", static_cast<int>(AuthProvider::kApiKey)},
    {"both", static_cast<int>(AuthProvider::kBoth)},
    {"none", static_cast<int>(AuthProvider::kNone)},
};

constexpr Choice kObjectStores[] = {
    {"auto", static_cast<int>(ObjectStoreKind::kAuto)},
    {"directory", static_cast<int>(ObjectStoreKind::kDirectory)},
    {"s3", static_cast<int>(ObjectStoreKind::kS3)},
};

constexpr Choice kS3Addressings[] = {
    {"auto", static_cast<int>(S3Addressing::kAuto)},
    {"path", static_cast<int>(S3Addressing::kPath)},
    {"virtual", static_cast<int>(S3Addressing::kVirtualHost)},
};

constexpr Choice kRootWords[] = {{"host", 0}};

// No alias may end in _PORT or _SERVICE_PORT: an orchestrator sets such variables for every service it knows,
// and a service called codeapi is likely.
constexpr SettingInfo kTable[] = {
    {"SERVICE_PORT", "", kInteger, &S::service_port, kFront, "TCP port of the HTTP API", 1, 65'535},
    {"CODEAPI_HOST", "", kString, &S::host, kFront, "address the HTTP API listens on", 1, 255},
    {"CODEAPI_HTTP_JSON_LIMIT", "", kSize, &S::http_json_limit, kFront, "largest JSON request body", kKiB,
     kGiB},
    {"CODEAPI_THREADS", "", kInteger, &S::threads, kServices, "threads that serve requests; 0: one per core",
     0, 256},
    {"LOCAL_MODE", "CODEAPI_LOCAL_MODE", kEnum, &S::local_mode, kFront,
     "one user, no token, no rate limits; auto: unless a way to authenticate is configured",
     .choices = kLocalModes},
    {"CODEAPI_HARDENED_SANDBOX_MODE", "", kBoolean, &S::hardened_sandbox_mode, kServices,
     "refuse to start unless everything that protects is in place"},
    {"LOG_LEVEL", "CODEAPI_LOG_LEVEL", kEnum, &S::log_level, kServices | kRun | kDoctor,
     "least important message that is logged", .choices = kLogLevels},

    {"CODEAPI_AUTH_PROVIDER", "", kEnum, &S::auth_provider, kFront,
     "who says who a caller is; auto: LibreChat's tokens if a key to check them is configured",
     .choices = kAuthProviders},
    {"CODEAPI_ALLOW_AUTH_PROVIDER_NONE", "", kBoolean, &S::allow_auth_provider_none, kFront,
     "permit doing without authentication outside of this machine"},
    {"CODEAPI_JWT_ALLOWED_ALGS", "", kString, &S::jwt_allowed_algs, kFront,
     "signatures accepted on tokens: EdDSA, RS256, HS256", 1, 255},
    {"CODEAPI_JWT_ISSUER", "", kString, &S::jwt_issuer, kFront, "who must have issued a token", 1, 255},
    {"CODEAPI_JWT_AUDIENCE", "", kString, &S::jwt_audience, kFront, "whom a token must be meant for", 1, 255},
    {"CODEAPI_JWT_JWKS_JSON", "", kDocument, &S::jwt_jwks_json, kFront,
     "public keys of tokens as a JSON Web Key Set"},
    {"CODEAPI_JWT_PUBLIC_KEYS_DIR", "", kPath, &S::jwt_public_keys_dir, kFront,
     "public keys of tokens, PEM or JWK, one a file that is called as the key's id"},
    {"CODEAPI_JWT_PUBLIC_KEY", "", kDocument, &S::jwt_public_key, kFront, "public key of tokens, PEM or JWK"},
    {"CODEAPI_JWT_KID", "CODEAPI_JWT_KEY_ID", kString, &S::jwt_kid, kFront,
     "key id that belongs to CODEAPI_JWT_PUBLIC_KEY", 1, 255},
    {"CODEAPI_JWT_HS256_SECRET", "", kSecret, &S::jwt_hs256_secret, kFront,
     "shared secret of tokens, for CODEAPI_JWT_ALLOWED_ALGS with HS256"},
    {"CODEAPI_JWT_HS256_KID", "", kString, &S::jwt_hs256_kid, kFront,
     "key id of that secret; unset: CODEAPI_JWT_KID, else hs256-dev", 1, 255},
    {"CODEAPI_JWT_MAX_TTL_SECONDS", "", kDuration, &S::jwt_max_ttl, kFront,
     "longest life of a token; without a unit in seconds", kSecond, 300 * kSecond, .bare_unit = kSecond},
    {"CODEAPI_JWT_CLOCK_SKEW_SECONDS", "", kDuration, &S::jwt_clock_skew, kFront,
     "how far clocks may differ; without a unit in seconds", 0, 30 * kSecond, .bare_unit = kSecond},
    {"CODEAPI_JWT_KEY_CACHE_TTL_SECONDS", "", kDuration, &S::jwt_key_cache_ttl, kFront,
     "how long keys are used before the directory is read again; without a unit in seconds", kSecond,
     300 * kSecond, .bare_unit = kSecond},
    {"CODEAPI_JWT_SINGLE_TENANT_ID", "", kString, &S::jwt_single_tenant_id, kFront,
     "tenant of tokens that name none", 1, 128},
    {"CODEAPI_TENANT_ISOLATION_STRICT", "", kBoolean, &S::tenant_isolation_strict, kFront,
     "refuse tokens that name no tenant"},
    {"CODEAPI_SYNTHETIC_ACCESS_TOKEN", "", kSecret, &S::synthetic_access_token, kFront,
     "token of a monitor that may execute programs; at least 32 bytes"},
    {"CODEAPI_SYNTHETIC_USER_ID", "", kString, &S::synthetic_user_id, kFront, "the monitor's user", 1, 128},
    {"CODEAPI_SYNTHETIC_TENANT_ID", "", kString, &S::synthetic_tenant_id, kFront, "the monitor's tenant", 1,
     128},

    {"RATE_LIMIT_WINDOW", "", kDuration, &S::exec_limit_window, kFront,
     "time over which executions of one user are counted", kSecond, kDay, .not_positive_is_default = true},
    {"MAX_REQUESTS", "", kInteger, &S::exec_limit_max, kFront, "executions of one user in that time", 1,
     1'000'000, .not_positive_is_default = true},
    {"UPLOAD_LIMIT_WINDOW", "", kDuration, &S::upload_limit_window, kFront,
     "time over which uploads of one user are counted", kSecond, kDay, .not_positive_is_default = true},
    {"UPLOAD_MAX_REQUESTS", "", kInteger, &S::upload_limit_max, kFront, "uploads of one user in that time", 1,
     1'000'000, .not_positive_is_default = true},
    {"DOWNLOAD_LIMIT_WINDOW", "", kDuration, &S::download_limit_window, kFront,
     "time over which downloads of one user are counted", kSecond, kDay, .not_positive_is_default = true},
    {"DOWNLOAD_MAX_REQUESTS", "", kInteger, &S::download_limit_max, kFront,
     "downloads of one user in that time", 1, 1'000'000, .not_positive_is_default = true},
    {"FETCH_LIMIT_WINDOW", "", kDuration, &S::fetch_limit_window, kFront,
     "time over which listings and deletions of one user are counted", kSecond, kDay,
     .not_positive_is_default = true},
    {"FETCH_MAX_REQUESTS", "", kInteger, &S::fetch_limit_max, kFront,
     "listings and deletions of one user in that time", 1, 1'000'000, .not_positive_is_default = true},
    {"CODEAPI_USER_MAX_CONCURRENT", "", kInteger, &S::user_max_concurrent, kFront,
     "executions of one user at once, running or waiting", 1, 1'000'000},
    {"CODEAPI_PLAN_LIMITS", "", kDocument, &S::plan_limits, kFront,
     "limits by plan: {\"<plan>\":{\"run_memory_limit\":<bytes>,\"max_file_size\":<bytes>}}"},

    {"MAX_FILE_SIZE", "CODEAPI_MAX_FILE_SIZE", kSize, &S::max_upload_size, kFront, "largest uploaded file", 1,
     kTiB, .not_positive_is_default = true},
    {"CODEAPI_UPLOAD_TIMEOUT", "", kDuration, &S::upload_timeout, kFront, "longest time to receive one file",
     kSecond, kDay},
    {"CODEAPI_OBJECT_STORE", "", kEnum, &S::object_store, kStores,
     "where files are kept; auto: s3 if MINIO_ENDPOINT or MINIO_BUCKET is set", .choices = kObjectStores},
    {"MINIO_ENDPOINT", "", kString, &S::s3_endpoint, kStores, "host name of the S3 service", 1, 255},
    {"MINIO_PORT", "", kInteger, &S::s3_port, kStores, "port of the S3 service", 1, 65'535},
    {"MINIO_NO_PORT", "", kBoolean, &S::s3_no_port, kStores, "use the usual port of http or https"},
    {"MINIO_USE_SSL", "", kBoolean, &S::s3_use_ssl, kStores, "speak TLS with the S3 service"},
    {"MINIO_ACCESS_KEY", "AWS_ACCESS_KEY_ID", kString, &S::s3_access_key, kStores, "access key of S3", 1,
     255},
    {"MINIO_SECRET_KEY", "AWS_SECRET_ACCESS_KEY", kSecret, &S::s3_secret_key, kStores, "secret key of S3"},
    {"MINIO_SESSION_TOKEN", "AWS_SESSION_TOKEN", kSecret, &S::s3_session_token, kStores,
     "session token that belongs to these keys"},
    {"MINIO_BUCKET", "", kString, &S::s3_bucket, kStores, "bucket that files are kept in", 1, 63},
    {"MINIO_REGION", "AWS_REGION", kString, &S::s3_region, kStores, "region that requests are signed for", 1,
     64},
    {"CODEAPI_S3_ADDRESSING", "", kEnum, &S::s3_addressing, kStores,
     "where the bucket stands in addresses; auto: in the host name at Amazon, else in the path",
     .choices = kS3Addressings},
    {"CODEAPI_S3_CREATE_BUCKET", "", kBoolean, &S::s3_create_bucket, kStores,
     "make the bucket if it does not exist"},
    {"CODEAPI_S3_CA_FILE", "", kPath, &S::s3_ca_file, kStores,
     "certificates that the S3 service is verified with; unset: the system's"},
    {"MINIO_USE_IRSA", "", kBoolean, &S::s3_use_irsa, kStores,
     "take keys for S3 from a web identity; also on with the two settings below"},
    {"AWS_WEB_IDENTITY_TOKEN_FILE", "", kPath, &S::aws_web_identity_token_file, kStores,
     "file with the web identity's token"},
    {"AWS_ROLE_ARN", "", kString, &S::aws_role_arn, kStores, "role that the web identity assumes", 1, 2048},
    {"AWS_ENDPOINT_URL_STS", "", kString, &S::aws_sts_endpoint, kStores,
     "URL of the service that exchanges it; unset: Amazon's in the region", 1, 2048},

    {"REDIS_URL", "", kSecret, &S::redis_url, kStores | kKeys,
     "Redis as redis://user:password@host:port/db; rediss:// with TLS, unix:///path for a socket"},
    {"REDIS_HOST", "", kString, &S::redis_host, kStores | kKeys,
     "host name of Redis; without this and REDIS_URL none is used", 1, 255},
    {"REDIS_PORT", "", kInteger, &S::redis_port, kStores | kKeys, "port of Redis", 1, 65'535},
    {"REDIS_USERNAME", "", kString, &S::redis_username, kStores | kKeys, "ACL user of Redis", 1, 255},
    {"REDIS_PASSWORD", "", kSecret, &S::redis_password, kStores | kKeys, "password of Redis"},
    {"REDIS_DB", "", kInteger, &S::redis_db, kStores | kKeys, "number of the database in Redis", 0, 65'535},
    {"REDIS_TLS", "", kBoolean, &S::redis_tls, kStores | kKeys, "speak TLS with Redis"},
    {"CODEAPI_REDIS_TLS_VERIFY", "", kBoolean, &S::redis_tls_verify, kRedisUsers,
     "refuse a Redis whose certificate does not prove its name"},
    {"REDIS_TLS_CA", "", kPath, &S::redis_tls_ca, kRedisUsers,
     "certificates that Redis is verified with; unset: the system's"},
    {"REDIS_TLS_SERVER_NAME", "", kString, &S::redis_tls_server_name, kRedisUsers,
     "name in the certificate of Redis; unset: its host name", 1, 255},
    {"REDIS_KEEP_ALIVE_MS", "", kDuration, &S::redis_keep_alive, kRedisUsers,
     "idle time after which TCP probes Redis; 0: never", 0, kDay},
    {"CODEAPI_REDIS_CONNECT_TIMEOUT", "", kDuration, &S::redis_connect_timeout, kRedisUsers,
     "longest time to reach Redis", 10, kMinute},
    {"CODEAPI_REDIS_COMMAND_TIMEOUT", "", kDuration, &S::redis_command_timeout, kRedisUsers,
     "longest time to wait for an answer of Redis", 10, kMinute},
    {"CODEAPI_REDIS_PREFIX", "", kString, &S::redis_prefix, kRedisUsers,
     "what keys and channels in Redis begin with", 1, 64},

    {"FILE_SERVER_HOST", "CODEAPI_FILE_SERVER_HOST", kString, &S::file_server_host, kFileServer,
     "address the file server listens on", 1, 255},
    {"FILE_SERVER_PORT", "", kInteger, &S::file_server_port, kFileServer, "port of the file server", 1,
     65'535},
    {"FILE_SERVER_URL", "CODEAPI_FILE_SERVER_URL", kString, &S::file_server_url, kServe | kApi | kWorker,
     "file server that keeps the files; unset: this process", 1, 2048},
    {"CODEAPI_INTERNAL_SERVICE_TOKEN", "", kSecret, &S::internal_service_token, kServices,
     "shared secret of the services among each other"},
    {"CODEAPI_ALLOW_UNAUTHENTICATED_INTERNAL", "", kBoolean, &S::allow_unauthenticated_internal,
     kFileServer | kToolCallServer | kEgressGateway, "let anyone who reaches an internal service use it"},

    {"TOOL_CALL_SERVER_HOST", "CODEAPI_TOOL_CALL_SERVER_HOST", kString, &S::tool_call_server_host,
     kToolCallServer, "address the tool-call server listens on", 1, 255},
    {"TOOL_CALL_SERVER_PORT", "", kInteger, &S::tool_call_server_port, kToolCallServer,
     "port of the tool-call server", 1, 65'535},
    {"TOOL_CALL_REQUEST_TIMEOUT", "CODEAPI_TOOL_CALL_REQUEST_TIMEOUT", kDuration,
     &S::tool_call_request_timeout, kToolCallServer | kEgressGateway,
     "how long a call over the tool-call server waits for its result", 100, kDay},

    {"CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY", "", kDocument, &S::manifest_private_key, kFront,
     "Ed25519 key that jobs are signed with, PEM or base64 of PKCS#8; unset: jobs are not signed"},
    {"SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY", "", kDocument, &S::manifest_public_keys,
     kServe | kApi | kWorker | kEgressGateway,
     "Ed25519 key that jobs must be signed with, PEM or base64 of SPKI; two while it is changed, separated "
     "by "
     "a comma"},

    {"EGRESS_GATEWAY_HOST", "CODEAPI_EGRESS_GATEWAY_HOST", kString, &S::egress_gateway_host, kEgressGateway,
     "address the egress gateway listens on", 1, 255},
    {"EGRESS_GATEWAY_PORT", "", kInteger, &S::egress_gateway_port, kEgressGateway,
     "port of the egress gateway", 1, 65'535},
    {"EGRESS_GATEWAY_URL", "CODEAPI_EGRESS_GATEWAY_URL", kString, &S::egress_gateway_url, kWorker,
     "egress gateway through which files are read and stored; unset: none, and files are reached directly", 1,
     2048},
    {"EGRESS_GATEWAY_FILE_SERVER_URL", "", kString, &S::egress_gateway_file_server_url, kEgressGateway,
     "file server behind the gateway", 1, 2048},
    {"EGRESS_GATEWAY_TOOL_CALL_SERVER_URL", "", kString, &S::egress_gateway_tool_call_server_url,
     kEgressGateway, "tool-call server behind the gateway; unset: it passes no calls on", 1, 2048},
    {"EGRESS_GATEWAY_MAX_FILE_BYTES", "", kSize, &S::egress_max_file_bytes, kEgressGateway,
     "largest file that is stored through the gateway", 1, kTiB},
    {"CODEAPI_EGRESS_GRANT_SECRET", "", kSecret, &S::egress_grant_secret, kEgressGateway,
     "secret that grants are sealed with; at least 32 bytes"},
    {"EGRESS_GRANT_TTL_SECONDS", "CODEAPI_EGRESS_GRANT_TTL_SECONDS", kDuration, &S::egress_grant_ttl,
     kEgressGateway, "longest life of a grant; without a unit in seconds", kSecond, kDay,
     .bare_unit = kSecond},
    {"CODEAPI_EGRESS_LEASE", "", kDuration, &S::egress_lease, kEgressGateway,
     "an execution whose worker was not heard of for so long may be run by another", kSecond, kHour},
    {"CODEAPI_EGRESS_LEDGER_REDIS_URL", "", kSecret, &S::egress_ledger_redis_url, kEgressGateway,
     "Redis of the gateway's ledger, as a user that nobody else is; written as REDIS_URL is"},
    {"CODEAPI_EGRESS_LEDGER_REQUIRED", "", kBoolean, &S::egress_ledger_required, kEgressGateway,
     "refuse to start without that; else the ledger is in memory and forgets with a restart who has run"},
    {"CODEAPI_EGRESS_LEDGER_TTL_GRACE_SECONDS", "", kDuration, &S::egress_ledger_grace, kEgressGateway,
     "how much longer than its manifest an execution is remembered; without a unit in seconds", 0, kDay,
     .bare_unit = kSecond},

    {"CODEAPI_DATA_DIR", "", kPath, &S::data_dir, kStores | kKeys,
     "where files and state are kept; unset: chosen at start"},
    {"CODEAPI_LIBEXEC_DIR", "", kPath, &S::libexec_dir, kCells,
     "where codeapi-jailer and codeapi-init are; unset: beside codeapi"},
    {"CODEAPI_ROOT", "", kPath, &S::root, kCells,
     "file tree that programs see as /; host: this machine's /usr; unset: what package-init built, else host",
     .choices = kRootWords},
    {"CODEAPI_ROOT_SHARING", "", kEnum, &S::root_sharing, kCells,
     "the root's files: shared by all cells, or private to each, which no lock and no watch on them leaves; "
     "private is slower",
     .choices = kRootSharings},
    {"CODEAPI_PACKAGES_DIR", "SANDBOX_PACKAGES_DIRECTORY", kPath, &S::packages_dir, kCells | kPackageInit,
     "where package-init keeps what it builds; unset: packages in the data directory"},
    {"CODEAPI_PACKAGE_LISTS", "", kPath, &S::package_lists, kPackageInit,
     "lists of packages to build from; unset: those that came with codeapi"},
    {"CODEAPI_DEBIAN_MIRROR", "", kString, &S::debian_mirror, kPackageInit,
     "Debian archive that packages come from; unset: this machine's", 1, 2048},
    {"CODEAPI_DEBIAN_SECURITY_MIRROR", "", kString, &S::debian_security_mirror, kPackageInit,
     "Debian archive of security updates; unset: this machine's", 1, 2048},
    {"CODEAPI_DEBIAN_KEYRING", "", kPath, &S::debian_keyring, kPackageInit,
     "keys that both archives are signed with; unset: those of debian-archive-keyring"},

    {"CODEAPI_WORKER_USER", "", kString, &S::worker_user, kBack,
     "user that a worker started as root becomes for good, once it has what starts its jailers: NAME or "
     "UID[:GID]; unset: it stays root",
     1, 64},
    {"WORKER_HEALTH_HOST", "CODEAPI_WORKER_HEALTH_HOST", kString, &S::worker_health_host, kWorker,
     "address a worker's health and metrics are served on", 1, 255},
    {"WORKER_HEALTH_PORT", "", kInteger, &S::worker_health_port, kWorker,
     "TCP port of a worker's health and metrics", 1, 65'535},

    {"CODEAPI_QUEUE_MAX", "", kInteger, &S::queue_max, kFront, "executions that may wait; more are refused",
     1, 1'000'000},
    {"CODEAPI_QUEUE_LEASE", "", kDuration, &S::queue_lease, kApi | kWorker,
     "a process that Redis has not heard of for so long counts as dead; the same for all", kSecond, kHour},
    {"JOB_TIMEOUT", "CODEAPI_JOB_TIMEOUT", kDuration, &S::job_timeout, kFront,
     "longest time an execution may take, waiting included; the most a request may ask for", 100, kDay},
    {"CODEAPI_FILE_TTL", "", kDuration, &S::file_ttl, kFront, "how long stored files are kept", kSecond,
     3650 * kDay},
    {"SESSION_CACHE_TTL", "", kDuration, &S::session_cache_ttl, kFront,
     "the same, if that is not set; without a unit in seconds", 0, 3650 * kDay, .bare_unit = kSecond},
    {"CODEAPI_SHUTDOWN_GRACE", "", kDuration, &S::shutdown_grace, kServices,
     "time that running executions get when the service stops", 0, kHour},
    {"CODEAPI_HEALTH_MAX_AGE", "", kDuration, &S::health_max_age, kBack,
     "how recently a program must have run for the service to be healthy", kSecond, kHour},

    {"SANDBOX_MAX_CONCURRENT_JOBS", "CODEAPI_SANDBOX_MAX_CONCURRENT_JOBS", kInteger, &S::max_concurrent_jobs,
     kBack, "executions that run at once", 1, 1024},
    {"CODEAPI_POOL_SIZE", "", kInteger, &S::pool_size, kBack, "cells kept ready", 0, 1024},
    {"CODEAPI_WARM", "", kBoolean, &S::warm, kBack,
     "start programs from interpreters that have been started before: on or off"},
    {"CODEAPI_WARM_MEMORY", "", kSize, &S::warm_memory, kBack,
     "memory that interpreters may take together while they wait for programs, each in a cell; 0: none wait",
     0, std::int64_t{1} << 40},
    {"CODEAPI_MAX_WAITING_PROGRAMS", "", kInteger, &S::max_waiting_programs, kBack,
     "programs that wait for the results of their tools at once, each in its cell; beyond that the one that "
     "waits longest is ended, and run again when its client comes back",
     1, 1024},
    {"CODEAPI_MAX_WAITING_MEMORY", "", kSize, &S::max_waiting_memory, kBack,
     "the same, by the sum of their memory limits", 64 << 20, std::int64_t{1} << 50},
    {"TOOL_CALL_SESSION_EXPIRY", "CODEAPI_TOOL_CALL_SESSION_EXPIRY", kDuration, &S::tool_call_session_expiry,
     kBack | kToolCallServer,
     "how long a program waits for the results of its tools, and how long the tool-call server keeps what "
     "nobody uses; without a unit in seconds",
     kSecond, kHour, .bare_unit = kSecond},
    {"CODEAPI_CGROUP", "", kEnum, &S::cgroup, kCells, "how a cell's resources are limited",
     .choices = kCgroupModes},
    {"CODEAPI_SECCOMP", "", kEnum, &S::seccomp, kLimits,
     "refused system calls: enforce refuses them, log refuses them too and writes one line for each to the "
     "log",
     .choices = kSeccompModes},
    {"CODEAPI_SANDBOX_UID_BASE", "SANDBOX_JOB_UID_BASE", kInteger, &S::sandbox_uid_base, kCells,
     "first user id that programs run as", 65'536, kLastUidBase},
    {"CODEAPI_SANDBOX_CPUS", "", kHundredths, &S::sandbox_cpu_hundredths, kLimits,
     "CPUs an execution may use, with up to two decimals; 0: all", 0, 102'400},
    {"CODEAPI_SANDBOX_CPU_WEIGHT", "", kInteger, &S::sandbox_cpu_weight, kLimits,
     "an execution's share when CPU is short; everything else on the machine has 100", 1, 10'000},

    {"SANDBOX_RUN_TIMEOUT", "CODEAPI_SANDBOX_RUN_TIMEOUT", kDuration, &S::run_timeout, kLimits | kApi,
     "wall time of a program", 10, kDay, .not_positive_is_default = true},
    {"SANDBOX_RUN_CPU_TIME", "CODEAPI_SANDBOX_RUN_CPU_TIME", kDuration, &S::run_cpu_time, kLimits | kApi,
     "CPU time of a program and all its children; 0: twice the wall time", 0, 10 * kDay},
    {"SANDBOX_RUN_MEMORY_LIMIT", "CODEAPI_SANDBOX_RUN_MEMORY_LIMIT", kSize, &S::run_memory_limit,
     kLimits | kApi, "memory of a program and all its children", 16 * kMiB, kTiB,
     .not_positive_is_default = true},
    {"SANDBOX_COMPILE_TIMEOUT", "CODEAPI_SANDBOX_COMPILE_TIMEOUT", kDuration, &S::compile_timeout, kLimits,
     "wall time of compiling a program", 10, kDay, .not_positive_is_default = true},
    {"SANDBOX_COMPILE_CPU_TIME", "CODEAPI_SANDBOX_COMPILE_CPU_TIME", kDuration, &S::compile_cpu_time, kLimits,
     "CPU time of compiling a program; 0: twice the wall time", 0, 10 * kDay},
    {"SANDBOX_COMPILE_MEMORY_LIMIT", "CODEAPI_SANDBOX_COMPILE_MEMORY_LIMIT", kSize, &S::compile_memory_limit,
     kLimits, "memory of compiling a program", 16 * kMiB, kTiB, .not_positive_is_default = true},
    {"CODEAPI_WORKSPACE_BYTES", "", kSize, &S::workspace_bytes, kLimits,
     "space in /mnt/data, /tmp and /dev/shm together", kMiB, kTiB},
    {"CODEAPI_WORKSPACE_INODES", "", kInteger, &S::workspace_inodes, kLimits,
     "files and directories in /mnt/data, /tmp and /dev/shm together", 64, 100'000'000},
    {"SANDBOX_OUTPUT_MAX_SIZE", "CODEAPI_SANDBOX_OUTPUT_MAX_SIZE", kSize, &S::output_max_size, kLimits,
     "output kept of stdout and of stderr", 1, kGiB},
    {"SANDBOX_MAX_PROCESS_COUNT", "CODEAPI_SANDBOX_MAX_PROCESS_COUNT", kInteger, &S::max_process_count,
     kLimits, "processes and threads of a program", 1, 65'536},
    {"SANDBOX_MAX_OPEN_FILES", "CODEAPI_SANDBOX_MAX_OPEN_FILES", kInteger, &S::max_open_files, kLimits,
     "files a process may have open", 16, 1'048'576},
    {"SANDBOX_RLIMIT_FSIZE", "CODEAPI_SANDBOX_RLIMIT_FSIZE", kSize, &S::rlimit_fsize, kLimits,
     "largest file a program may write; without a unit in MiB", kMiB, kTiB, .bare_unit = kMiB},

    {"SANDBOX_MAX_FILE_SIZE", "CODEAPI_SANDBOX_MAX_FILE_SIZE", kSize, &S::max_file_size, kLimits,
     "largest file that is returned", 1, kTiB},
    {"SANDBOX_MAX_OUTPUT_FILES", "CODEAPI_SANDBOX_MAX_OUTPUT_FILES", kInteger, &S::max_output_files,
     kLimits | kApi, "files returned by one execution", 0, 10'000},
    {"SANDBOX_MAX_INPUT_FILES", "CODEAPI_SANDBOX_MAX_INPUT_FILES", kInteger, &S::max_input_files, kFront,
     "files given to one execution", 0, 10'000},
    {"SANDBOX_INPUT_CACHE_MAX_BYTES", "CODEAPI_INPUT_CACHE_BYTES", kSize, &S::input_cache_bytes, kBack,
     "memory for inputs that were read lately, where files come from S3 or a file server; 0: none", 0, kTiB},
    {"CODEAPI_INPUT_CACHE_TENANT_BYTES", "", kSize, &S::input_cache_tenant_bytes, kBack,
     "the same, of one tenant; no larger file is kept", 0, kTiB},
    {"SANDBOX_MAX_NESTING_DEPTH", "CODEAPI_SANDBOX_MAX_NESTING_DEPTH", kInteger, &S::max_nesting_depth,
     kLimits | kApi | kEgressGateway, "parts of a file's path", 1, 100},
    {"SANDBOX_MAX_PATH_LENGTH", "CODEAPI_SANDBOX_MAX_PATH_LENGTH", kInteger, &S::max_path_length,
     kLimits | kApi | kEgressGateway, "bytes of a file's path", 16, 3500},
    {"CODEAPI_OUTPUT_EXTENSIONS", "", kExtensions, &S::output_extensions, kLimits | kEgressGateway,
     "file name extensions returned beside the usual ones, separated by commas; *: all"},
};

// The client's own names, then what the services we stand in for read and this version has no use for.
constexpr std::string_view kForeignNames[] = {
    "CODEAPI_JWT_ENABLED",
    "CODEAPI_JWT_PRIVATE_KEY",
    "CODEAPI_JWT_PRIVATE_KEY_BASE64",
    "CODEAPI_JWT_PRIVATE_JWK_JSON",
    "CODEAPI_JWT_ALGORITHM",
    "CODEAPI_JWT_TTL_SECONDS",
    "CODEAPI_JWT_MINT_CACHE_SECONDS",
    "CODEAPI_EXECUTION_PROFILE",

    "CODEAPI_EXECUTION_MANIFEST_PUBLIC_KEY",
    "CODEAPI_EXECUTION_MANIFEST_SECRET",
    "CODEAPI_EGRESS_LEDGER_COMPACT",
    "CODEAPI_EGRESS_LEDGER_MUTATION_CONNECTIONS",
    "CODEAPI_EGRESS_GATEWAY_AUTOSTART",
    "CODEAPI_FILE_OBJECT_INDEX_ENABLED",
    "CODEAPI_FILE_METADATA_CONCURRENCY",
    "CODEAPI_SANDBOX_BACKEND",
    "CODEAPI_RUNTIME_SESSION_MODE",
    "CODEAPI_RUNTIME_SESSION_LOCK_WAIT_MS",
    "CODEAPI_SESSION_CHECKPOINTS",
    "CODEAPI_CHECKPOINT_MAX_BYTES",
    "CODEAPI_CHECKPOINT_TIMEOUT_MS",
    "CODEAPI_CHECKPOINT_PREFIX",
    "CODEAPI_CHECKPOINT_BUCKET",
    "CODEAPI_SHUTDOWN_HTTP_TIMEOUT_MS",
};

}  // namespace

std::span<const SettingInfo> SettingsTable() {
  return kTable;
}

std::string RoleNames(unsigned roles) {
  std::string out;
  constexpr std::pair<Role, std::string_view> kNames[] = {{kServe, "serve"},
                                                          {kApi, "api"},
                                                          {kWorker, "worker"},
                                                          {kFileServer, "file-server"},
                                                          {kToolCallServer, "tool-call-server"},
                                                          {kEgressGateway, "egress-gateway"},
                                                          {kRun, "run"},
                                                          {kDoctor, "doctor"},
                                                          {kKeys, "keys"},
                                                          {kPackageInit, "package-init"}};
  for (const auto& [role, name] : kNames) {
    if ((roles & role) == 0) continue;
    if (!out.empty()) out += ' ';
    out += name;
  }
  return out;
}

bool IsForeignName(std::string_view name) {
  if (std::ranges::find(kForeignNames, name) != std::end(kForeignNames)) return true;
  // Kubernetes describes a service FOO by FOO_SERVICE_HOST, FOO_SERVICE_PORT, FOO_SERVICE_PORT_HTTP, FOO_PORT
  // and FOO_PORT_3112_TCP_ADDR.
  return name.ends_with("_SERVICE_HOST") || name.ends_with("_PORT") || name.find("_PORT_") != name.npos;
}

}  // namespace codeapi
