// The ruleset as the kernel enforces it: each case is a root that has restricted itself to it, so that what
// is refused is refused by Landlock. On a kernel without Landlock there is no ruleset, and that is all.

#include "jail/landlock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "jail/testing.h"

namespace codeapi {
namespace {

// The outcomes of opening each path with `flags`, in a cell's directories, under the ruleset.
std::string Opened(int flags, std::initializer_list<const char*> paths) {
  const auto child = testing::RunInChild([&](int out) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", "/mnt", "tmpfs", 0, nullptr) != 0 || ::mkdir("/mnt/data", 0700) != 0) {
      return testing::Report(out, "no mounts");
    }
    const auto ruleset = MakeLandlockRuleset();
    if (!ruleset) return testing::Report(out, ruleset.error().message);
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::syscall(SYS_landlock_restrict_self, ruleset->get(), 0u) != 0) {
      return testing::Report(out, "not restricted");
    }
    std::string text;
    for (const char* path : paths) {
      const UniqueFd fd(::open(path, flags | O_CLOEXEC | O_NONBLOCK, 0600));
      text += fd ? "ok; " : std::string(std::strerror(errno)) + "; ";
    }
    testing::Report(out, text);
  });
  return child.output;
}

std::string Refused(int count) {
  std::string out;
  for (; count > 0; --count) out += "Permission denied; ";
  return out;
}

TEST(Landlock, TheWorkspaceIsWritable) {
  if (LandlockAbi() == 0) {
    EXPECT_FALSE(static_cast<bool>(*MakeLandlockRuleset()));
    return;
  }
  EXPECT_EQ(Opened(O_WRONLY | O_CREAT, {"/mnt/data/x", "/tmp/codeapi-landlock-test", "/dev/null"}),
            "ok; ok; ok; ");
  ::unlink("/tmp/codeapi-landlock-test");
}

// Attack 53.
TEST(Landlock, NothingElseIs) {
  if (LandlockAbi() == 0) return;
  EXPECT_EQ(
      Opened(O_WRONLY | O_CREAT, {"/mnt/x", "/etc/codeapi-landlock-test", "/usr/codeapi-landlock-test"}),
      Refused(3));
  EXPECT_EQ(Opened(O_WRONLY, {"/proc/self/oom_score_adj", "/proc/self/comm", "/proc/sys/kernel/hostname"}),
            Refused(3));
  EXPECT_EQ(Opened(O_RDONLY, {"/proc/self/oom_score_adj", "/etc/passwd"}), "ok; ok; ");
}

}  // namespace
}  // namespace codeapi
