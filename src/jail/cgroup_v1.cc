#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

#include "jail/cgroup.h"
#include "jail/cgroup_files.h"

namespace codeapi {
namespace {

enum Controller : std::size_t { kMemory, kPids, kCpuacct, kCpu, kControllers };
constexpr std::array<const char*, kControllers> kNames = {"memory", "pids", "cpuacct", "cpu"};
// CFS bandwidth period: the kernel's default.
constexpr std::uint64_t kCpuPeriodUs = 100'000;
// What a group has unless it is told otherwise: 100 in the words of version 2, 1024 in those of version 1.
constexpr std::uint64_t kDefaultWeight = 100;

struct Location {
  std::string mount_point;
  std::string path;  // of our own group, below the mount point
};

// Field 4 of mountinfo is the part of the hierarchy that is mounted, field 5 where; the super options name
// controllers.
std::map<std::string, Location> FindHierarchies() {
  std::map<std::string, Location> found;
  std::map<std::string, std::string> own;
  std::ifstream cgroup("/proc/self/cgroup");
  for (std::string line; std::getline(cgroup, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    std::stringstream names(line.substr(first + 1, second - first - 1));
    for (std::string name; std::getline(names, name, ',');) own[name] = line.substr(second + 1);
  }
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    const std::size_t dash = line.find(" - cgroup ");
    if (dash == std::string::npos) continue;
    std::stringstream fields(line.substr(0, dash)), super(line.substr(dash + 3));
    std::string id, parent, device, root, mount_point, type, source, options;
    fields >> id >> parent >> device >> root >> mount_point;
    super >> type >> source >> options;
    std::stringstream names(options);
    for (std::string name; std::getline(names, name, ',');) {
      if (!own.contains(name)) continue;
      std::string path = own[name];
      if (root != "/" && path.starts_with(root)) path.erase(0, root.size());
      found[name] = {mount_point, path};
    }
  }
  return found;
}

class V1Cell final : public CellCgroup {
 public:
  // Hierarchies that are mounted together share one directory; joining twice is harmless.
  V1Cell(std::string name, const std::array<UniqueFd, kControllers>& parents) : name_(std::move(name)) {
    for (std::size_t i = 0; i < kControllers; ++i) parents_[i] = parents[i].get();
  }

  Result<void> Open() {
    for (std::size_t i = 0; i < kControllers; ++i) {
      if (::mkdirat(parents_[i], name_.c_str(), 0755) != 0 && errno != EEXIST) {
        return FailErrno(std::string("make a cgroup in the hierarchy of ") + kNames[i]);
      }
      dirs_[i].reset(::openat(parents_[i], name_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      if (!dirs_[i]) return FailErrno("open the new cgroup");
      tasks_[i].reset(::openat(dirs_[i].get(), "tasks", O_WRONLY | O_CLOEXEC));
      if (!tasks_[i]) return FailErrno("open tasks of the new cgroup");
      join_fds_.push_back(tasks_[i].get());
    }
    return WatchOom();
  }

  std::span<const int> join_fds() const override { return join_fds_; }

  void CloseJoinFds() override {
    for (UniqueFd& fd : tasks_) fd.reset();
    join_fds_.clear();
  }

  Result<void> SetLimits(const CgroupLimits& limits) override {
    if (limits == limits_) return {};
    if (limits.memory_bytes != limits_.memory_bytes) {
      if (auto set = SetMemory(limits.memory_bytes); !set) return set;
    }
    if (limits.processes != limits_.processes) {
      const std::string value = limits.processes == 0 ? "max" : std::to_string(limits.processes);
      if (auto set = WriteCgroupFile(dirs_[kPids].get(), "pids.max", value); !set) return set;
    }
    if (limits.cpu_hundredths != limits_.cpu_hundredths) {
      const std::string quota =
          limits.cpu_hundredths == 0 ? "-1" : std::to_string(limits.cpu_hundredths * kCpuPeriodUs / 100);
      if (auto set = WriteCgroupFile(dirs_[kCpu].get(), "cpu.cfs_quota_us", quota); !set) return set;
    }
    if (limits.cpu_weight != limits_.cpu_weight) {
      const std::uint64_t weight = limits.cpu_weight == 0 ? kDefaultWeight : limits.cpu_weight;
      const std::string shares = std::to_string(std::max<std::uint64_t>(2, weight * 1024 / kDefaultWeight));
      if (auto set = WriteCgroupFile(dirs_[kCpu].get(), "cpu.shares", shares); !set) return set;
    }
    limits_ = limits;
    return {};
  }

  CgroupUsage Usage() const override {
    return {NumberIn(ReadCgroupFile(dirs_[kCpuacct].get(), "cpuacct.usage")) / 1000,
            NumberIn(ReadCgroupFile(dirs_[kMemory].get(), "memory.max_usage_in_bytes")),
            FieldIn(ReadCgroupFile(dirs_[kMemory].get(), "memory.oom_control"), "oom_kill ")};
  }

  int oom_fd() const override { return oom_event_.get(); }

  void DrainOomEvent() override {
    std::uint64_t count;
    while (::read(oom_event_.get(), &count, sizeof count) > 0) continue;
  }

  bool Remove() override {
    oom_event_.reset();
    oom_control_.reset();
    bool gone = true;
    for (std::size_t i = 0; i < kControllers; ++i) {
      dirs_[i].reset();
      if (::unlinkat(parents_[i], name_.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) gone = false;
    }
    return gone;
  }

 private:
  // The limit on memory and swap together can never be below the one on memory, so the order depends on the
  // way.
  Result<void> SetMemory(std::uint64_t bytes) {
    const std::string value = bytes == 0 ? "-1" : std::to_string(bytes);
    const int dir = dirs_[kMemory].get();
    const bool has_swap_limit = ::faccessat(dir, "memory.memsw.limit_in_bytes", F_OK, 0) == 0;
    const bool raising = bytes == 0 || (limits_.memory_bytes != 0 && bytes > limits_.memory_bytes);
    if (has_swap_limit && raising) {
      if (auto set = WriteCgroupFile(dir, "memory.memsw.limit_in_bytes", value); !set) return set;
    }
    if (auto set = WriteCgroupFile(dir, "memory.limit_in_bytes", value); !set) return set;
    if (has_swap_limit && !raising) return WriteCgroupFile(dir, "memory.memsw.limit_in_bytes", value);
    return {};
  }

  Result<void> WatchOom() {
    oom_event_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    oom_control_.reset(::openat(dirs_[kMemory].get(), "memory.oom_control", O_RDONLY | O_CLOEXEC));
    if (!oom_event_ || !oom_control_) return FailErrno("watch memory.oom_control");
    return WriteCgroupFile(dirs_[kMemory].get(), "cgroup.event_control",
                           std::to_string(oom_event_.get()) + " " + std::to_string(oom_control_.get()));
  }

  std::string name_;
  std::array<int, kControllers> parents_;
  std::array<UniqueFd, kControllers> dirs_, tasks_;
  std::vector<int> join_fds_;
  UniqueFd oom_event_, oom_control_;
  CgroupLimits limits_;
};

class V1Tree final : public CgroupTree {
 public:
  Result<void> Open() {
    const auto found = FindHierarchies();
    for (std::size_t i = 0; i < kControllers; ++i) {
      const auto it = found.find(kNames[i]);
      if (it == found.end()) {
        return Fail(ErrorCode::kUnavailable, std::string("cgroup v1 controller not mounted: ") + kNames[i]);
      }
      const std::string path = it->second.mount_point + it->second.path;
      parents_[i].reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      if (!parents_[i]) return FailErrno("open " + path, errno, ErrorCode::kUnavailable);
      SweepDeadGroups(parents_[i].get());
      if (::mkdirat(parents_[i].get(), name_.c_str(), 0755) != 0 && errno != EEXIST) {
        return FailErrno("make a cgroup in " + path, errno, ErrorCode::kUnavailable);
      }
      dirs_[i].reset(::openat(parents_[i].get(), name_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      if (!dirs_[i]) return FailErrno("open the cgroup in " + path, errno, ErrorCode::kUnavailable);
    }
    return {};
  }

  Result<std::unique_ptr<CellCgroup>> Create(const std::string& name) override {
    auto cell = std::make_unique<V1Cell>(name, dirs_);
    if (auto opened = cell->Open(); !opened) {
      cell->Remove();
      return std::unexpected(opened.error());
    }
    return cell;
  }

  const char* version() const override { return "v1"; }
  bool limits_memory() const override { return true; }

  bool RemoveAll() override {
    bool gone = true;
    for (std::size_t i = 0; i < kControllers; ++i) gone = RemoveGroupTree(parents_[i].get(), name_) && gone;
    return gone;
  }

 private:
  std::string name_ = OwnGroupName();
  std::array<UniqueFd, kControllers> parents_, dirs_;
};

class NoCell final : public CellCgroup {
 public:
  std::span<const int> join_fds() const override { return {}; }
  void CloseJoinFds() override {}
  Result<void> SetLimits(const CgroupLimits&) override { return {}; }
  CgroupUsage Usage() const override { return {}; }
  int oom_fd() const override { return -1; }
  bool Remove() override { return true; }
};

class NoTree final : public CgroupTree {
 public:
  Result<std::unique_ptr<CellCgroup>> Create(const std::string&) override {
    return std::make_unique<NoCell>();
  }
  const char* version() const override { return "none"; }
  bool limits_memory() const override { return false; }
  bool RemoveAll() override { return true; }
};

}  // namespace

Result<std::unique_ptr<CgroupTree>> OpenCgroupV1() {
  auto tree = std::make_unique<V1Tree>();
  if (auto opened = tree->Open(); !opened) return std::unexpected(opened.error());
  return tree;
}

std::unique_ptr<CgroupTree> NoCgroups() {
  return std::make_unique<NoTree>();
}

}  // namespace codeapi
