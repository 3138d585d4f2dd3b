// The lock-down for real, in children that start as root with everything a careless parent could leave them.

#include "jail/lockdown.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "jail/seccomp_policy.h"
#include "jail/testing.h"

namespace codeapi {
namespace {

using testing::ChildResult;

constexpr uid_t kUid = 212'345;
constexpr gid_t kGid = 212'346;

FilterProgram Program(const std::string& bytes) {
  return {reinterpret_cast<const sock_filter*>(bytes.data()),
          static_cast<unsigned short>(bytes.size() / sizeof(sock_filter))};
}

class LockdownTest : public ::testing::Test {
 protected:
  LockdownTest() {
    auto compiled = CompileFilters();
    if (compiled) filters_ = std::move(*compiled);
    limits_ = {{RLIMIT_NOFILE, 64}, {RLIMIT_NPROC, 32}, {RLIMIT_FSIZE, 1 << 20}, {RLIMIT_CORE, 0}};
  }

  LockdownSpec Spec(int keep_fd) {
    LockdownSpec spec;
    spec.uid = kUid;
    spec.gid = kGid;
    spec.keep_fd = keep_fd;
    spec.limits = limits_.data();
    spec.limit_count = limits_.size();
    spec.working_directory = directory_.c_str();
    spec.allow = Program(filters_.allow);
    spec.deny = Program(filters_.deny);
    return spec;
  }

  // Sets 0, 1 and 2 to be `in` and `out`; leaves behind groups, signals and descriptors nobody should
  // inherit.
  static void BeCareless(LockdownSpec& spec, int report) {
    spec.stdin_fd = ::fcntl(::open("/dev/null", O_RDWR), F_DUPFD, 40);
    spec.stdout_fd = spec.stderr_fd = ::fcntl(report, F_DUPFD, 50);
    spec.keep_fd = ::fcntl(report, F_DUPFD, 60);
    ::dup2(spec.stdin_fd, 200);
    ::open("/", O_RDONLY | O_DIRECTORY);
    const gid_t groups[] = {0, 27};
    ::setgroups(2, groups);
    ::umask(0);
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGTERM, SIG_IGN);
    // One of the two that glibc keeps to itself, and that only a raw call can ignore or reset.
    const unsigned long ignore[4] = {1};
    ::syscall(SYS_rt_sigaction, 33, ignore, nullptr, std::size_t{8});
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
  }

  // Runs `look` after a lock-down and returns what it wrote to the descriptor that stays.
  std::string After(const std::function<void(int)>& look) {
    const ChildResult child = testing::RunInChild([&](int out) {
      LockdownSpec spec = Spec(out);
      BeCareless(spec, out);
      if (const LockdownStep step = LockDown(spec); step != LockdownStep::kNone) {
        testing::Report(out, std::string("failed: ") + LockdownStepName(step));
        ::_exit(1);
      }
      look(kLockdownReportFd);
    });
    EXPECT_TRUE(child.exited_with(0)) << child.status;
    return child.output;
  }

  // The step that fails after `spoil`, and its errno.
  std::string FailureAfter(const std::function<void(LockdownSpec&)>& spoil) {
    return testing::RunInChild([&](int out) {
             LockdownSpec spec = Spec(out);
             BeCareless(spec, out);
             spoil(spec);
             const LockdownStep step = LockDown(spec);
             const int error = errno;
             const std::string text = std::string(LockdownStepName(step)) + ": " + std::strerror(error);
             // Before the descriptors were set it is the old number that reports.
             testing::Report(step <= LockdownStep::kDescriptors ? out : kLockdownReportFd, text);
           })
        .output;
  }

  SeccompFilters filters_;
  std::vector<ResourceLimit> limits_;
  std::string directory_ = "/tmp";
};

std::map<std::string, std::string> Fields(const std::string& status) {
  std::map<std::string, std::string> out;
  std::istringstream in(status);
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(':');
    const std::size_t value = line.find_first_not_of("\t ", colon + 1);
    if (colon != std::string::npos)
      out[line.substr(0, colon)] = value < line.size() ? line.substr(value) : "";
  }
  return out;
}

TEST_F(LockdownTest, NothingOfRootIsLeft) {
  auto fields = Fields(After([](int out) {
    const int fd = ::open("/proc/self/status", O_RDONLY);
    testing::Report(out, testing::ReadToEnd(fd));
  }));
  const std::string uid = std::to_string(kUid), gid = std::to_string(kGid);
  EXPECT_EQ(fields["Uid"], uid + "\t" + uid + "\t" + uid + "\t" + uid);
  EXPECT_EQ(fields["Gid"], gid + "\t" + gid + "\t" + gid + "\t" + gid);
  EXPECT_EQ(fields["Groups"], "");
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
    EXPECT_EQ(fields[set], "0000000000000000") << set;
  }
  EXPECT_EQ(fields["NoNewPrivs"], "1");
  EXPECT_EQ(fields["Seccomp"], "2");
  EXPECT_EQ(fields["Seccomp_filters"], "2");
}

// Rootless, or as a root that may not raise limits: what the service was started with is the most there is.
TEST_F(LockdownTest, NoLimitRisesAboveTheOneItWasStartedWith) {
  const auto child = testing::RunInChild([&](int out) {
    LockdownSpec spec = Spec(out);
    BeCareless(spec, out);
    const rlimit low{48, 48};
    ::setrlimit(RLIMIT_NOFILE, &low);
    const LockdownStep step = LockDown(spec);
    rlimit files{}, size{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    ::getrlimit(RLIMIT_FSIZE, &size);
    testing::Report(kLockdownReportFd, std::string(LockdownStepName(step)) + " " +
                                           std::to_string(files.rlim_max) + " " +
                                           std::to_string(size.rlim_max));
  });
  EXPECT_EQ(child.output, "none 48 1048576");
}

TEST_F(LockdownTest, GroupsThatCannotBeDroppedMayStay) {
  const auto groups = [&](bool keep) {
    const auto child = testing::RunInChild([&](int out) {
      LockdownSpec spec = Spec(out);
      BeCareless(spec, out);
      spec.keep_groups = keep;
      const LockdownStep step = LockDown(spec);
      testing::Report(kLockdownReportFd,
                      std::string(LockdownStepName(step)) + " " + std::to_string(::getgroups(0, nullptr)));
    });
    return child.output;
  };
  EXPECT_EQ(groups(true), "none 2");
  EXPECT_EQ(groups(false), "none 0");
}

TEST_F(LockdownTest, SignalsAreAsAtTheStart) {
  auto fields = Fields(After([](int out) {
    const int fd = ::open("/proc/self/status", O_RDONLY);
    testing::Report(out, testing::ReadToEnd(fd));
  }));
  for (const char* set : {"SigBlk", "SigIgn", "SigCgt"}) EXPECT_EQ(fields[set], "0000000000000000") << set;
}

TEST_F(LockdownTest, OnlyFourDescriptorsAreOpen) {
  EXPECT_EQ(After([](int out) {
              std::string open;
              for (int fd = 0; fd < 4096; ++fd) {
                if (const int flags = ::fcntl(fd, F_GETFD); flags >= 0) {
                  open += std::to_string(fd) + (flags & FD_CLOEXEC ? "c " : " ");
                }
              }
              testing::Report(out, open);
            }),
            "0 1 2 3c ");
}

TEST_F(LockdownTest, LimitsAreSetAndCannotBeRaised) {
  EXPECT_EQ(After([](int out) {
              std::string text;
              for (const auto resource : {RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_FSIZE, RLIMIT_CORE}) {
                rlimit limit{};
                ::getrlimit(resource, &limit);
                text += std::to_string(limit.rlim_cur) + "/" + std::to_string(limit.rlim_max) + " ";
              }
              const rlimit more{65, 65};
              text += ::setrlimit(RLIMIT_NOFILE, &more) < 0 && errno == EPERM ? "held" : "raised";
              testing::Report(out, text);
            }),
            "64/64 32/32 1048576/1048576 0/0 held");
}

TEST_F(LockdownTest, TheRestOfTheProcessIsAsPromised) {
  directory_ = "/usr/bin";
  EXPECT_EQ(After([](int out) {
              char cwd[64] = {}, score[16] = {};
              if (::getcwd(cwd, sizeof cwd) == nullptr) return;
              const int fd = ::open("/proc/self/oom_score_adj", O_RDONLY);
              if (::read(fd, score, sizeof score - 1) < 0) return;
              testing::Report(out, std::string(cwd) + (::getsid(0) == ::getpid() ? " leader " : " ") +
                                       std::to_string(::umask(0)) + " " +
                                       std::to_string(::prctl(PR_GET_DUMPABLE)) + " " + score);
            }),
            "/usr/bin leader 63 1 1000\n");
}

TEST_F(LockdownTest, ThereIsNoWayBack) {
  EXPECT_EQ(After([](int out) {
              std::string text;
              const auto check = [&](const char* name, long result) {
                if (result >= 0) text += std::string(name) + " ";
              };
              check("setuid", ::setuid(0));
              check("setgid", ::setgid(0));
              const gid_t root = 0;
              check("setgroups", ::setgroups(1, &root));
              check("open", ::open("/etc/shadow", O_RDONLY));
              check("chown", ::chown("/proc/self", 0, 0));
              check("kill", ::kill(1, 0));
              check("unshare", ::unshare(CLONE_NEWUSER));
              check("dumpable", ::open("/proc/1/mem", O_RDONLY));
              testing::Report(out, text + ".");
            }),
            ".");
}

// Attack 51: setuid files do nothing, and neither does a file's ownership by root.
TEST_F(LockdownTest, AProgramStartedAfterwardsIsLockedDownToo) {
  testing::TempDir dir;
  ::chmod(dir.path().c_str(), 0755);
  const std::string id = dir / "id";
  std::filesystem::copy_file("/usr/bin/id", id);
  ASSERT_EQ(::chmod(id.c_str(), 06755), 0);
  const ChildResult child = testing::RunInChild([&](int out) {
    LockdownSpec spec = Spec(out);
    BeCareless(spec, out);
    char name[] = "id", flag[] = "-u";
    char* const argv[] = {name, flag, nullptr};
    char* const env[] = {nullptr};
    if (LockDown(spec) != LockdownStep::kNone) ::_exit(1);
    ::execve(id.c_str(), argv, env);
    ::_exit(2);
  });
  EXPECT_TRUE(child.exited_with(0)) << child.status;
  EXPECT_EQ(child.output, std::to_string(kUid) + "\n");
}

TEST_F(LockdownTest, AFailedStepIsNamed) {
  EXPECT_EQ(FailureAfter([](LockdownSpec& spec) { spec.landlock_fd = 0; }),
            "enforce Landlock: File descriptor in bad state");
  EXPECT_EQ(FailureAfter([](LockdownSpec& spec) { spec.stdout_fd = 999; }),
            "set descriptors: Bad file descriptor");
  EXPECT_EQ(FailureAfter([](LockdownSpec& spec) { spec.keep_fd = 999; }),
            "set descriptors: Bad file descriptor");
  EXPECT_EQ(FailureAfter([](LockdownSpec& spec) {
              static constexpr ResourceLimit kNone{RLIM_NLIMITS, 1};
              spec.limits = &kNone;
              spec.limit_count = 1;
            }),
            "set resource limits: Invalid argument");
  EXPECT_EQ(FailureAfter([](LockdownSpec& spec) { spec.working_directory = "/nowhere"; }),
            "enter the working directory: No such file or directory");
  EXPECT_EQ(FailureAfter([](LockdownSpec& spec) { spec.working_directory = "/root"; }),
            "enter the working directory: Permission denied");
  EXPECT_EQ(FailureAfter([](LockdownSpec& spec) { spec.allow = {}; }),
            "load the system call filter: Invalid argument");
}

// The kernel takes -1 for "as it is", which would be root.
TEST_F(LockdownTest, RootIsNobodysIdentity) {
  for (const uid_t id : {0u, 0xffffffffu}) {
    EXPECT_EQ(FailureAfter([&](LockdownSpec& spec) { spec.uid = id; }), "set uid and gid: Invalid argument");
    EXPECT_EQ(FailureAfter([&](LockdownSpec& spec) { spec.gid = id; }), "set uid and gid: Invalid argument");
  }
}

TEST_F(LockdownTest, AProcessThatLeadsASessionAlreadyIsRefused) {
  EXPECT_EQ(FailureAfter([](LockdownSpec&) { ::setsid(); }), "setsid: Operation not permitted");
}

TEST(LockdownStepName, EveryStepHasItsOwn) {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(LockdownStep::kExec); ++i) {
    names.insert(LockdownStepName(static_cast<LockdownStep>(i)));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(LockdownStep::kExec) + 1);
  EXPECT_FALSE(names.contains("unknown"));
  EXPECT_STREQ(LockdownStepName(static_cast<LockdownStep>(200)), "unknown");
}

}  // namespace
}  // namespace codeapi
