#include "app/hardened_start.h"

#include <unistd.h>

#include <cstdint>
#include <string_view>

#include "app/wiring.h"
#include "app/worker_user.h"
#include "jail/cgroup.h"

extern char** environ;

namespace codeapi {
namespace {

std::vector<std::string> VariablesSet() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    // `NAME=` is how compose files and shell scripts hand on what is not set.
    if (equals != text.npos && equals + 1 < text.size()) names.emplace_back(text.substr(0, equals));
  }
  return names;
}

std::string WorkerUserProblem(const Settings& settings) {
  if (settings.worker_user.empty()) return "";
  const std::uint32_t cells =
      2 * MakeJailerSettings(settings, {}).max_cells;  // two jailers at a time, at most
  const auto user = ParseWorkerUser(settings.worker_user, settings.sandbox_uid_base, cells);
  return user ? "" : user.error().message;
}

std::string CgroupProblem(CgroupMode mode) {
  std::string problem;
  const auto usable = [&](Result<std::unique_ptr<CgroupTree>> tree) {
    if (tree) (*tree)->RemoveAll();
    if (!tree) problem += (problem.empty() ? "" : "; ") + tree.error().message;
    return tree.has_value();
  };
  if (mode != CgroupMode::kV1 && usable(OpenCgroupV2())) return "";
  if (mode != CgroupMode::kV2 && usable(OpenCgroupV1())) return "";
  return problem;
}

}  // namespace

HostFacts ProbeHost(const Settings& settings, bool cells) {
  HostFacts facts;
  facts.user = ::geteuid();
  facts.worker_user_problem = WorkerUserProblem(settings);
  facts.root_is_hosts = ChooseRoot(settings).path.empty();
  if (cells && settings.cgroup != CgroupMode::kNone) facts.cgroup_problem = CgroupProblem(settings.cgroup);
  facts.variables = VariablesSet();
  return facts;
}

Result<void> CheckHardened(Role role, const Settings& settings) {
  if (!settings.hardened_sandbox_mode) return {};
  const std::vector<std::string> findings =
      HardenedFindings(role, settings, ProbeHost(settings, role == kWorker));
  if (findings.empty()) return {};
  std::string text = "CODEAPI_HARDENED_SANDBOX_MODE=true, and this must not be:";
  for (const std::string& finding : findings) text += '\n' + finding;
  return Fail(ErrorCode::kInvalid, std::move(text));
}

}  // namespace codeapi
