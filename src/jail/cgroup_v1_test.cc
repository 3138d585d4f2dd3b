// On the machine's own version 1 hierarchies: nothing here is a stand-in.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <vector>

#include "jail/cgroup.h"
#include "jail/testing.h"

namespace codeapi {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMiB = 1 << 20;

bool Lists(const std::string& list, const std::string& name) {
  return ("," + list + ",").find("," + name + ",") != std::string::npos;
}

// The directory of this process's own group in the hierarchy of a controller.
std::string OwnGroup(const std::string& controller) {
  std::string mount_point, path;
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string source, target, type, options;
    fields >> source >> target >> type >> options;
    if (type == "cgroup" && Lists(options, controller)) mount_point = target;
  }
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (Lists(line.substr(first + 1, second - first - 1), controller)) path = line.substr(second + 1);
  }
  // In a container the mount shows our own group as its root.
  return fs::exists(mount_point + path) ? mount_point + path : mount_point;
}

std::string GroupOf(const std::string& controller, pid_t jailer) {
  return OwnGroup(controller) + "/codeapi." + std::to_string(jailer);
}

// A child that joins the group when it is told to go, as a cell's init does, and says when it is done.
class HeldChild {
 public:
  template <typename Body>
  HeldChild(CellCgroup& cell, Body body) {
    int go[2], done[2];
    if (::pipe2(go, O_CLOEXEC) != 0 || ::pipe2(done, O_CLOEXEC) != 0) std::abort();
    go_.reset(go[1]);
    done_.reset(done[0]);
    UniqueFd wait(go[0]), tell(done[1]);
    pid_ = testing::Fork();
    if (pid_ != 0) return;
    go_.reset();
    char byte;
    if (::read(wait.get(), &byte, 1) != 1) ::_exit(98);
    for (const int fd : cell.join_fds()) {
      if (::write(fd, "0", 1) != 1) ::_exit(95);
    }
    body();
    testing::Report(tell.get(), "x");
    while (::read(wait.get(), &byte, 1) > 0) continue;  // until the parent lets go
    ::_exit(0);
  }
  ~HeldChild() { End(); }
  HeldChild(const HeldChild&) = delete;
  HeldChild& operator=(const HeldChild&) = delete;

  pid_t pid() const { return pid_; }
  void Go() { ASSERT_EQ(::write(go_.get(), "x", 1), 1); }
  // False when the child died instead.
  bool Done() {
    char byte;
    return ::read(done_.get(), &byte, 1) == 1;
  }
  int End() {
    go_.reset();
    return pid_ > 0 ? testing::WaitFor(std::exchange(pid_, -1)) : 0;
  }
  int Reap() { return testing::WaitFor(std::exchange(pid_, -1)); }

 private:
  UniqueFd go_, done_;
  pid_t pid_ = -1;
};

void Touch(std::uint64_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) ::_exit(97);
  for (std::uint64_t i = 0; i < bytes; i += 4096) static_cast<volatile char*>(memory)[i] = 1;
}

void Burn(std::int64_t milliseconds) {
  timespec used{};
  do {
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  } while (used.tv_sec * 1000 + used.tv_nsec / 1'000'000 < milliseconds);
}

class CgroupV1Test : public ::testing::Test {
 protected:
  void SetUp() override {
    auto tree = OpenCgroupV1();
    ASSERT_TRUE(tree) << tree.error().message;
    tree_ = std::move(*tree);
    auto cell = tree_->Create("cell-0");
    ASSERT_TRUE(cell) << cell.error().message;
    cell_ = std::move(*cell);
  }
  void TearDown() override {
    // The kernel empties a group a moment after its last process was reaped.
    while (cell_ && !cell_->Remove()) ::sched_yield();
    if (tree_) tree_->RemoveAll();
    EXPECT_FALSE(fs::exists(GroupOf("memory", ::getpid())));
  }

  static std::string Value(const std::string& controller, const std::string& file) {
    std::string text = testing::ReadFile(GroupOf(controller, ::getpid()) + "/cell-0/" + file);
    return text.substr(0, text.find('\n'));
  }

  std::unique_ptr<CgroupTree> tree_;
  std::unique_ptr<CellCgroup> cell_;
};

TEST_F(CgroupV1Test, SaysWhatItIs) {
  EXPECT_STREQ(tree_->version(), "v1");
  EXPECT_TRUE(tree_->limits_memory());
}

TEST_F(CgroupV1Test, AProcessJoinsInEveryHierarchyAndItsChildrenFollow) {
  HeldChild child(*cell_, [] {
    const pid_t parent = ::getpid();
    if (testing::Fork() != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (::getppid() == parent) ::pause();
    ::_exit(0);
  });
  child.Go();
  ASSERT_TRUE(child.Done());
  for (const char* controller : {"memory", "pids", "cpuacct", "cpu"}) {
    std::istringstream procs(testing::ReadFile(GroupOf(controller, ::getpid()) + "/cell-0/cgroup.procs"));
    std::vector<pid_t> pids;
    for (pid_t pid; procs >> pid;) pids.push_back(pid);
    EXPECT_EQ(pids.size(), 2u) << controller;
    EXPECT_NE(std::ranges::find(pids, child.pid()), pids.end()) << controller;
  }
}

TEST_F(CgroupV1Test, WithTheDoorClosedTheGroupWorksOn) {
  EXPECT_EQ(cell_->join_fds().size(), 4u);
  const std::vector<int> fds(cell_->join_fds().begin(), cell_->join_fds().end());
  for (const int fd : fds) EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
  cell_->CloseJoinFds();
  EXPECT_TRUE(cell_->join_fds().empty());
  for (const int fd : fds) EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
  EXPECT_TRUE(cell_->SetLimits({64 * kMiB, 3, 0}));
  EXPECT_EQ(Value("pids", "pids.max"), "3");
}

TEST_F(CgroupV1Test, LimitsArriveInTheKernelAndCanBeChanged) {
  const std::string unlimited = Value("memory", "memory.limit_in_bytes");
  ASSERT_TRUE(cell_->SetLimits({64 * kMiB, 10, 150}));
  EXPECT_EQ(Value("memory", "memory.limit_in_bytes"), std::to_string(64 * kMiB));
  EXPECT_EQ(Value("pids", "pids.max"), "10");
  EXPECT_EQ(Value("cpu", "cpu.cfs_quota_us"), "150000");
  EXPECT_EQ(Value("cpu", "cpu.cfs_period_us"), "100000");

  ASSERT_TRUE(cell_->SetLimits({128 * kMiB, 20, 50})) << "raised";
  EXPECT_EQ(Value("memory", "memory.limit_in_bytes"), std::to_string(128 * kMiB));
  EXPECT_EQ(Value("pids", "pids.max"), "20");
  EXPECT_EQ(Value("cpu", "cpu.cfs_quota_us"), "50000");

  ASSERT_TRUE(cell_->SetLimits({32 * kMiB, 5, 25})) << "lowered";
  EXPECT_EQ(Value("memory", "memory.limit_in_bytes"), std::to_string(32 * kMiB));

  ASSERT_TRUE(cell_->SetLimits({})) << "lifted";
  EXPECT_EQ(Value("memory", "memory.limit_in_bytes"), unlimited);
  EXPECT_EQ(Value("pids", "pids.max"), "max");
  EXPECT_EQ(Value("cpu", "cpu.cfs_quota_us"), "-1");
}

TEST_F(CgroupV1Test, WeightsAreSharesOfTheCpu) {
  ASSERT_TRUE(cell_->SetLimits({0, 0, 0, 50}));
  EXPECT_EQ(Value("cpu", "cpu.shares"), "512");
  ASSERT_TRUE(cell_->SetLimits({0, 0, 0, 10'000}));
  EXPECT_EQ(Value("cpu", "cpu.shares"), "102400");
  ASSERT_TRUE(cell_->SetLimits({0, 0, 0, 1}));
  EXPECT_EQ(Value("cpu", "cpu.shares"), "10");
  ASSERT_TRUE(cell_->SetLimits({}));
  EXPECT_EQ(Value("cpu", "cpu.shares"), "1024");
}

TEST_F(CgroupV1Test, WhereSwapIsCountedItIsPartOfTheLimit) {
  ASSERT_TRUE(cell_->SetLimits({64 * kMiB, 0, 0}));
  const std::string with_swap = Value("memory", "memory.memsw.limit_in_bytes");
  if (!with_swap.empty()) {
    EXPECT_EQ(with_swap, std::to_string(64 * kMiB));
  }
  EXPECT_EQ(Value("memory", "memory.limit_in_bytes"), std::to_string(64 * kMiB));
}

TEST_F(CgroupV1Test, UsageGrowsWithWhatIsUsed) {
  const CgroupUsage before = cell_->Usage();
  EXPECT_EQ(before.cpu_us, 0u);
  EXPECT_EQ(before.oom_kills, 0u);
  HeldChild child(*cell_, [] {
    Touch(16 * kMiB);
    Burn(30);
  });
  child.Go();
  ASSERT_TRUE(child.Done());
  const CgroupUsage during = cell_->Usage();
  EXPECT_GE(during.cpu_us, 20'000u);
  EXPECT_GE(during.memory_peak, 15 * kMiB);
  child.End();
  EXPECT_GE(cell_->Usage().memory_peak, during.memory_peak) << "the peak stays";
  EXPECT_EQ(cell_->Usage().oom_kills, 0u);
}

TEST_F(CgroupV1Test, TheProcessLimitHolds) {
  HeldChild child(*cell_, [] {
    std::vector<pid_t> made;
    int error = 0;
    while (made.size() < 50 && error == 0) {
      const pid_t pid = testing::Fork();
      if (pid == 0) {
        while (true) ::pause();
      }
      if (pid < 0) {
        error = errno;
      } else {
        made.push_back(pid);
      }
    }
    for (const pid_t pid : made) {
      ::kill(pid, SIGKILL);
      testing::WaitFor(pid);
    }
    if (made.size() != 4 || error != EAGAIN) ::_exit(96);
  });
  ASSERT_TRUE(cell_->SetLimits({0, 5, 0}));
  child.Go();
  EXPECT_TRUE(child.Done()) << "more than the limit were made, or fewer";
}

TEST_F(CgroupV1Test, RunningOutOfMemoryIsAnEventAndIsCounted) {
  ASSERT_GE(cell_->oom_fd(), 0);
  pollfd event{cell_->oom_fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&event, 1, 0), 0);
  // Swap is off for the child's memory by locking it, so that the machine's swap decides nothing.
  HeldChild child(*cell_, [] {
    ::mlockall(MCL_FUTURE);
    Touch(64 * kMiB);
  });
  ASSERT_TRUE(cell_->SetLimits({16 * kMiB, 0, 0}));
  child.Go();
  EXPECT_FALSE(child.Done());
  const int status = child.Reap();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  event.revents = 0;
  EXPECT_EQ(::poll(&event, 1, -1), 1);
  EXPECT_EQ(cell_->Usage().oom_kills, 1u);
  cell_->DrainOomEvent();
  event.revents = 0;
  EXPECT_EQ(::poll(&event, 1, 0), 0);
}

TEST_F(CgroupV1Test, AGroupIsRemovedWhenItIsEmpty) {
  HeldChild child(*cell_, [] {});
  child.Go();
  ASSERT_TRUE(child.Done());
  EXPECT_FALSE(cell_->Remove());
  child.End();
  while (!cell_->Remove()) ::sched_yield();
  for (const char* controller : {"memory", "pids", "cpuacct", "cpu"}) {
    EXPECT_FALSE(fs::exists(GroupOf(controller, ::getpid()) + "/cell-0")) << controller;
    EXPECT_TRUE(fs::exists(GroupOf(controller, ::getpid()))) << controller;
  }
  EXPECT_TRUE(cell_->Remove()) << "removing it again is harmless";
}

TEST_F(CgroupV1Test, CellsAreCountedApart) {
  auto other = tree_->Create("cell-1");
  ASSERT_TRUE(other);
  HeldChild child(**other, [] { Burn(10); });
  child.Go();
  ASSERT_TRUE(child.Done());
  EXPECT_GT((*other)->Usage().cpu_us, 0u);
  EXPECT_EQ(cell_->Usage().cpu_us, 0u);
  child.End();
  while (!(*other)->Remove()) ::sched_yield();
}

// The jailer opens the tree before it leaves the host's mounts.
TEST_F(CgroupV1Test, WorksOnWhenThePathsAreGone) {
  const testing::TempDir empty;
  const auto child = testing::RunInChild([&](int out) {
    if (::chroot(empty.path().c_str()) != 0) ::_exit(1);
    auto made = tree_->Create("cell-2");
    if (!made) testing::Report(out, made.error().message);
    if (made && !(*made)->SetLimits({kMiB * 64, 3, 0})) testing::Report(out, "no limits");
    if (made && !(*made)->Remove()) testing::Report(out, "not removed");
    ::_exit(0);
  });
  EXPECT_EQ(child.output, "");
  EXPECT_TRUE(child.exited_with(0));
}

TEST(CgroupV1Sweep, GroupsOfDeadJailersAreRemovedAndOthersStay) {
  const std::string of_init = OwnGroup("pids") + "/codeapi.1", foreign = OwnGroup("pids") + "/codeapi.x";
  ASSERT_TRUE(::mkdir(of_init.c_str(), 0755) == 0 || errno == EEXIST);
  ASSERT_TRUE(::mkdir(foreign.c_str(), 0755) == 0 || errno == EEXIST);
  int fds[2];
  ASSERT_EQ(::pipe2(fds, O_CLOEXEC), 0);
  UniqueFd read_end(fds[0]), write_end(fds[1]);
  const pid_t jailer = testing::Fork();
  if (jailer == 0) {
    auto tree = OpenCgroupV1();
    const bool made = tree && (*tree)->Create("cell-0") && (*tree)->Create("cell-1");
    ::_exit(made ? 0 : 1);  // without a word of farewell
  }
  write_end.reset();
  testing::ReadToEnd(read_end.get());
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(jailer), &ended, WEXITED | WNOWAIT), 0);
  ASSERT_EQ(ended.si_status, 0);

  // Its number is still taken, so it may be somebody.
  auto tree = OpenCgroupV1();
  ASSERT_TRUE(tree);
  for (const char* controller : {"memory", "pids", "cpuacct", "cpu"}) {
    EXPECT_TRUE(fs::exists(GroupOf(controller, jailer) + "/cell-1")) << controller;
  }
  testing::WaitFor(jailer);
  tree = OpenCgroupV1();
  ASSERT_TRUE(tree);
  for (const char* controller : {"memory", "pids", "cpuacct", "cpu"}) {
    EXPECT_FALSE(fs::exists(GroupOf(controller, jailer))) << controller;
  }
  EXPECT_TRUE(fs::exists(of_init));
  EXPECT_TRUE(fs::exists(foreign));
  ::rmdir(of_init.c_str());
  ::rmdir(foreign.c_str());
  (*tree)->RemoveAll();
}

TEST(NoCgroups, LimitNothingAndSaySo) {
  const auto tree = NoCgroups();
  EXPECT_STREQ(tree->version(), "none");
  EXPECT_FALSE(tree->limits_memory());
  auto cell = tree->Create("cell-0");
  ASSERT_TRUE(cell);
  EXPECT_TRUE((*cell)->join_fds().empty());
  (*cell)->CloseJoinFds();
  EXPECT_TRUE((*cell)->SetLimits({1, 1, 1}));
  EXPECT_EQ((*cell)->oom_fd(), -1);
  EXPECT_EQ((*cell)->Usage().memory_peak, 0u);
  EXPECT_TRUE((*cell)->Remove());
}

}  // namespace
}  // namespace codeapi
