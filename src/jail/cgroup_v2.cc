#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "jail/cgroup.h"
#include "jail/cgroup_files.h"

namespace codeapi {
namespace {

constexpr const char* kNeeded[] = {"memory", "pids", "cpu"};
// The kernel's default period for cpu.max.
constexpr std::uint64_t kCpuPeriodUs = 100'000;
constexpr std::uint32_t kDefaultWeight = 100;

std::string Limit(std::uint64_t value) {
  return value == 0 ? "max" : std::to_string(value);
}

class V2Cell final : public CellCgroup {
 public:
  V2Cell(std::string name, int parent) : name_(std::move(name)), parent_(parent) {}

  Result<void> Open() {
    if (::mkdirat(parent_, name_.c_str(), 0755) != 0 && errno != EEXIST) return FailErrno("make a cgroup");
    dir_.reset(::openat(parent_, name_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!dir_) return FailErrno("open the new cgroup");
    events_.reset(::openat(dir_.get(), "memory.events", O_RDONLY | O_CLOEXEC));
    if (!events_) return FailErrno("open memory.events of the new cgroup");
    DrainOomEvent();  // arms it
    // Not memory.oom.group: it would take init along, and with it what the program has written. The event
    // ends the program as a whole just as well.
    return {};
  }

  std::span<const int> join_fds() const override { return {}; }
  void CloseJoinFds() override {}
  int clone_into_fd() const override { return dir_.get(); }

  Result<void> SetLimits(const CgroupLimits& limits) override {
    if (limits == limits_) return {};
    if (limits.memory_bytes != limits_.memory_bytes) {
      if (auto set = WriteCgroupFile(dir_.get(), "memory.max", Limit(limits.memory_bytes)); !set) return set;
      // Without swap accounting there is no such file, and no swap to be used either.
      if (::faccessat(dir_.get(), "memory.swap.max", F_OK, 0) == 0) {
        if (auto set = WriteCgroupFile(dir_.get(), "memory.swap.max", "0"); !set) return set;
      }
    }
    if (limits.processes != limits_.processes) {
      if (auto set = WriteCgroupFile(dir_.get(), "pids.max", Limit(limits.processes)); !set) return set;
    }
    if (limits.cpu_hundredths != limits_.cpu_hundredths) {
      const std::uint64_t quota = limits.cpu_hundredths * kCpuPeriodUs / 100;
      const std::string value = Limit(quota) + " " + std::to_string(kCpuPeriodUs);
      if (auto set = WriteCgroupFile(dir_.get(), "cpu.max", value); !set) return set;
    }
    if (limits.cpu_weight != limits_.cpu_weight) {
      const std::uint32_t weight = limits.cpu_weight == 0 ? kDefaultWeight : limits.cpu_weight;
      if (auto set = WriteCgroupFile(dir_.get(), "cpu.weight", std::to_string(weight)); !set) return set;
    }
    limits_ = limits;
    return {};
  }

  CgroupUsage Usage() const override {
    const int dir = dir_.get();
    return {FieldIn(ReadCgroupFile(dir, "cpu.stat"), "usage_usec "),
            NumberIn(ReadCgroupFile(dir, "memory.peak")),
            FieldIn(ReadCgroupFile(dir, "memory.events"), "oom_kill ")};
  }

  // A file of the kernel's is always readable; that it changed is told as an exceptional condition.
  int oom_fd() const override { return events_.get(); }
  std::uint32_t oom_epoll_events() const override { return EPOLLPRI; }

  void DrainOomEvent() override {
    char buffer[512];
    const ssize_t ignored = ::pread(events_.get(), buffer, sizeof buffer, 0);
    static_cast<void>(ignored);
  }

  void KillAll() override {
    // Before Linux 5.14 there is no such file; the PID namespace's end kills them as well.
    static_cast<void>(WriteCgroupFile(dir_.get(), "cgroup.kill", "1"));
  }

  bool Remove() override {
    events_.reset();
    dir_.reset();
    return ::unlinkat(parent_, name_.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT;
  }

 private:
  std::string name_;
  int parent_;
  UniqueFd dir_, events_;
  CgroupLimits limits_;
};

struct UnifiedHierarchy {
  std::string mount_point;
  std::string own;  // our own group, below the mount point
};

Result<UnifiedHierarchy> FindUnified() {
  UnifiedHierarchy out;
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line) && out.mount_point.empty();) {
    const std::size_t dash = line.find(" - cgroup2 ");
    if (dash == std::string::npos) continue;
    std::stringstream fields(line.substr(0, dash));
    std::string id, parent, device, root;
    fields >> id >> parent >> device >> root >> out.mount_point;
  }
  if (out.mount_point.empty()) return Fail(ErrorCode::kUnavailable, "cgroup v2 is not mounted");
  std::ifstream cgroup("/proc/self/cgroup");
  for (std::string line; std::getline(cgroup, line);) {
    if (line.starts_with("0::")) out.own = line.substr(3);
  }
  if (out.own == "/") out.own.clear();
  return out;
}

bool HasWord(const std::string& text, std::string_view word) {
  std::stringstream words(text);
  for (std::string w; words >> w;) {
    if (w == word) return true;
  }
  return false;
}

class V2Tree final : public CgroupTree {
 public:
  // Beneath our own group where that is possible: with a service manager that delegated it, and in a
  // container. A group that holds processes cannot hand controllers to its children, so on a plain machine,
  // where the login session's group is full of strangers, the top of the tree has to do.
  Result<void> Open() {
    auto unified = FindUnified();
    if (!unified) return std::unexpected(unified.error());
    auto below_own = OpenBelow(unified->mount_point + unified->own, unified->own.empty());
    if (below_own || unified->own.empty()) return below_own;
    auto below_top = OpenBelow(unified->mount_point, true);
    return below_top ? below_top : below_own;
  }

  Result<std::unique_ptr<CellCgroup>> Create(const std::string& name) override {
    auto cell = std::make_unique<V2Cell>(name, dir_.get());
    if (auto opened = cell->Open(); !opened) {
      cell->Remove();
      return std::unexpected(opened.error());
    }
    return cell;
  }

  const char* version() const override { return "v2"; }
  bool limits_memory() const override { return true; }
  bool RemoveAll() override { return RemoveGroupTree(parent_.get(), name_); }

 private:
  Result<void> OpenBelow(const std::string& path, bool top) {
    parent_.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!parent_) return FailErrno("open " + path, errno, ErrorCode::kUnavailable);
    const std::string available = ReadCgroupFile(parent_.get(), "cgroup.controllers");
    for (const char* controller : kNeeded) {
      if (!HasWord(available, controller)) {
        return Fail(ErrorCode::kUnavailable,
                    std::string("cgroup v2 controller not available in ") + path + ": " + controller);
      }
    }
    SweepDeadGroups(parent_.get());
    auto handed = HandDown(parent_.get());
    if (!handed && (top || OursAlone()) && MoveToLeaf()) handed = HandDown(parent_.get());
    if (!handed) return handed;
    if (::mkdirat(parent_.get(), name_.c_str(), 0755) != 0 && errno != EEXIST) {
      return FailErrno("make a cgroup in " + path, errno, ErrorCode::kUnavailable);
    }
    dir_.reset(::openat(parent_.get(), name_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!dir_) return FailErrno("open the cgroup in " + path, errno, ErrorCode::kUnavailable);
    return HandDown(dir_.get());
  }

  // Whether nobody is in the group but this process and the one that started it: then it was delegated to the
  // service (systemd's Delegate=yes), which may arrange it as it likes.
  bool OursAlone() const {
    std::stringstream pids(ReadCgroupFile(parent_.get(), "cgroup.procs"));
    for (pid_t pid; pids >> pid;) {
      if (pid != ::getpid() && pid != ::getppid()) return false;
    }
    return true;
  }

  // In a container the top of what we see is a group as any other, and holds the container's processes. They
  // are all moved into a leaf, as every container manager does for its own.
  bool MoveToLeaf() {
    constexpr const char* kLeaf = "codeapi-main";
    if (::mkdirat(parent_.get(), kLeaf, 0755) != 0 && errno != EEXIST) return false;
    UniqueFd leaf(::openat(parent_.get(), kLeaf, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    std::stringstream pids(ReadCgroupFile(parent_.get(), "cgroup.procs"));
    for (std::string pid; leaf && pids >> pid;) {
      // One that has ended meanwhile needs no move; one that cannot be moved makes the next attempt fail.
      if (auto moved = WriteCgroupFile(leaf.get(), "cgroup.procs", pid); !moved) continue;
    }
    return static_cast<bool>(leaf);
  }

  // Gives a group's children the controllers that cells need.
  static Result<void> HandDown(int dir) {
    const std::string enabled = ReadCgroupFile(dir, "cgroup.subtree_control");
    for (const char* controller : kNeeded) {
      if (HasWord(enabled, controller)) continue;
      auto written = WriteCgroupFile(dir, "cgroup.subtree_control", std::string("+") + controller);
      if (!written) return Fail(ErrorCode::kUnavailable, written.error().message);
    }
    return {};
  }

  std::string name_ = OwnGroupName();
  UniqueFd parent_, dir_;
};

}  // namespace

Result<std::unique_ptr<CgroupTree>> OpenCgroupV2() {
  auto tree = std::make_unique<V2Tree>();
  if (auto opened = tree->Open(); !opened) return std::unexpected(opened.error());
  return tree;
}

}  // namespace codeapi
