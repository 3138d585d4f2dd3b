#include "app/doctor_hardened.h"

#include <fmt/format.h>

#include <cstdio>
#include <vector>

#include "app/hardened.h"
#include "app/hardened_start.h"

namespace codeapi {
namespace {

// Whether there is nothing to say.
bool Print(Role role, const Settings& settings, const HostFacts& facts) {
  const std::string name = RoleNames(role);
  const std::vector<std::string> findings = HardenedFindings(role, settings, facts);
  if (findings.empty()) fmt::print("{:<17} ok\n", name);
  for (const std::string& finding : findings) fmt::print("{:<17} BROKEN   {}\n", name, finding);
  return findings.empty();
}

}  // namespace

int DoctorHardened(const Settings& settings, const std::optional<std::string>& role) {
  std::vector<Role> roles = HardenedRoles();
  if (role) {
    const auto one = RoleOfName(*role);
    if (!one) {
      std::string names;
      for (const Role known : HardenedRoles()) names += " " + RoleNames(known);
      fmt::print(stderr, "codeapi: --role {} is none of:{}\n", *role, names);
      return 1;
    }
    roles = {*one};
  }
  const HostFacts facts = ProbeHost(settings, true);
  std::string could;
  for (const Role one : roles) {
    if (Print(one, settings, facts)) could += " " + RoleNames(one);
  }
  if (!settings.hardened_sandbox_mode)
    fmt::print("\nCODEAPI_HARDENED_SANDBOX_MODE is not true here, so a start would not check any of this.\n");
  fmt::print("\n{}\n", could.empty() ? "Nothing of this could start in hardened mode."
                                     : "Could start in hardened mode with this environment:" + could);
  return could.empty() ? 1 : 0;
}

}  // namespace codeapi
