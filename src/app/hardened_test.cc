#include "app/hardened.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace codeapi {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Environment = std::map<std::string, std::string, std::less<>>;

constexpr const char* kToken = "b7f3c1d95e0a4826b1c7d3f9e5a08264c7f1d3b9e5a02846b7f3c1d95e0a4826";
constexpr const char* kGrant = "0f9c3a7b5d1e8246a0c9f3b7d5e1284600f9c3a7b5d1e8246a0c9f3b7d5e1284";
constexpr const char* kPassword = "6d1f0b3c9a7e5248d0c3b1f79a5e6284";

Environment Base(Role role) {
  Environment out = {{"CODEAPI_INTERNAL_SERVICE_TOKEN", kToken}, {"CODEAPI_HARDENED_SANDBOX_MODE", "true"}};
  const Environment redis = {
      {"REDIS_HOST", "127.0.0.1"}, {"REDIS_USERNAME", "codeapi-role"}, {"REDIS_PASSWORD", kPassword}};
  const auto add = [&](const Environment& more) { out.insert(more.begin(), more.end()); };
  if (role == kApi) {
    add(redis);
    add({{"CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY", "key"},
         {"FILE_SERVER_URL", "http://127.0.0.1:3000"},
         {"CODEAPI_AUTH_PROVIDER", "api-key"}});
  }
  if (role == kWorker) {
    add(redis);
    add({{"SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY", "key"},
         {"EGRESS_GATEWAY_URL", "http://127.0.0.1:3190"},
         {"CODEAPI_WORKER_USER", "codeapi-worker"}});
  }
  if (role == kFileServer)
    add({{"MINIO_ENDPOINT", "s3"}, {"MINIO_ACCESS_KEY", "k"}, {"MINIO_SECRET_KEY", kPassword}});
  if (role == kEgressGateway) {
    add({{"SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY", "key"},
         {"CODEAPI_EGRESS_GRANT_SECRET", kGrant},
         {"EGRESS_GATEWAY_FILE_SERVER_URL", "http://127.0.0.1:3000"},
         {"EGRESS_GATEWAY_TOOL_CALL_SERVER_URL", "http://127.0.0.1:3033"},
         {"CODEAPI_EGRESS_LEDGER_REDIS_URL",
          std::string("redis://codeapi-ledger:") + kPassword + "@127.0.0.1:6379"}});
  }
  return out;
}

HostFacts Facts(Role role) {
  HostFacts facts;
  facts.user = role == kWorker ? 0 : 990;
  return facts;
}

std::vector<std::string> Findings(Role role, const Environment& environment, HostFacts facts) {
  for (const auto& [name, value] : environment) {
    if (!value.empty()) facts.variables.push_back(name);
  }
  const auto settings = Settings::Load(
      [&](std::string_view name) -> std::optional<std::string> {
        const auto it = environment.find(name);
        return it == environment.end() ? std::nullopt : std::optional(it->second);
      },
      {});
  EXPECT_TRUE(settings) << settings.error().message;
  return HardenedFindings(role, *settings, facts);
}

TEST(Hardened, EachRoleStartsWithWhatItNeeds) {
  for (const Role role : HardenedRoles()) {
    EXPECT_THAT(Findings(role, Base(role), Facts(role)), IsEmpty()) << RoleNames(role);
  }
}

TEST(Hardened, EverySettingARoleNeedsIsNamedWhenItIsMissing) {
  const std::map<Role, std::vector<std::string>> needed = {
      {kApi,
       {"CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY", "CODEAPI_INTERNAL_SERVICE_TOKEN", "FILE_SERVER_URL",
        "REDIS_HOST", "REDIS_USERNAME", "REDIS_PASSWORD", "CODEAPI_AUTH_PROVIDER"}},
      {kWorker,
       {"SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY", "EGRESS_GATEWAY_URL", "CODEAPI_INTERNAL_SERVICE_TOKEN",
        "REDIS_HOST", "REDIS_USERNAME", "REDIS_PASSWORD", "CODEAPI_WORKER_USER"}},
      {kFileServer, {"CODEAPI_INTERNAL_SERVICE_TOKEN"}},
      {kToolCallServer, {"CODEAPI_INTERNAL_SERVICE_TOKEN"}},
      {kEgressGateway,
       {"SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY", "CODEAPI_EGRESS_GRANT_SECRET",
        "EGRESS_GATEWAY_FILE_SERVER_URL", "EGRESS_GATEWAY_TOOL_CALL_SERVER_URL",
        "CODEAPI_EGRESS_LEDGER_REDIS_URL", "CODEAPI_INTERNAL_SERVICE_TOKEN"}}};
  for (const auto& [role, names] : needed) {
    for (const std::string& name : names) {
      Environment environment = Base(role);
      ASSERT_EQ(environment.erase(name), 1u) << RoleNames(role) << ' ' << name;
      EXPECT_THAT(Findings(role, environment, Facts(role)), ElementsAre(HasSubstr(name))) << RoleNames(role);
    }
  }
}

TEST(Hardened, NoRoleHoldsWhatIsAnothers) {
  const std::map<std::string, unsigned> owners = {
      {"CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY", kApi},
      {"CODEAPI_EGRESS_GRANT_SECRET", kEgressGateway},
      {"CODEAPI_EGRESS_LEDGER_REDIS_URL", kEgressGateway},
      {"FILE_SERVER_URL", kApi | kFileServer | kToolCallServer | kEgressGateway},
      {"REDIS_URL", kApi | kWorker | kFileServer},
      {"REDIS_PASSWORD", kApi | kWorker | kFileServer},
      {"MINIO_ACCESS_KEY", kFileServer},
      {"MINIO_SECRET_KEY", kFileServer},
      {"AWS_SECRET_ACCESS_KEY", kFileServer},
      {"MINIO_SESSION_TOKEN", kFileServer},
      {"AWS_WEB_IDENTITY_TOKEN_FILE", kFileServer},
      {"CODEAPI_SYNTHETIC_ACCESS_TOKEN", kApi},
      {"CODEAPI_JWT_HS256_SECRET", 0},
      {"CODEAPI_JWT_PRIVATE_KEY", 0},
      {"CODEAPI_JWT_PRIVATE_KEY_BASE64", 0},
      {"CODEAPI_JWT_PRIVATE_JWK_JSON", 0},
      {"CODEAPI_EXECUTION_MANIFEST_SECRET", 0},
      {"SANDBOX_EXECUTION_MANIFEST_SECRET", 0}};
  for (const auto& [name, roles] : owners) {
    for (const Role role : HardenedRoles()) {
      if ((roles & role) != 0) continue;
      Environment environment = Base(role);
      environment[name] = name.ends_with("_FILE") ? "/run/token" : name == "REDIS_URL" ? "redis://h" : kGrant;
      EXPECT_THAT(
          Findings(role, environment, Facts(role)),
          ElementsAre(::testing::AllOf(HasSubstr(name + " must not be set for role " + RoleNames(role)),
                                       ::testing::Not(HasSubstr(kGrant)))));
      environment[name] = "";
      EXPECT_THAT(Findings(role, environment, Facts(role)), IsEmpty()) << "empty is not set";
    }
  }
}

struct Case {
  Role role;
  Environment change;  ///< an empty value takes the variable away
  std::string expected;
};

// For the names of the tests.
void PrintTo(const Case& one, std::ostream* out) {
  *out << one.expected;
}

class HardenedCase : public ::testing::TestWithParam<Case> {};

TEST_P(HardenedCase, IsNamedInOneLine) {
  const Case& it = GetParam();
  Environment environment = Base(it.role);
  for (const auto& [name, value] : it.change) environment[name] = value;
  const auto findings = Findings(it.role, environment, Facts(it.role));
  EXPECT_THAT(findings, ElementsAre(HasSubstr(it.expected)));
  for (const std::string& line : findings) EXPECT_THAT(line, ::testing::Not(HasSubstr("\n")));
}

INSTANTIATE_TEST_SUITE_P(
    Settings, HardenedCase,
    ::testing::Values(
        Case{kServe, {}, "codeapi serve is all of them in one process"},
        Case{kApi,
             {{"CODEAPI_INTERNAL_SERVICE_TOKEN", "short"}},
             "CODEAPI_INTERNAL_SERVICE_TOKEN has less than 32"},
        Case{kWorker,
             {{"CODEAPI_INTERNAL_SERVICE_TOKEN", std::string(64, 'a')}},
             "CODEAPI_INTERNAL_SERVICE_TOKEN can be guessed"},
        Case{kFileServer,
             {{"CODEAPI_INTERNAL_SERVICE_TOKEN", "changeme-changeme-changeme-changeme"}},
             "CODEAPI_INTERNAL_SERVICE_TOKEN is a placeholder"},
        Case{kFileServer,
             {{"MINIO_SECRET_KEY", "minioadmin-minioadmin"}},
             "MINIO_SECRET_KEY is a placeholder"},
        Case{kEgressGateway,
             {{"CODEAPI_EGRESS_GRANT_SECRET", "abc"}},
             "CODEAPI_EGRESS_GRANT_SECRET has less than 32"},
        Case{kEgressGateway,
             {{"CODEAPI_EGRESS_GRANT_SECRET", kToken}},
             "CODEAPI_EGRESS_GRANT_SECRET is the same as CODEAPI_INTERNAL_SERVICE_TOKEN"},
        Case{kApi,
             {{"CODEAPI_SYNTHETIC_ACCESS_TOKEN", "abc"}},
             "CODEAPI_SYNTHETIC_ACCESS_TOKEN has less than 32"},
        Case{kWorker, {{"REDIS_PASSWORD", "redis"}}, "REDIS_PASSWORD has less than 16"},
        Case{kWorker, {{"REDIS_USERNAME", "default"}}, "REDIS_USERNAME names no ACL user"},
        Case{kWorker, {{"REDIS_HOST", "10.0.0.7"}}, "REDIS_HOST leads to 10.0.0.7:6379 without TLS"},
        Case{kApi, {{"REDIS_HOST", "redis.example"}}, "REDIS_HOST leads to redis.example:6379 without TLS"},
        Case{kApi,
             {{"REDIS_HOST", "10.0.0.7"}, {"REDIS_TLS", "true"}, {"CODEAPI_REDIS_TLS_VERIFY", "false"}},
             "CODEAPI_REDIS_TLS_VERIFY"},
        Case{kApi,
             {{"REDIS_URL", "redis://u:abc@127.0.0.1"}, {"REDIS_PASSWORD", ""}},
             "REDIS_URL's password has less than 16"},
        Case{kApi, {{"REDIS_URL", "http://127.0.0.1"}}, "REDIS_URL"},
        Case{kEgressGateway,
             {{"CODEAPI_EGRESS_LEDGER_REDIS_URL", "redis"}},
             "CODEAPI_EGRESS_LEDGER_REDIS_URL"},
        Case{kEgressGateway,
             {{"CODEAPI_EGRESS_LEDGER_REDIS_URL", std::string("redis://:") + kPassword + "@127.0.0.1"}},
             "CODEAPI_EGRESS_LEDGER_REDIS_URL names no ACL user"},
        Case{kEgressGateway,
             {{"CODEAPI_EGRESS_LEDGER_REDIS_URL", "redis://ledger:@127.0.0.1"}},
             "CODEAPI_EGRESS_LEDGER_REDIS_URL has no password"},
        Case{kEgressGateway,
             {{"CODEAPI_EGRESS_LEDGER_REDIS_URL", std::string("redis://l:") + kPassword + "@10.0.0.7"}},
             "CODEAPI_EGRESS_LEDGER_REDIS_URL leads to 10.0.0.7:6379 without TLS"},
        Case{kApi, {{"LOCAL_MODE", "true"}}, "LOCAL_MODE=true"},
        Case{kApi, {{"CODEAPI_AUTH_PROVIDER", "none"}}, "CODEAPI_AUTH_PROVIDER=none"},
        Case{kApi, {{"CODEAPI_ALLOW_AUTH_PROVIDER_NONE", "true"}}, "CODEAPI_ALLOW_AUTH_PROVIDER_NONE"},
        Case{kFileServer,
             {{"CODEAPI_ALLOW_UNAUTHENTICATED_INTERNAL", "true"}},
             "CODEAPI_ALLOW_UNAUTHENTICATED_INTERNAL"},
        Case{kToolCallServer,
             {{"CODEAPI_ALLOW_UNAUTHENTICATED_INTERNAL", "true"}},
             "CODEAPI_ALLOW_UNAUTHENTICATED_INTERNAL"},
        Case{kWorker, {{"GITHUB_TOKEN", "x"}}, "GITHUB_TOKEN must not be set for role worker"},
        Case{kWorker, {{"POSTGRES_PASSWORD", "x"}}, "POSTGRES_PASSWORD must not be set for role worker"},
        Case{kWorker, {{"CODEAPI_SECCOMP", "log"}}, "CODEAPI_SECCOMP is not enforce"},
        Case{kWorker, {{"CODEAPI_CGROUP", "none"}}, "CODEAPI_CGROUP=none"}));

TEST(Hardened, WhatIsEncryptedOrStaysOnTheMachineIsWell) {
  for (const Environment& change :
       {Environment{{"REDIS_HOST", "redis.internal"}, {"REDIS_TLS", "true"}},
        Environment{{"REDIS_URL", "rediss://10.0.0.7:6380"}},
        Environment{{"REDIS_URL", "unix:///run/redis.sock"}}, Environment{{"REDIS_HOST", "localhost"}},
        Environment{{"REDIS_HOST", "::1"}}}) {
    Environment environment = Base(kWorker);
    for (const auto& [name, value] : change) environment[name] = value;
    EXPECT_THAT(Findings(kWorker, environment, Facts(kWorker)), IsEmpty());
  }
}

TEST(Hardened, ATokenOfLibreChatsIsAWayToAuthenticate) {
  Environment environment = Base(kApi);
  environment.erase("CODEAPI_AUTH_PROVIDER");
  environment["CODEAPI_JWT_PUBLIC_KEY"] = "key";
  EXPECT_THAT(Findings(kApi, environment, Facts(kApi)), IsEmpty());
}

TEST(Hardened, OnlyTheWorkerStartsAsRootAndItDoesNotStaySo) {
  for (const Role role : HardenedRoles()) {
    HostFacts facts = Facts(role);
    facts.user = role == kWorker ? 990 : 0;
    const std::string expected = role == kWorker ? "was not started as root" : "was started as root";
    EXPECT_THAT(Findings(role, Base(role), facts), ElementsAre(HasSubstr(expected)));
  }
  HostFacts facts = Facts(kWorker);
  facts.worker_user_problem = "CODEAPI_WORKER_USER=x: there is no such user";
  EXPECT_THAT(Findings(kWorker, Base(kWorker), facts), ElementsAre(facts.worker_user_problem));
}

TEST(Hardened, ProgramsSeeNothingOfTheHostAndAreLimited) {
  HostFacts facts = Facts(kWorker);
  facts.root_is_hosts = true;
  facts.cgroup_problem = "cgroup v2 is not mounted";
  EXPECT_THAT(Findings(kWorker, Base(kWorker), facts),
              ElementsAre(HasSubstr("CODEAPI_ROOT is not set"),
                          HasSubstr("CODEAPI_CGROUP: no usable cgroups (cgroup v2 is")));
  Environment environment = Base(kWorker);
  environment["CODEAPI_ROOT"] = "host";
  facts.cgroup_problem.clear();
  EXPECT_THAT(Findings(kWorker, environment, facts), ElementsAre(HasSubstr("CODEAPI_ROOT=host")));
}

TEST(Hardened, EverythingIsToldAtOnce) {
  const Environment nothing = {{"CODEAPI_HARDENED_SANDBOX_MODE", "true"},
                               {"CODEAPI_EGRESS_GRANT_SECRET", "weak"}};
  HostFacts facts = Facts(kWorker);
  facts.root_is_hosts = true;
  const auto findings = Findings(kWorker, nothing, facts);
  for (const char* name :
       {"SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY", "EGRESS_GATEWAY_URL", "CODEAPI_EGRESS_GRANT_SECRET",
        "CODEAPI_INTERNAL_SERVICE_TOKEN", "REDIS_HOST", "CODEAPI_WORKER_USER", "CODEAPI_ROOT"})
    EXPECT_THAT(findings, ::testing::Contains(HasSubstr(name))) << name;
}

TEST(Hardened, RolesHaveNames) {
  EXPECT_EQ(RoleOfName("worker"), kWorker);
  EXPECT_EQ(RoleOfName("egress-gateway"), kEgressGateway);
  EXPECT_EQ(RoleOfName("serve"), kServe);
  EXPECT_EQ(RoleOfName("run"), std::nullopt);
  EXPECT_EQ(RoleOfName(""), std::nullopt);
}

}  // namespace
}  // namespace codeapi
