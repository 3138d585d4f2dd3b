#include "jail/init_privileges.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace codeapi {

MountStatus DropInitPrivileges() {
  // CAP_SYS_RESOURCE: whoever has it when oom_score_adj is raised also raises the floor below which the
  // program cannot bring it again (attack 53). Some containers' root lacks it; what is not there cannot be
  // kept.
  constexpr std::array<int, 8> kKept = {CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,  CAP_KILL,
                                        CAP_SETGID, CAP_SETUID,       CAP_SETPCAP, CAP_SYS_RESOURCE};
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct now[2] = {}, data[2] = {};
  if (::syscall(SYS_capget, &header, now) != 0) return {errno, "read capabilities"};
  for (const int cap : kKept) data[cap / 32].permitted |= now[cap / 32].permitted & (1u << (cap % 32));
  for (auto& word : data) word.effective = word.permitted;
  for (int cap = 0; cap <= 63; ++cap) {
    const bool kept = (data[cap / 32].permitted >> (cap % 32)) & 1;
    if (!kept && ::prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1) ::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
  }
  if (::syscall(SYS_capset, &header, data) != 0) return {errno, "drop capabilities"};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return {errno, "set no_new_privs"};
  return {};
}

}  // namespace codeapi
