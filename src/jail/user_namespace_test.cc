// User namespaces for real: children become an ordinary user and enter them.

#include "jail/user_namespace.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>

#include "jail/testing.h"

namespace codeapi {
namespace {

constexpr uid_t kUser = 212'347;
constexpr gid_t kGroup = 212'348;

// Runs `look` as an ordinary user with no groups but its own, and returns what it reports.
std::string AsUser(const std::function<void(int)>& look) {
  return testing::RunInChild([&](int out) {
           if (::setgroups(0, nullptr) != 0 || ::setresgid(kGroup, kGroup, kGroup) != 0 ||
               ::setresuid(kUser, kUser, kUser) != 0) {
             return testing::Report(out, "cannot become an ordinary user");
           }
           look(out);
         })
      .output;
}

std::string Outcome(bool ok) {
  return ok ? "ok" : std::strerror(errno);
}

bool Drop(int cap) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  for (auto* set : {&data[cap / 32].effective, &data[cap / 32].permitted}) *set &= ~(1u << (cap % 32));
  return ::syscall(SYS_capset, &header, data) == 0;
}

TEST(UserNamespace, RootMakesCellsAsRoot) {
  EXPECT_EQ(FindCellPrivilege(), CellPrivilege::kRoot);
}

TEST(UserNamespace, AnOrdinaryUserMakesRootlessCells) {
  EXPECT_EQ(AsUser([](int out) {
              testing::Report(out, FindCellPrivilege() == CellPrivilege::kRootless ? "rootless" : "not");
            }),
            "rootless");
}

TEST(UserNamespace, RootWithoutItsCapabilityMakesNone) {
  const auto child = testing::RunInChild([](int out) {
    if (!Drop(CAP_SYS_ADMIN)) return testing::Report(out, "cannot drop the capability");
    const auto privilege = FindCellPrivilege();
    testing::Report(out, privilege ? "has one" : privilege.error().message);
  });
  EXPECT_NE(child.output.find("lacks CAP_SYS_ADMIN"), std::string::npos) << child.output;
}

TEST(UserNamespace, MapNamesOneIdEach) {
  const UserNamespaceMap map = MakeUserNamespaceMap(200'000, 4'294'967'294, 0, 7);
  EXPECT_STREQ(map.uid.data(), "200000 0 1\n");
  EXPECT_STREQ(map.gid.data(), "4294967294 7 1\n");
}

TEST(UserNamespace, ItsUserIsRootThereAndMayMount) {
  EXPECT_EQ(AsUser([](int out) {
              const auto entered = EnterUserNamespace();
              if (!entered) return testing::Report(out, entered.error().message);
              std::string text = std::to_string(::getuid()) + " " + std::to_string(::getgid());
              text += " " + Outcome(::unshare(CLONE_NEWNS) == 0);
              text += " " + Outcome(::mount("tmp", "/tmp", "tmpfs", 0, "size=1m") == 0);
              text += " dumpable " + std::to_string(::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
              testing::Report(out, text);
            }),
            "0 0 ok ok dumpable 0");
}

// What the user could not do before it cannot do there either.
TEST(UserNamespace, ItGivesNoPowerOutside) {
  EXPECT_EQ(AsUser([](int out) {
              const auto entered = EnterUserNamespace();
              if (!entered) return testing::Report(out, entered.error().message);
              testing::Report(out, Outcome(::open("/etc/shadow", O_RDONLY | O_CLOEXEC) >= 0) + ", " +
                                       Outcome(::kill(1, 0) == 0) + ", " +
                                       Outcome(::setgroups(0, nullptr) == 0));
            }),
            "Permission denied, Operation not permitted, Operation not permitted");
}

TEST(UserNamespace, CapabilitiesCanOutliveAnExec) {
  const auto show = [](bool keep) {
    return AsUser([=](int out) {
      const auto map = MakeUserNamespaceMap(200'000, 200'000, kUser, kGroup);
      if (::unshare(CLONE_NEWUSER) != 0 || !WriteUserNamespaceMap(map))
        return testing::Report(out, std::strerror(errno));
      if (keep && !KeepCapabilitiesOverExec()) return testing::Report(out, std::strerror(errno));
      ::dup2(out, 1);
      ::execl("/bin/sh", "sh", "-c", "id -u; grep -q 'CapEff:.*00000000$' /proc/self/status && echo none",
              nullptr);
    });
  };
  EXPECT_EQ(show(true), "200000\n");
  EXPECT_EQ(show(false), "200000\nnone\n");
}

TEST(UserNamespace, TheKernelsRefusalIsExplained) {
  EXPECT_EQ(AsUser([](int out) {
              // As deep as they go; the next one is refused.
              Result<void> entered;
              for (int i = 0; i < 40 && entered; ++i) entered = EnterUserNamespace();
              testing::Report(out, entered                                           ? "never refused"
                                   : entered.error().code == ErrorCode::kSetupFailed ? "refused"
                                                                                     : "other");
            }),
            "refused");
}

TEST(UserNamespace, LimitsAreToldWithTheGroupsThatStay) {
  const auto limits = [](bool groups) {
    return testing::RunInChild([=](int out) {
             const gid_t other[] = {kGroup + 1};
             if (::setgroups(groups ? 1 : 0, other) != 0 || ::setresgid(kGroup, kGroup, kGroup) != 0)
               return testing::Report(out, "cannot set groups");
             std::string text;
             for (const std::string& limit : RootlessLimits()) text += limit + "\n";
             testing::Report(out, text);
           })
        .output;
  };
  EXPECT_NE(limits(true).find("other groups"), std::string::npos);
  EXPECT_EQ(limits(false).find("other groups"), std::string::npos);
}

}  // namespace
}  // namespace codeapi
