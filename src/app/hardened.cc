// The rules are tables where they can be: kHoldings is the table of docs/security.md (who may hold what),
// kSecrets says how good a secret must be. The functions behind them are what needs more than one value. All
// of them append to one list, so that an operator mends a set-up in one go and not line by line.
#include "app/hardened.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "app/process.h"
#include "app/wiring.h"
#include "auth/authenticator.h"
#include "base/secret_strength.h"
#include "net/redis_options.h"

namespace codeapi {
namespace {

constexpr unsigned kAll = kApi | kWorker | kFileServer | kToolCallServer | kEgressGateway;

/// A setting, and the roles it belongs to.
struct Holding {
  std::string_view name;
  unsigned must;         ///< roles that cannot start without it
  unsigned may;          ///< roles that may have it; `must` is part of it
  std::string_view why;  ///< what it is for, or what who holds it wrongly could do
};

constexpr Holding kHoldings[] = {
    {"CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY", kApi, kApi, "whoever has it decides what runs"},
    {"SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY", kWorker | kEgressGateway, kAll,
     "without it nothing tells a signed execution from a forged one"},
    {"EGRESS_GATEWAY_URL", kWorker, kAll, "a worker reaches files and tools through the egress gateway only"},
    {"CODEAPI_EGRESS_GRANT_SECRET", kEgressGateway, kEgressGateway, "whoever has it can reach every file"},
    {"EGRESS_GATEWAY_FILE_SERVER_URL", kEgressGateway, kAll, "the gateway forwards there"},
    {"EGRESS_GATEWAY_TOOL_CALL_SERVER_URL", kEgressGateway, kAll, "the gateway forwards there"},
    {"CODEAPI_EGRESS_LEDGER_REDIS_URL", kEgressGateway, kEgressGateway,
     "whoever reaches the ledger can have an execution run twice"},
    {"CODEAPI_INTERNAL_SERVICE_TOKEN", kAll, kAll, "the services know each other by it"},
    {"FILE_SERVER_URL", kApi, kApi | kFileServer | kToolCallServer | kEgressGateway,
     "files are kept by the file server; a worker reaches them through EGRESS_GATEWAY_URL only"},

    {"REDIS_URL", 0, kApi | kWorker | kFileServer, "the queue is for the API and its workers"},
    {"REDIS_HOST", 0, kApi | kWorker | kFileServer, "the queue is for the API and its workers"},
    {"REDIS_PASSWORD", 0, kApi | kWorker | kFileServer, "the queue is for the API and its workers"},

    {"MINIO_ACCESS_KEY", 0, kFileServer, "storage is for the file server"},
    {"MINIO_SECRET_KEY", 0, kFileServer, "whoever has it can reach every file"},
    {"MINIO_SESSION_TOKEN", 0, kFileServer, "whoever has it can reach every file"},
    {"AWS_WEB_IDENTITY_TOKEN_FILE", 0, kFileServer, "whoever has it can reach every file"},

    {"CODEAPI_SYNTHETIC_ACCESS_TOKEN", 0, kApi, "whoever has it can run programs"},
    {"CODEAPI_JWT_HS256_SECRET", 0, 0,
     "whoever checks such tokens can make them for any user; have LibreChat sign with EdDSA and set "
     "CODEAPI_JWT_PUBLIC_KEY"},
};

/// Names that are no settings of ours, and that no process of ours should find in its environment.
constexpr std::pair<std::string_view, std::string_view> kNobodys[] = {
    {"CODEAPI_JWT_PRIVATE_KEY", "LibreChat's own key: whoever has it is every user"},
    {"CODEAPI_JWT_PRIVATE_KEY_BASE64", "LibreChat's own key: whoever has it is every user"},
    {"CODEAPI_JWT_PRIVATE_JWK_JSON", "LibreChat's own key: whoever has it is every user"},
    {"CODEAPI_EXECUTION_MANIFEST_SECRET",
     "executions are signed with CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY"},
    {"SANDBOX_EXECUTION_MANIFEST_SECRET",
     "executions are signed with CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY"},
};

constexpr SecretDemand kStrong{.bytes = 32, .bits = 96};
constexpr SecretDemand kPassword{.bytes = 16, .bits = 48};

struct Secret {
  std::string_view name;
  SecretDemand demand;
  std::string_view fix;
};

constexpr Secret kSecrets[] = {
    {"CODEAPI_INTERNAL_SERVICE_TOKEN", kStrong, "make one with openssl rand -hex 32"},
    {"CODEAPI_EGRESS_GRANT_SECRET", kStrong, "make one with openssl rand -hex 32"},
    {"CODEAPI_SYNTHETIC_ACCESS_TOKEN", kStrong, "make one with openssl rand -hex 32"},
    {"REDIS_PASSWORD", kPassword, "make one with openssl rand -hex 16"},
    {"MINIO_SECRET_KEY", kPassword, "make one with openssl rand -hex 16"},
};

/// One check of one process, and the list it adds to.
struct Check {
  Role role;
  const Settings& settings;
  const HostFacts& facts;
  std::vector<std::string>& findings;

  std::string RoleName() const { return RoleNames(role); }

  void Add(std::string line) const { findings.push_back(std::move(line)); }

  const SettingInfo* Row(std::string_view name) const {
    const auto row = std::ranges::find(SettingsTable(), name, &SettingInfo::name);
    return row == SettingsTable().end() ? nullptr : &*row;
  }

  /// The text of a setting that is one; empty otherwise.
  const std::string& Text(std::string_view name) const {
    static const std::string kNone;
    const SettingInfo* row = Row(name);
    if (row == nullptr) return kNone;
    const auto* member = std::get_if<std::string Settings::*>(&row->member);
    return member == nullptr ? kNone : settings.*(*member);
  }

  /// The variable that a setting came from, which may be its other name; empty when it is not set.
  std::string Source(std::string_view name) const {
    const SettingInfo* row = Row(name);
    if (row == nullptr) return "";
    const auto index = static_cast<std::size_t>(row - SettingsTable().data());
    return index < settings.sources.size() ? settings.sources[index] : "";
  }
};

void CheckHoldings(const Check& check) {
  for (const Holding& holding : kHoldings) {
    const std::string source = check.Source(holding.name);
    if (source.empty() && (holding.must & check.role) != 0) {
      check.Add(fmt::format("{} is not set: {}; set it for this role ({})", holding.name, holding.why,
                            check.RoleName()));
    } else if (!source.empty() && (holding.may & check.role) == 0) {
      const std::string owners = RoleNames(holding.may);
      check.Add(fmt::format("{} must not be set for role {}: {}; unset it{}", source, check.RoleName(),
                            holding.why, owners.empty() ? "" : " (it is for " + owners + ")"));
    }
  }
  for (const auto& [name, why] : kNobodys) {
    if (std::ranges::find(check.facts.variables, name) != check.facts.variables.end())
      check.Add(fmt::format("{} must not be set for role {}: {}; unset it", name, check.RoleName(), why));
  }
}

// A worker stands next to strangers' programs, so it gets no stranger's secret either.
void CheckStrayVariables(const Check& check) {
  if (check.role != kWorker) return;
  constexpr std::string_view kEndings[] = {"SECRET",     "TOKEN",      "PASSWORD",      "PRIVATE_KEY",
                                           "SECRET_KEY", "ACCESS_KEY", "ACCESS_KEY_ID", "API_KEY"};
  for (const std::string& name : check.facts.variables) {
    const bool ending =
        std::ranges::any_of(kEndings, [&](std::string_view end) { return name.ends_with(end); });
    const bool ours = std::ranges::any_of(
        SettingsTable(), [&](const SettingInfo& row) { return row.name == name || row.alias == name; });
    const bool nobodys =
        std::ranges::find(kNobodys, name, [](const auto& pair) { return pair.first; }) != std::end(kNobodys);
    if (ending && !ours && !nobodys)
      check.Add(
          fmt::format("{} must not be set for role worker: it looks like a secret and is no setting; "
                      "start the worker with an environment of its own",
                      name));
  }
}

// What a role must not have at all is not looked at for being good enough.
bool MayHave(Role role, std::string_view name) {
  const auto holding = std::ranges::find(kHoldings, name, &Holding::name);
  return holding == std::end(kHoldings) || (holding->may & role) != 0;
}

void CheckStrength(const Check& check) {
  for (const Secret& secret : kSecrets) {
    const std::string& text = check.Text(secret.name);
    if (text.empty() || !MayHave(check.role, secret.name)) continue;
    if (const std::string weakness = SecretWeakness(text, secret.demand); !weakness.empty())
      check.Add(fmt::format("{} {}; {}", check.Source(secret.name), weakness, secret.fix));
  }
  for (auto one = std::begin(kSecrets); one != std::end(kSecrets); ++one) {
    for (auto other = std::next(one); other != std::end(kSecrets); ++other) {
      if (check.Text(one->name).empty() || check.Text(one->name) != check.Text(other->name)) continue;
      if (!MayHave(check.role, one->name) || !MayHave(check.role, other->name)) continue;
      check.Add(fmt::format("{} is the same as {}: whoever learns one has both; {}",
                            check.Source(other->name), check.Source(one->name), other->fix));
    }
  }
}

bool StaysOnThisMachine(const RedisOptions& redis) {
  return !redis.unix_path.empty() || redis.host == "localhost" || IsLoopbackAddress(redis.host);
}

// Redis cannot be trusted with more than the queue, and only if no stranger can be one of us in it.
void CheckRedisUser(const Check& check, const RedisOptions& redis, std::string_view user_setting,
                    std::string_view password_setting, std::string_view whose) {
  if (redis.username.empty() || redis.username == "default")
    check.Add(
        fmt::format("{} names no ACL user of Redis: the default one may do everything; make one that may "
                    "use {} only (ACL SETUSER)",
                    user_setting, whose));
  if (redis.password.empty())
    check.Add(
        fmt::format("{} has no password: everyone who reaches Redis would be us; set one", password_setting));
  if (!redis.tls && !StaysOnThisMachine(redis))
    check.Add(fmt::format(
        "{} leads to {} without TLS: password and jobs could be read on the way; use rediss:// or "
        "REDIS_TLS=true",
        user_setting == "REDIS_USERNAME" ? (check.Text("REDIS_URL").empty() ? "REDIS_HOST" : "REDIS_URL")
                                         : user_setting,
        redis.where()));
}

void CheckQueueRedis(const Check& check) {
  if ((check.role & (kApi | kWorker)) == 0) return;
  const auto redis = RedisOptionsFrom(check.settings);
  if (!redis) return check.Add(redis.error().message);
  if (!*redis)
    return check.Add("REDIS_HOST is not set, nor REDIS_URL: API and workers meet in Redis; set it");
  CheckRedisUser(check, **redis, "REDIS_USERNAME", "REDIS_PASSWORD",
                 check.role == kApi ? "queue and state" : "the queue");
  if ((*redis)->tls && !(*redis)->tls_verify)
    check.Add(
        "CODEAPI_REDIS_TLS_VERIFY=false trusts whoever answers as Redis; unset it, and set REDIS_TLS_CA");
  // The one of the table is looked at as a secret, this one is part of an address.
  if (check.Text("REDIS_PASSWORD").empty() && !(*redis)->password.empty()) {
    if (const std::string weakness = SecretWeakness((*redis)->password, kPassword); !weakness.empty())
      check.Add(fmt::format("REDIS_URL's password {}; make one with openssl rand -hex 16", weakness));
  }
}

void CheckLedgerRedis(const Check& check) {
  constexpr std::string_view kName = "CODEAPI_EGRESS_LEDGER_REDIS_URL";
  const std::string& url = check.Text(kName);
  if (check.role != kEgressGateway || url.empty()) return;
  const auto redis = RedisOptionsAt(url, check.settings);
  if (!redis) return check.Add(fmt::format("{} {}", kName, redis.error().message));
  CheckRedisUser(check, *redis, kName, kName, "the ledger");
  if (redis->password.empty()) return;
  if (const std::string weakness = SecretWeakness(redis->password, kPassword); !weakness.empty())
    check.Add(fmt::format("{}'s password {}; make one with openssl rand -hex 16", kName, weakness));
}

void CheckCallers(const Check& check) {
  if (check.role == kApi) {
    if (check.settings.local_mode == LocalMode::kOn) {
      check.Add("LOCAL_MODE=true lets everyone in as one user; unset it and set CODEAPI_AUTH_PROVIDER");
    } else if (check.settings.auth_provider == AuthProvider::kNone) {
      check.Add("CODEAPI_AUTH_PROVIDER=none lets everyone in; set it to librechat-jwt, api-key or both");
    } else if (check.settings.auth_provider == AuthProvider::kAuto && !NamesJwtKeys(check.settings)) {
      check.Add(
          "CODEAPI_AUTH_PROVIDER is not set, nor a key of LibreChat's (CODEAPI_JWT_PUBLIC_KEY): everyone "
          "would "
          "be let in; set one of them");
    }
    if (check.settings.allow_auth_provider_none)
      check.Add("CODEAPI_ALLOW_AUTH_PROVIDER_NONE=true has no place in hardened mode; unset it");
  }
  if ((check.role & (kFileServer | kToolCallServer | kEgressGateway)) != 0 &&
      check.settings.allow_unauthenticated_internal) {
    check.Add("CODEAPI_ALLOW_UNAUTHENTICATED_INTERNAL=true lets strangers use this service; unset it");
  }
}

void CheckUser(const Check& check) {
  if (check.role != kWorker) {
    if (check.facts.user == 0)
      check.Add(
          fmt::format("role {} was started as root and needs no privileges; start it as a user of its own",
                      check.RoleName()));
    return;
  }
  if (check.facts.user != 0) {
    check.Add(
        "role worker was not started as root: it and its jailer would be one user; start it as root, with "
        "CODEAPI_WORKER_USER set");
  } else if (check.Text("CODEAPI_WORKER_USER").empty()) {
    check.Add(
        "CODEAPI_WORKER_USER is not set: the worker would stay root; set it to a user that nobody else is");
  } else if (!check.facts.worker_user_problem.empty()) {
    check.Add(check.facts.worker_user_problem);
  }
}

void CheckCells(const Check& check) {
  if (check.role != kWorker) return;
  if (check.settings.seccomp != SeccompMode::kEnforce)
    check.Add(
        "CODEAPI_SECCOMP is not enforce: its other modes are for finding out what programs call; unset it");
  if (check.facts.root_is_hosts) {
    check.Add(check.settings.root == "host" ? "CODEAPI_ROOT=host shows programs this machine's own /usr; "
                                              "build a root with codeapi package-init and "
                                              "unset it"
                                            : "CODEAPI_ROOT is not set and no root is built: programs would "
                                              "see this machine's own /usr; run codeapi "
                                              "package-init, or set it to a root");
  }
  if (check.settings.cgroup == CgroupMode::kNone) {
    check.Add("CODEAPI_CGROUP=none leaves programs without limits of memory and processes; unset it");
  } else if (!check.facts.cgroup_problem.empty()) {
    check.Add(fmt::format(
        "CODEAPI_CGROUP: no usable cgroups ({}); give the worker a cgroup with the memory, pids and "
        "cpu controllers (systemd: Delegate=yes; docker: --cgroupns=private)",
        check.facts.cgroup_problem));
  }
}

}  // namespace

std::vector<std::string> HardenedFindings(Role role, const Settings& settings, const HostFacts& facts) {
  std::vector<std::string> findings;
  if (role == kServe) {
    findings.emplace_back(
        "CODEAPI_HARDENED_SANDBOX_MODE=true keeps roles apart, and codeapi serve is all of them in one "
        "process; start api, "
        "worker, file-server, tool-call-server and egress-gateway instead");
    return findings;
  }
  const Check check{role, settings, facts, findings};
  CheckHoldings(check);
  CheckStrayVariables(check);
  CheckStrength(check);
  CheckQueueRedis(check);
  CheckLedgerRedis(check);
  CheckCallers(check);
  CheckUser(check);
  CheckCells(check);
  return findings;
}

const std::vector<Role>& HardenedRoles() {
  static const std::vector<Role> kRoles = {kApi, kWorker, kFileServer, kToolCallServer, kEgressGateway};
  return kRoles;
}

std::optional<Role> RoleOfName(std::string_view name) {
  if (name == RoleNames(kServe)) return kServe;
  const auto& roles = HardenedRoles();
  const auto role = std::ranges::find(roles, name, [](Role one) { return RoleNames(one); });
  return role == roles.end() ? std::nullopt : std::optional<Role>(*role);
}

}  // namespace codeapi
