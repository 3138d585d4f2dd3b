#include "jail/prestart.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

namespace codeapi {
namespace {

// Larger than any path that is of interest, and than what follows the workspace's name in it.
constexpr std::size_t kMostPath = 512;
constexpr int kSyscallStop = SIGTRAP | 0x80;
constexpr int kNotTraceable = 125;

// Where a system call has its path. With a directory's descriptor before it or without one.
struct PathCall {
  long number;
  std::size_t path;
  bool at;
};
constexpr PathCall kPathCalls[] = {
#ifdef SYS_open
    {SYS_open, 0, false},
    {SYS_stat, 0, false},
    {SYS_lstat, 0, false},
    {SYS_access, 0, false},
    {SYS_readlink, 0, false},
    {SYS_creat, 0, false},
    {SYS_unlink, 0, false},
    {SYS_mkdir, 0, false},
#endif
    {SYS_chdir, 0, false},
    {SYS_execve, 0, false},
    {SYS_statfs, 0, false},
    {SYS_openat, 1, true},
    {SYS_newfstatat, 1, true},
    {SYS_readlinkat, 1, true},
    {SYS_faccessat, 1, true},
    {SYS_faccessat2, 1, true},
    {SYS_statx, 1, true},
    {SYS_openat2, 1, true},
    {SYS_mkdirat, 1, true},
    {SYS_unlinkat, 1, true},
    {SYS_inotify_add_watch, 1, false},
};

long Trace(long request, pid_t pid, std::uintptr_t address, std::uintptr_t data) {
  return ::ptrace(static_cast<__ptrace_request>(request), pid, address, data);
}

bool Opens(long number) {
#ifdef SYS_open
  if (number == SYS_open) return true;
#endif
  return number == SYS_openat;
}

}  // namespace

bool WaitingProgram::Start(const ProgramStart& start, const EarlyLooks& looks,
                           void (*become)(const ProgramStart&)) {
  if (pid_ > 0) return false;
  pid_ = ::fork();
  if (pid_ < 0) return false;
  if (pid_ == 0) {
    if (codeapi::Trace(PTRACE_TRACEME, 0, 0, 0) != 0) ::_exit(kNotTraceable);
    become(start);
    ::_exit(kNotTraceable);
  }
  pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (pidfd_ && Trace(looks)) return true;
  End();
  return false;
}

// False when it has ended, and has been reaped.
bool WaitingProgram::AwaitStop(int& status) const {
  pid_t got;
  do got = ::waitpid(pid_, &status, __WALL);
  while (got < 0 && errno == EINTR);
  return got == pid_ && WIFSTOPPED(status);
}

bool WaitingProgram::Trace(const EarlyLooks& looks) {
  EarlyLooks left = looks;
  bool executed = false;
  int status = 0;
  while (AwaitStop(status)) {
    int signal = WSTOPSIG(status);
    if (signal == SIGTRAP) {
      // An exec. What runs until the first one is our own, and is not looked at.
      if (!executed &&
          codeapi::Trace(PTRACE_SETOPTIONS, pid_, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) != 0) {
        return false;
      }
      executed = true;
      signal = 0;
    } else if (signal == kSyscallStop) {
      signal = 0;
      if (Touches(left)) return true;
    }
    const long request = executed ? PTRACE_SYSCALL : PTRACE_CONT;
    if (codeapi::Trace(request, pid_, 0, static_cast<std::uintptr_t>(signal)) != 0) return false;
  }
  pid_ = -1;  // it has ended, and was reaped
  return false;
}

std::string WaitingProgram::PeekPath(std::uint64_t address) const {
  std::string out;
  while (out.size() < kMostPath) {
    errno = 0;
    const long word = codeapi::Trace(PTRACE_PEEKDATA, pid_, address + out.size(), 0);
    if (errno != 0) return out;
    std::array<char, sizeof word> bytes;
    std::memcpy(bytes.data(), &word, sizeof word);
    for (const char c : bytes) {
      if (c == '\0') return out;
      out += c;
    }
  }
  return out;
}

// Whether it stands before a call that looks at the workspace and may not be made yet.
bool WaitingProgram::Touches(EarlyLooks& looks) const {
  __ptrace_syscall_info info{};
  if (codeapi::Trace(PTRACE_GET_SYSCALL_INFO, pid_, sizeof info, reinterpret_cast<std::uintptr_t>(&info)) <=
      0)
    return false;
  if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return false;
  const auto number = static_cast<long>(info.entry.nr);
  const auto* call = std::ranges::find(kPathCalls, number, &PathCall::number);
  if (call == std::end(kPathCalls)) return false;
  const std::string path = PeekPath(info.entry.args[call->path]);
  if (path.empty()) return false;  // about a descriptor
  // From its working directory, which is the workspace, or from one of which only it knows the place.
  if (path.front() != '/') return true;
  if (!path.starts_with(looks.workspace)) return path.starts_with("/proc/self/cwd");
  if (path.size() > looks.workspace.size() && path[looks.workspace.size()] != '/') return false;
  if (std::ranges::find(looks.missing, path) != looks.missing.end()) return false;
  if (path != looks.program || !Opens(number)) return true;
  looks.program.clear();
  return false;
}

std::uint64_t WaitingProgram::memory() const {
  if (pid_ <= 0) return 0;
  const UniqueFd fd(::open(("/proc/" + std::to_string(pid_) + "/statm").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 128> text{};
  if (!fd || ::read(fd.get(), text.data(), text.size() - 1) <= 0) return 0;
  // Pages: the size, what is resident, and what of that others may share.
  char* rest = text.data();
  std::strtoul(rest, &rest, 10);
  const unsigned long resident = std::strtoul(rest, &rest, 10);
  const unsigned long shared = std::strtoul(rest, &rest, 10);
  if (resident < shared) return 0;
  return (resident - shared) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t WaitingProgram::cpu_us() const {
  clockid_t clock;
  timespec used{};
  if (pid_ <= 0 || ::clock_getcpuclockid(pid_, &clock) != 0 || ::clock_gettime(clock, &used) != 0) return 0;
  return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(used.tv_nsec) / 1000;
}

pid_t WaitingProgram::Release() {
  if (pid_ <= 0) return -1;
  if (codeapi::Trace(PTRACE_DETACH, pid_, 0, 0) != 0) {
    End();
    return -1;
  }
  pidfd_.reset();
  return std::exchange(pid_, -1);
}

void WaitingProgram::End() {
  pidfd_.reset();
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  // A stop that was under way may be told of first.
  while (AwaitStop(status)) continue;
  pid_ = -1;
}

}  // namespace codeapi
