// Hardened mode's start-up rules: what each role must, may and must not be given, and what must be true of
// the machine it starts on (docs/adr/0008-hardened-mode.md, docs/security.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/settings.h"
#include "base/settings_table.h"

namespace codeapi {

/// What the settings do not tell and the rules ask for. ProbeHost() finds it out.
struct HostFacts {
  unsigned user = 0;                   ///< effective user id of the process
  std::string worker_user_problem;     ///< why CODEAPI_WORKER_USER, which is set, will not do; empty: it will
  bool root_is_hosts = false;          ///< programs would see this machine's own /usr
  std::string cgroup_problem;          ///< why cells cannot be limited by cgroups; empty: they can
  std::vector<std::string> variables;  ///< names of the environment's variables that are not empty
};

/// Every reason why a process of `role` must not start in hardened mode: one line each, naming the setting
/// and what to do about it, and never showing a secret's value. Empty: it may start. Pure: reads nothing but
/// its arguments.
std::vector<std::string> HardenedFindings(Role role, const Settings& settings, const HostFacts& facts);

/// The roles of hardened mode, in the order of the documentation: kServe is none of them, for it would be all
/// in one.
const std::vector<Role>& HardenedRoles();

/// The role of this name (`worker`), among those of HardenedRoles() and kServe.
std::optional<Role> RoleOfName(std::string_view name);

}  // namespace codeapi
