#include "jail/landlock.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

namespace codeapi {
namespace {

// The kernel's ABI, as its documentation (userspace-api/landlock) gives it; Debian 12's headers stop at
// version 2.
struct RulesetAttributes {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;  // from version 4
  std::uint64_t scoped;              // from version 6
};
struct __attribute__((packed)) PathBeneath {
  std::uint64_t allowed_access;
  std::int32_t parent_fd;
};
constexpr unsigned kCreateRulesetVersion = 1;
constexpr int kRulePathBeneath = 1;

constexpr std::uint64_t kExecute = 1u << 0, kWriteFile = 1u << 1, kReadFile = 1u << 2, kReadDir = 1u << 3;
constexpr std::uint64_t kTruncate = 1u << 14, kIoctlDevice = 1u << 15;
constexpr std::uint64_t kBindTcp = 1u << 0, kConnectTcp = 1u << 1;
constexpr std::uint64_t kScopeAbstractSockets = 1u << 0, kScopeSignals = 1u << 1;

// Rights that version `abi` knows: 13 in the first, then refer, truncate and ioctl_dev.
constexpr std::uint64_t KnownRights(int abi) {
  const int count = abi >= 5 ? 16 : abi >= 3 ? 15 : abi == 2 ? 14 : 13;
  return (std::uint64_t{1} << count) - 1;
}

constexpr std::size_t AttributesSize(int abi) {
  return abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
}

}  // namespace

int LandlockAbi() {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, std::size_t{0}, kCreateRulesetVersion);
  return version > 0 ? static_cast<int>(version) : 0;
}

Result<UniqueFd> MakeLandlockRuleset(AbstractSockets sockets) {
  const int abi = LandlockAbi();
  if (abi == 0) return UniqueFd();
  const std::uint64_t all = KnownRights(abi);
  const std::uint64_t scoped =
      sockets == AbstractSockets::kOwn ? kScopeAbstractSockets | kScopeSignals : kScopeSignals;
  const RulesetAttributes attributes{all, kBindTcp | kConnectTcp, scoped};
  UniqueFd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, AttributesSize(abi), 0u)));
  if (!ruleset) return FailErrno("create the Landlock ruleset");
  const struct {
    const char* path;
    std::uint64_t rights;
  } rules[] = {
      {"/", kExecute | kReadFile | kReadDir},
      {"/dev", kReadFile | kReadDir | kWriteFile | kTruncate | kIoctlDevice},
      // Nothing is written there, or a host whose root lacks CAP_SYS_RESOURCE could not keep the program from
      // lowering its oom_score_adj again (attack 53).
      {"/proc", kReadFile | kReadDir},
      {"/mnt/data", all},
      {"/tmp", all},
      {"/dev/shm", all},
  };
  for (const auto& rule : rules) {
    UniqueFd directory(::open(rule.path, O_PATH | O_DIRECTORY | O_CLOEXEC));
    const PathBeneath beneath{rule.rights & all, directory.get()};
    if (!directory || ::syscall(SYS_landlock_add_rule, ruleset.get(), kRulePathBeneath, &beneath, 0u) != 0) {
      return FailErrno(std::string("add the Landlock rule for ") + rule.path);
    }
  }
  return ruleset;
}

}  // namespace codeapi
