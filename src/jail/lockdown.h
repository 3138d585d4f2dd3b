// The one lock-down that every program passes, whichever way it was started.
//
// Theory of operation. Between fork and exec a process may not allocate, lock or throw: another thread of the
// parent may have held the allocator's lock at the fork. So this file uses nothing but system calls on data
// that was prepared before the fork, needs neither libstdc++ nor libseccomp, and reports a failure as a step
// and an errno that the caller writes to a pipe. The order matters:
//
//   1. oom_score_adj, which Landlock closes; no_new_privs and Landlock, whose ruleset is one of the
//      descriptors that go next
//   2. descriptors: 0, 1, 2 set, everything else closed (attack 21, 58: nothing inherited can be walked)
//   3. limits: while still root, since some are raised
//   4. uid and gid, groups emptied, every capability set emptied (attack 51: setuid files do nothing)
//   5. the filters last: they forbid much of what the steps before them do
//
// Nothing the caller controls runs before the last step.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstddef>

struct sock_filter;

namespace codeapi {

/// A compiled seccomp program: `length` instructions.
struct FilterProgram {
  const sock_filter* code = nullptr;
  unsigned short length = 0;
};

/// One rlimit; soft and hard are set to the same value.
struct ResourceLimit {
  int resource = 0;
  rlim_t value = 0;
};

/// What the lock-down needs. All pointers must stay valid until the exec.
struct LockdownSpec {
  uid_t uid = 0;  ///< neither may be 0 (root) or -1 (which the kernel reads as "stay root")
  gid_t gid = 0;
  bool keep_groups = false;  ///< in a user namespace whose maker may not drop supplementary groups
  int stdin_fd = -1;         ///< become 0, 1 and 2; every other descriptor is closed
  int stdout_fd = -1;
  int stderr_fd = -1;
  int keep_fd = -1;  ///< stays open, close-on-exec, as the way to report a failed exec; moved to fd 3
  const ResourceLimit* limits = nullptr;
  std::size_t limit_count = 0;
  const char* working_directory = nullptr;
  int landlock_fd = -1;     ///< a Landlock ruleset to enforce; -1: none
  FilterProgram deny;       ///< loaded first
  FilterProgram allow;      ///< loaded second; must let execve and write pass
  FilterProgram listening;  ///< if there is one, loaded instead of both: has a listener, which is sent as one
                            ///< byte with a descriptor over keep_fd, then a socket
};

/// Which step failed. In the order in which they are taken: up to kDescriptors `keep_fd` is where it was.
enum class LockdownStep : unsigned char {
  kNone,
  kSession,
  kOomScore,
  kNoNewPrivileges,
  kLandlock,
  kDescriptors,
  kLimits,
  kIdentity,
  kCapabilities,
  kWorkingDirectory,
  kFilter,
  kExec,
};

/// Sent through the report pipe by a program that did not get as far as its exec.
struct StartFailure {
  LockdownStep step = LockdownStep::kNone;
  int error = 0;
};

/// Stable phrase for a step. Async-signal-safe.
const char* LockdownStepName(LockdownStep step);

/// The descriptor number `keep_fd` is moved to.
inline constexpr int kLockdownReportFd = 3;

/// Locks the calling process down for good. Async-signal-safe; the process must be single-threaded. Returns
/// kNone, or the failed step with errno set, after which the process must only report and _exit.
LockdownStep LockDown(const LockdownSpec& spec);

}  // namespace codeapi
