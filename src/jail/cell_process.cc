#include "jail/cell_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "jail/init.h"

namespace codeapi {
namespace {

struct Ends {
  UniqueFd ours, theirs;
};

// Above the numbers init expects its own at, so that putting them there overwrites none that is still needed.
constexpr int kAboveInit = 16;

bool Lift(UniqueFd& fd) {
  const int high = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, kAboveInit);
  fd.reset(high);
  return high >= 0;
}

Result<Ends> MakePipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return FailErrno("pipe");
  Ends ends{UniqueFd(fds[0]), UniqueFd(fds[1])};
  // Only our end: a program that finds its stdout non-blocking would lose output.
  if (!Lift(ends.theirs) || ::fcntl(ends.ours.get(), F_SETFL, O_NONBLOCK) != 0)
    return FailErrno("set up a pipe");
  return ends;
}

Result<Ends> MakeStream() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) return FailErrno("socketpair");
  Ends ends{UniqueFd(fds[0]), UniqueFd(fds[1])};
  if (!Lift(ends.theirs) || ::fcntl(ends.ours.get(), F_SETFL, O_NONBLOCK) != 0)
    return FailErrno("set up a stream");
  return ends;
}

// A program that a zygote starts has one end and init the other: the jailer only passes it on.
Result<Ends> MakeLink() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) return FailErrno("socketpair");
  Ends ends{UniqueFd(fds[0]), UniqueFd(fds[1])};
  if (!Lift(ends.theirs)) return FailErrno("set up a link");
  return ends;
}

// Exit statuses of a child that did not get as far as its exec.
constexpr int kNoDevNull = 120, kNoDescriptors = 121, kNoCgroup = 122, kNoExec = 123, kNoIds = 124;

// In the child: no allocation, no locks.
[[noreturn]] void ExecInit(int init_fd, std::span<const int> join_fds, const UserNamespaceMap* rootless,
                           int control, int out, int err, int link) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int fd : join_fds) {
    if (::write(fd, "0", 1) != 1) ::_exit(kNoCgroup);
  }
  if (rootless != nullptr && (!WriteUserNamespaceMap(*rootless) || !KeepCapabilitiesOverExec()))
    ::_exit(kNoIds);
  const int null = ::open("/dev/null", O_RDWR);
  if (null < 0 || ::dup2(null, 0) < 0 || ::dup2(null, 1) < 0 || ::dup2(null, 2) < 0) ::_exit(kNoDevNull);
  if (::dup2(control, kInitControlFd) < 0 || ::dup2(out, kInitStdoutFd) < 0 ||
      ::dup2(err, kInitStderrFd) < 0 || ::dup2(link, kInitLinkFd) < 0) {
    ::_exit(kNoDescriptors);
  }
  // The executable itself goes at the exec; nothing else of the jailer's may come along (attack 58).
  ::syscall(SYS_close_range, kInitLinkFd + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  char name[] = "init";
  char* const argv[] = {name, nullptr};
  char* const env[] = {nullptr};
  ::syscall(SYS_execveat, init_fd, "", argv, env, AT_EMPTY_PATH);
  ::_exit(kNoExec);
}

}  // namespace

std::string CellStartFailure(int exit_status) {
  switch (exit_status) {
    case kNoDevNull:
      return "cannot open /dev/null";
    case kNoDescriptors:
      return "cannot place its descriptors";
    case kNoCgroup:
      return "cannot join its cgroup";
    case kNoIds:
      return "cannot map its user id";
    case kNoExec:
      return "cannot execute codeapi-init";
    default:
      return {};
  }
}

Result<CellProcess> StartCellInit(int init_fd, std::span<const int> join_fds, int clone_into_fd,
                                  const UserNamespaceMap* rootless) {
  auto control = MakeStream();
  if (!control) return std::unexpected(control.error());
  auto out = MakePipe();
  if (!out) return std::unexpected(out.error());
  auto err = MakePipe();
  if (!err) return std::unexpected(err.error());
  auto link = MakeLink();
  if (!link) return std::unexpected(link.error());

  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_PIDFD | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
  if (rootless != nullptr) args.flags |= CLONE_NEWUSER;
  args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  if (clone_into_fd >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(clone_into_fd);
  }
  const long pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) return FailErrno("clone3");
  if (pid == 0) {
    ExecInit(init_fd, join_fds, rootless, control->theirs.get(), out->theirs.get(), err->theirs.get(),
             link->theirs.get());
  }
  return CellProcess{static_cast<pid_t>(pid), UniqueFd(pidfd),      std::move(control->ours),
                     std::move(out->ours),    std::move(err->ours), std::move(link->ours)};
}

}  // namespace codeapi
