// What the jailer needs of the machine it is on: privileges, cgroups, a root for cells, processes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "jail/cell_messages.h"
#include "jail/cell_process.h"
#include "jail/cgroup.h"
#include "jail/seccomp_policy.h"
#include "jail/user_namespace.h"
#include "jail/zygote_process.h"
#include "jailer/messages.h"

namespace codeapi {

struct CellEnvironment;

/// The machine as the jailer sees it. An interface so that the jailer's fuzz target can lead it through any
/// order of events without privileges (fuzzed_host.h). Not thread-safe.
class JailerHost {
 public:
  virtual ~JailerHost() = default;

  /// Prepares this process for making cells, once and for good, and tells what was found. When
  /// JailerInfo::error is not empty nothing else may be called.
  virtual JailerInfo Prepare(const JailerSettings& settings) = 0;

  /// Tells `environment` which languages the root has, and returns their ids. After Prepare().
  virtual std::vector<std::string> FindLanguages(CellEnvironment& environment) const = 0;

  /// The kernel's numbers of the CPUs that programs may use, and how many each of them gets.
  virtual const std::vector<std::uint32_t>& cpus() const = 0;
  virtual std::uint32_t cpus_per_program() const = 0;

  virtual CgroupTree& cgroups() = 0;

  /// Starts the init of a new cell in `cgroup`. What it is to become it is told by a CellSetup.
  virtual Result<CellProcess> StartInit(const CellCgroup& cgroup) = 0;

  /// What the init of the cell in `slot` is to be told first.
  virtual CellSetup Setup(std::uint32_t slot) const = 0;

  /// As codeapi::StartZygote has it.
  virtual Result<ZygoteProcess> StartZygote(const ZygoteSpec& spec) = 0;
};

/// The machine itself. Prepare() moves the process into the template root, where no path leads out of.
class LinuxHost final : public JailerHost {
 public:
  /// `init` is the open executable of the cell init.
  explicit LinuxHost(UniqueFd init) : init_(std::move(init)) {}

  JailerInfo Prepare(const JailerSettings& settings) override;
  std::vector<std::string> FindLanguages(CellEnvironment& environment) const override;
  const std::vector<std::uint32_t>& cpus() const override { return cpus_; }
  std::uint32_t cpus_per_program() const override { return cpus_per_program_; }
  CgroupTree& cgroups() override { return *cgroups_; }
  Result<CellProcess> StartInit(const CellCgroup& cgroup) override;
  CellSetup Setup(std::uint32_t slot) const override;
  Result<ZygoteProcess> StartZygote(const ZygoteSpec& spec) override;

 private:
  Result<void> OpenCgroups(const std::string& mode, JailerInfo& info);
  Result<void> EnterPrivileges(JailerInfo& info);

  UniqueFd init_;
  JailerSettings settings_;
  SeccompFilters filters_;
  std::unique_ptr<CgroupTree> cgroups_;
  std::vector<std::string> private_mounts_;   // of each cell; empty: they share the template's files
  std::optional<UserNamespaceMap> rootless_;  // of every cell; none when root
  std::vector<std::uint32_t> cpus_;
  std::uint32_t cpus_per_program_ = 1;
  bool cgroup_namespaces_ = false;  // whether the kernel has them
};

}  // namespace codeapi
