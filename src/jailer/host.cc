#include "jailer/host.h"

#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "jail/cpus.h"
#include "jail/template_root.h"
#include "jailer/cell.h"
#include "jailer/jailer_locks.h"

namespace codeapi {

Result<void> LinuxHost::OpenCgroups(const std::string& mode, JailerInfo& info) {
  std::string why;
  const auto attempt = [&](const char* version, Result<std::unique_ptr<CgroupTree>> (*open)()) {
    if (cgroups_ || (mode != "auto" && mode != version)) return;
    auto tree = open();
    if (tree) {
      cgroups_ = std::move(*tree);
    } else {
      why += (why.empty() ? "" : "; ") + tree.error().message;
    }
  };
  attempt("v2", OpenCgroupV2);
  attempt("v1", OpenCgroupV1);
  if (!cgroups_ && mode != "auto" && mode != "none") {
    if (why.empty()) why = "cgroup mode " + mode + " is not supported";
    return Fail(ErrorCode::kSetupFailed, why);
  }
  if (!cgroups_) {
    cgroups_ = NoCgroups();
    if (!why.empty()) {
      info.warnings.push_back("no cgroup limits, resource limits per process have to do: " + why);
    }
  }
  info.cgroup = cgroups_->version();
  info.limits_memory = cgroups_->limits_memory();
  return {};
}

// Cells of an ordinary user are made in user namespaces, this one around them all.
Result<void> LinuxHost::EnterPrivileges(JailerInfo& info) {
  const auto privilege = FindCellPrivilege();
  if (!privilege) return std::unexpected(privilege.error());
  if (*privilege == CellPrivilege::kRoot) return {};
  info.rootless = true;
  for (std::string& limit : RootlessLimits()) info.warnings.push_back(std::move(limit));
  if (auto entered = EnterUserNamespace(); !entered) return entered;
  rootless_ = MakeUserNamespaceMap(settings_.uid_base, settings_.uid_base, 0, 0);
  return {};
}

JailerInfo LinuxHost::Prepare(const JailerSettings& settings) {
  JailerInfo info;
  settings_ = settings;
  const auto failed = [&](const Error& error) {
    info.error = error.message;
    return info;
  };
  if (auto opened = OpenCgroups(settings.cgroup, info); !opened) return failed(opened.error());
  if (settings.cpu_hundredths > 0 && !info.limits_memory) {
    return failed({ErrorCode::kSetupFailed, "CODEAPI_SANDBOX_CPUS needs cgroups, which cannot be used here"});
  }
  if (auto entered = EnterPrivileges(info); !entered) return failed(entered.error());
  if (settings.private_root && info.rootless) {
    return failed(
        {ErrorCode::kSetupFailed,
         "CODEAPI_ROOT_SHARING=private needs root: without it, cells are shown the host's own devices"});
  }

  cpus_ = UsableCpus();
  cpus_per_program_ = static_cast<std::uint32_t>(cpus_.size());
  if (settings.cpu_hundredths > 0) {
    cpus_per_program_ = std::min(cpus_per_program_, (settings.cpu_hundredths + 99) / 100);
  }
  auto filters = CompileFilters(cpus_per_program_ >= ::sysconf(_SC_NPROCESSORS_CONF));
  if (!filters) return failed(filters.error());
  filters_ = std::move(*filters);
  cgroup_namespaces_ = ::access("/proc/self/ns/cgroup", F_OK) == 0;

  const TemplateOptions root{settings.root, cpus_per_program_, settings.private_root, info.rootless};
  auto mounts = EnterTemplateRoot(root);
  if (!mounts) return failed(mounts.error());
  private_mounts_ = std::move(*mounts);
  auto locks = LockJailer(rootless_ ? JailerPart::kRootless : JailerPart::kRoot);
  if (!locks) return failed(locks.error());
  info.locks = std::move(*locks);
  return info;
}

std::vector<std::string> LinuxHost::FindLanguages(CellEnvironment& environment) const {
  return environment.FindLanguages();
}

Result<CellProcess> LinuxHost::StartInit(const CellCgroup& cgroup) {
  return StartCellInit(init_.get(), cgroup.join_fds(), cgroup.clone_into_fd(),
                       rootless_ ? &*rootless_ : nullptr);
}

Result<ZygoteProcess> LinuxHost::StartZygote(const ZygoteSpec& spec) {
  return codeapi::StartZygote(spec, filters_);
}

CellSetup LinuxHost::Setup(std::uint32_t slot) const {
  CellSetup setup;
  setup.uid = setup.gid = settings_.uid_base + (rootless_ ? 0 : slot);
  setup.rootless = rootless_.has_value();
  setup.workspace_bytes = settings_.workspace_bytes;
  setup.workspace_inodes = settings_.workspace_inodes;
  setup.cgroup_namespace = cgroup_namespaces_;
  setup.private_mounts = private_mounts_;
  setup.log_refusals = settings_.log_refusals;
  setup.filter_allow = filters_.allow;
  setup.filter_deny = filters_.deny;
  return setup;
}

}  // namespace codeapi
