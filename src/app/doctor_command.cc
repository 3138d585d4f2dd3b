// `codeapi doctor`: looks at the host the way the jailer will use it, and then really runs a program in a
// cell.

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <boost/asio.hpp>

#include "app/commands.h"
#include "app/doctor_hardened.h"
#include "app/spdlog_log.h"
#include "app/wiring.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "jail/cgroup.h"
#include "jail/landlock.h"
#include "jail/user_namespace.h"
#include "runtime/runtime.h"
#include "worker/health.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;

enum class State { kOk, kMissing, kBroken };

struct Finding {
  std::string what;
  State state = State::kOk;
  std::string detail;
  std::string fix;  ///< empty when there is nothing to fix
};

std::string FirstLine(const char* path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

Finding Kernel() {
  utsname name{};
  ::uname(&name);
  // mount_setattr (5.12) is the newest call that cells need.
  const bool recent =
      ::syscall(SYS_mount_setattr, -1, nullptr, 0u, nullptr, std::size_t{0}) != 0 && errno != ENOSYS;
  return {"kernel", recent ? State::kOk : State::kBroken, name.release,
          recent ? "" : "cells need Linux 5.12 or newer"};
}

Finding Privileges() {
  const auto privilege = FindCellPrivilege();
  if (!privilege)
    return {"privileges", State::kBroken, "root without CAP_SYS_ADMIN", privilege.error().message};
  if (*privilege == CellPrivilege::kRoot) return {"privileges", State::kOk, "root", ""};
  return {"privileges", State::kOk, fmt::format("user {}: rootless cells", ::geteuid()), ""};
}

Finding Namespaces() {
  std::string missing, found;
  for (const char* name : {"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"}) {
    const bool there = ::access((std::string("/proc/self/ns/") + name).c_str(), F_OK) == 0;
    (there ? found : missing) += std::string(" ") + name;
  }
  if (missing.empty()) return {"namespaces", State::kOk, found.substr(1), ""};
  return {"namespaces", State::kBroken, "missing:" + missing,
          "use a kernel with CONFIG_NAMESPACES and all of them"};
}

Finding UserNamespaces() {
  const std::string limit = FirstLine("/proc/sys/user/max_user_namespaces");
  const std::string debian = FirstLine("/proc/sys/kernel/unprivileged_userns_clone");
  if (limit == "0") {
    return {"user namespaces", State::kMissing, "switched off",
            "sysctl user.max_user_namespaces=65536 (not needed as root)"};
  }
  if (debian == "0") {
    return {"user namespaces", State::kMissing, "for root only",
            "sysctl kernel.unprivileged_userns_clone=1 (not needed as root)"};
  }
  return {"user namespaces", State::kOk, limit + " at most", ""};
}

// As the jailer tries them.
Finding Cgroups() {
  auto v2 = OpenCgroupV2();
  if (v2) {
    (*v2)->RemoveAll();
    return {"cgroups", State::kOk, "v2: memory, pids, cpu", ""};
  }
  auto v1 = OpenCgroupV1();
  if (v1) {
    (*v1)->RemoveAll();
    return {"cgroups", State::kOk, "v1: memory, pids, cpuacct, cpu", ""};
  }
  return {"cgroups", State::kMissing, v2.error().message + "; " + v1.error().message,
          "limits fall back to rlimits per process; give this process a cgroup with the memory, pids and cpu "
          "controllers (systemd: Delegate=yes; docker: --cgroupns=private)"};
}

Finding Seccomp() {
  const std::uint32_t action = SECCOMP_RET_KILL_PROCESS;
  const bool ok = ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
  return {"seccomp", ok ? State::kOk : State::kBroken, ok ? "filters, kill_process" : std::strerror(errno),
          ok ? "" : "use a kernel with CONFIG_SECCOMP_FILTER"};
}

Finding Landlock() {
  const int abi = LandlockAbi();
  if (abi > 0) return {"landlock", State::kOk, fmt::format("ABI {}", abi), ""};
  return {"landlock", State::kMissing, "not in this kernel, or not switched on",
          "optional, one layer more: boot with landlock in lsm=, where the kernel has it"};
}

Finding Overlays(const Settings& settings) {
  const bool wanted = settings.root_sharing == RootSharing::kPrivate;
  const auto privilege = FindCellPrivilege();
  std::string why;
  if (std::ifstream in("/proc/filesystems");
      std::string(std::istreambuf_iterator<char>(in), {}).find("\toverlay\n") == std::string::npos)
    why = "not in this kernel, or not loaded (modprobe overlay)";
  if (privilege && *privilege == CellPrivilege::kRootless) why = "not in rootless cells";
  if (why.empty())
    return {"overlays", State::kOk, wanted ? "each cell has its own root" : "all cells share one root", ""};
  return {"overlays", wanted ? State::kBroken : State::kMissing, why,
          wanted ? "CODEAPI_ROOT_SHARING=private needs them; unset it to have cells share the root's files"
                 : "optional: only CODEAPI_ROOT_SHARING=private would use them"};
}

Finding Kvm() {
  UniqueFd fd(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (fd) return {"kvm", State::kOk, "/dev/kvm opens", ""};
  return {"kvm", State::kMissing, std::strerror(errno), "optional: only microVMs would use it"};
}

Finding Executables(const Settings& settings) {
  const auto path = FindJailer(settings);
  if (path) return {"jailer", State::kOk, *path, ""};
  return {"jailer", State::kBroken, path.error().message,
          "install codeapi-jailer and codeapi-init beside codeapi"};
}

Finding Root(const RootChoice& root) {
  const std::string what = DescribeRoot(root);
  if (!root.path.empty()) {
    const bool usable = ::access((root.path + "/usr").c_str(), X_OK) == 0;
    return {"root", usable ? State::kOk : State::kBroken, what,
            usable ? "" : "CODEAPI_ROOT names no file tree; codeapi package-init builds one"};
  }
  return {"root", root.link.empty() ? State::kOk : State::kMissing, what,
          root.link.empty() ? "" : "codeapi package-init --profile core (or full, for all languages)"};
}

// On the host; what cells see is listed by the run at the end.
std::vector<Finding> Languages(const RootChoice& root) {
  std::vector<Finding> out;
  for (const Runtime& runtime : Runtimes()) {
    const Command* command = FindCommand(runtime, root.path);
    const Command& wanted = command == nullptr ? runtime.commands.front() : *command;
    const std::string& program = wanted.compile.empty() ? wanted.run.front() : wanted.compile.front();
    const std::string fix = !root.path.empty()        ? "codeapi package-init --profile full"
                            : runtime.package.empty() ? "npm install bun, with a link to it at " + program
                                                      : "apt-get install " + runtime.package;
    out.push_back({"language " + runtime.id, command == nullptr ? State::kMissing : State::kOk,
                   command == nullptr ? program + " not found" : program, command == nullptr ? fix : ""});
  }
  return out;
}

class NoLog final : public Log {
 public:
  void Write(Severity, std::string_view, std::initializer_list<LogField>) override {}
};

// The proof: everything above together.
Finding Cell(const Settings& settings, const RootChoice& root) {
  const auto jailer = FindJailer(settings);
  if (!jailer || !FindCellPrivilege())
    return {"a cell", State::kBroken, "not tried", "fix what is broken above"};
  asio::io_context io(1);
  JailerSettings jailer_settings = MakeJailerSettings(settings, root);
  jailer_settings.max_cells = 1;
  jailer_settings.pool_size = 0;
  LocalSandbox sandbox(io.get_executor(), {{*jailer}, jailer_settings});
  NoLog log;
  HealthMonitor health(io.get_executor(), sandbox, log, settings.health_max_age);
  Result<void> probed = Fail(ErrorCode::kInternal, "not tried");
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        probed = co_await health.Probe();
        co_await sandbox.Stop();
      },
      [&](const std::exception_ptr&) { io.stop(); });
  io.run();
  if (!probed)
    return {"a cell", State::kBroken, probed.error().message, "see what is broken or missing above"};
  std::string detail = "a program ran; limits by cgroups " + sandbox.info().cgroup;
  detail += fmt::format("\n{:<16} {:<8} the jailer is locked: {}", "", "", sandbox.info().locks);
  for (const std::string& warning : sandbox.info().warnings) {
    detail += fmt::format("\n{:<16} {:<8} {}", "", "", warning);
  }
  return {"a cell", State::kOk, detail, ""};
}

const char* StateName(State state) {
  switch (state) {
    case State::kOk:
      return "ok";
    case State::kMissing:
      return "missing";
    case State::kBroken:
      return "BROKEN";
  }
  return "?";
}

}  // namespace

int DoctorCommand(const DoctorOptions& options) {
  const auto settings = LoadSettings();
  if (!settings) {
    fmt::print(stderr, "codeapi: {}\n", settings.error().message);
    return 1;
  }
  if (options.hardened) return DoctorHardened(*settings, options.role);
  const RootChoice root = ChooseRoot(*settings);
  std::vector<Finding> findings = {
      Kernel(),   Privileges(),        Namespaces(), UserNamespaces(),       Cgroups(), Seccomp(),
      Landlock(), Overlays(*settings), Kvm(),        Executables(*settings), Root(root)};
  for (Finding& language : Languages(root)) findings.push_back(std::move(language));
  findings.push_back(Cell(*settings, root));
  for (const Finding& finding : findings) {
    fmt::print("{:<16} {:<8} {}\n", finding.what, StateName(finding.state), finding.detail);
    if (!finding.fix.empty()) fmt::print("{:<16} {:<8} fix: {}\n", "", "", finding.fix);
  }
  const bool works = findings.back().state == State::kOk;
  fmt::print("\n{}\n", works ? "Cells can be made on this host." : "No cell can be made on this host.");
  return works ? 0 : 1;
}

}  // namespace codeapi
