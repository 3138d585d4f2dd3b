// The part of a zygote that is not Python: a shared object that the loader puts into an interpreter
// (LD_PRELOAD) and which then runs in the place of its main().
//
// Theory of operation. The interpreter is made from its command line as its own main() would make it, loads
// what programs want (zygote_hook.py), and waits for requests. The zygote lives in the jailer's PID namespace
// and in a copy of the template root. For each program it says to the kernel "my next child belongs into that
// cell" (setns with CLONE_NEWPID), forks a helper, and takes that back. The helper joins the cell's control
// group, forks once more, and is gone: the program, an orphan, is from then on the child of the cell's init,
// as if init had forked it. (Were it the zygote's own child, the cell could not end before the zygote has
// reaped it.) The program enters what is left of the cell's namespaces, tells init its number, and waits for
// what init alone has: its streams, its limits. Then comes LockDown(), the one that every program passes; and
// only with that behind it is the program's file opened and run as __main__ (zygote_run.cc), with no frame of
// Python beneath.
//
// So nothing that a caller controls is looked at, by the zygote or by the program, before the lock-down. A
// program that cannot get as far as its first word to init hangs up, and init starts another one, cold.
//
// The interpreter is single-threaded here and holds nothing open. No library may be needed that not every
// root has, so this uses system calls, what any libc has, and functions of Python's that all its versions
// have.

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "jail/lockdown.h"
#include "jail/zygote_python.h"
#include "jail/zygote_wire.h"

namespace codeapi {
namespace {

constexpr std::size_t kMostFds = kForkFds + kMostJoinFds;
// Of the helper: out of the way, so that a program has the number that it has without a zygote.
constexpr pid_t kHelperPid = 300;

struct Received {
  ssize_t size = -1;
  std::size_t fds = 0;
  int fd[kMostFds];
};

// Descriptors beyond what a message may have are closed by the kernel.
Received Receive(int socket, void* data, std::size_t size) {
  Received out;
  iovec part{data, size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof out.fd)];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  do out.size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (out.size < 0 && errno == EINTR);
  if (out.size <= 0) return out;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t bytes = header->cmsg_len - CMSG_LEN(0);
    out.fds = bytes / sizeof(int);
    ::memcpy(out.fd, CMSG_DATA(header), out.fds * sizeof(int));
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) out.size = -1;
  return out;
}

// The kernel's struct sigaction. An interpreter has set some at its start, and lock-down puts all back.
struct SignalActions {
  static constexpr int kSignals = 65;
  unsigned long action[kSignals][4];

  void Read() {
    for (int sig = 1; sig < kSignals; ++sig)
      ::syscall(SYS_rt_sigaction, sig, nullptr, action[sig], std::size_t{8});
  }
  void Set() const {
    for (int sig = 1; sig < kSignals; ++sig) {
      // Those two are the libc's, which no exec would have set either.
      if (sig == SIGKILL || sig == SIGSTOP || sig == 32 || sig == 33) continue;
      ::syscall(SYS_rt_sigaction, sig, action[sig], nullptr, std::size_t{8});
    }
  }
};

// clone3 with a stack for the child, which calls `function` there and ends with status 0 when that returns.
// In the parent the child's number, or a negative errno. Libcs do not offer it.
long CloneAndCall(const clone_args& args, void (*function)(void*), void* argument) {
#if defined(__x86_64__)
  long result = SYS_clone3;
  register void (*callee)(void*) __asm__("r12") = function;
  register void* given __asm__("r13") = argument;
  __asm__ volatile(
      "syscall\n"
      "test %%rax, %%rax\n"
      "jnz 1f\n"
      "xor %%ebp, %%ebp\n"
      "mov %[given], %%rdi\n"
      "call *%[callee]\n"
      "mov %[exit], %%eax\n"
      "xor %%edi, %%edi\n"
      "syscall\n"
      "1:"
      : "+a"(result)
      : "D"(&args), "S"(sizeof args), [callee] "r"(callee), [given] "r"(given), [exit] "i"(SYS_exit)
      : "rcx", "r11", "memory", "cc");
  return result;
#elif defined(__aarch64__)
  register long result __asm__("x0") = reinterpret_cast<long>(&args);
  register std::size_t size __asm__("x1") = sizeof args;
  register long number __asm__("x8") = SYS_clone3;
  register void (*callee)(void*) __asm__("x19") = function;
  register void* given __asm__("x20") = argument;
  __asm__ volatile(
      "svc #0\n"
      "cbnz x0, 1f\n"
      "mov x29, xzr\n"
      "mov x0, x20\n"
      "blr x19\n"
      "mov x8, %[exit]\n"
      "mov x0, xzr\n"
      "svc #0\n"
      "1:"
      : "+r"(result)
      : "r"(size), "r"(number), "r"(callee), "r"(given), [exit] "i"(SYS_exit)
      : "x30", "memory", "cc");
  return result;
#else
#error "how a child gets a stack of its own is not known for this architecture"
#endif
}

class Zygote {
 public:
  /// Returns in every program, locked down, and in the zygote never.
  void Serve() {
    if (!TakeSetup()) ::_exit(1);
    self_ = static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0u));
    if (self_ < 0) ::_exit(1);
    signals_.Read();
    while (true) {
      ZygoteFork fork;
      const Received in = Receive(kZygoteSocket, &fork, sizeof fork);
      if (in.size == 0) ::_exit(0);  // the jailer is gone, or has another one
      if (in.size != sizeof fork || in.fds < kForkFds) ::_exit(1);
      if (Fork(fork, in)) return;
      for (std::size_t i = 0; i < in.fds; ++i) ::close(in.fd[i]);
    }
  }

 private:
  bool TakeSetup() {
    static struct {
      ZygoteSetup setup;
      sock_filter code[2 * kMostInstructions];
    } message;
    const Received in = Receive(kZygoteSocket, &message, sizeof message);
    const ZygoteSetup& setup = message.setup;
    if (in.size < 0 || setup.deny_length > kMostInstructions || setup.allow_length > kMostInstructions ||
        setup.deny_length == 0 || setup.allow_length == 0 ||
        static_cast<std::size_t>(in.size) !=
            sizeof setup + (setup.deny_length + setup.allow_length) * sizeof(sock_filter)) {
      return false;
    }
    deny_ = {message.code, static_cast<unsigned short>(setup.deny_length)};
    allow_ = {message.code + setup.deny_length, static_cast<unsigned short>(setup.allow_length)};
    return true;
  }

  // True in the program.
  bool Fork(const ZygoteFork& fork, const Received& in) {
    if (::setns(in.fd[kForkInit], CLONE_NEWPID) != 0) return false;  // the cell is gone
    PyOS_BeforeFork();
    ::memcpy(&call_.fork, &fork, sizeof fork);
    call_.in = &in;
    // The program comes back here, on this stack; the helper has one of its own.
    if (::setjmp(call_.back) != 0) return true;
    const pid_t helper = StartHelper(fork, in);
    PyOS_AfterFork_Parent();
    // Not to be: it could not start another program in the right cell.
    if (::setns(self_, CLONE_NEWPID) != 0) ::_exit(1);
    if (helper > 0) {
      while (::waitpid(helper, nullptr, __WALL) < 0 && errno == EINTR) continue;
    }
    return false;
  }

  // It shares the zygote's memory, and the zygote stands still until it has gone: one copy of the page tables
  // is made, that for the program.
  pid_t StartHelper(const ZygoteFork& fork, const Received& in) {
    pid_t wanted = kHelperPid;
    clone_args args{};
    args.flags = CLONE_VM | CLONE_VFORK;
    args.exit_signal = SIGCHLD;
    args.stack = reinterpret_cast<std::uintptr_t>(helper_stack_);
    args.stack_size = sizeof helper_stack_;
    args.set_tid = reinterpret_cast<std::uintptr_t>(&wanted);
    args.set_tid_size = 1;
    if (fork.clone_into != 0 && in.fds > kForkFds) {
      args.flags |= CLONE_INTO_CGROUP;
      args.cgroup = static_cast<std::uint64_t>(in.fd[kForkFds]);
    }
    return static_cast<pid_t>(
        CloneAndCall(args, [](void* self) { static_cast<Zygote*>(self)->Help(); }, this));
  }

  // In the helper, and then in the program.
  void Help() {
    const ZygoteFork& fork = call_.fork;
    const Received& in = *call_.in;
    if (fork.clone_into == 0) {
      for (std::size_t i = kForkFds; i < in.fds; ++i) {
        if (::write(in.fd[i], "0", 1) != 1) return;
      }
    }
    const int self = static_cast<int>(::syscall(SYS_pidfd_open, ::syscall(SYS_getpid), 0u));
    if (self < 0) return;
    // The libc's own, since the program lives on: what that keeps of the thread must be right.
    const pid_t program = ::fork();
    if (program != 0) {
      ::close(self);
      return;
    }
    // Until this process has gone it is the program's parent, which a program could see.
    pollfd helper{self, POLLIN, 0};
    while (::poll(&helper, 1, -1) < 0 && errno == EINTR) continue;
    Become(fork, in);
    ::longjmp(call_.back, 1);
  }

  void Become(const ZygoteFork& fork, const Received& in) {
    int namespaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
    if (fork.rootless != 0) namespaces |= CLONE_NEWUSER;
    if (::setns(in.fd[kForkInit], namespaces) != 0) ::_exit(1);
    const pid_t self = static_cast<pid_t>(::syscall(SYS_getpid));
    if (::send(in.fd[kForkLink], &self, sizeof self, MSG_NOSIGNAL) != sizeof self) ::_exit(1);
    ZygoteGo go;
    const Received start = Receive(in.fd[kForkLink], &go, sizeof go);
    if (start.size != sizeof go || start.fds < kGoFds || go.limits > ZygoteGo::kMostLimits) ::_exit(1);
    if (go.bind_cpus != 0) ::syscall(SYS_sched_setaffinity, 0, sizeof go.cpus, go.cpus);
    Lock(fork, go, start);
    ::close(kLockdownReportFd);  // as an exec would: it tells init that all went well
    signals_.Set();
    PyOS_AfterFork_Child();
  }

  void Lock(const ZygoteFork& fork, const ZygoteGo& go, const Received& start) {
    ResourceLimit limits[ZygoteGo::kMostLimits];
    for (std::uint32_t i = 0; i < go.limits; ++i) limits[i] = {go.limit[i].resource, go.limit[i].value};
    LockdownSpec spec;
    spec.uid = fork.uid;
    spec.gid = fork.gid;
    spec.keep_groups = fork.rootless != 0;
    spec.stdin_fd = start.fd[kGoStdin];
    spec.stdout_fd = start.fd[kGoStdout];
    spec.stderr_fd = start.fd[kGoStderr];
    spec.keep_fd = start.fd[kGoReport];
    spec.limits = limits;
    spec.limit_count = go.limits;
    spec.working_directory = "/mnt/data";
    spec.landlock_fd = start.fds > kGoFds ? start.fd[kGoFds] : -1;
    spec.deny = deny_;
    spec.allow = allow_;
    StartFailure failure;
    failure.step = LockDown(spec);
    if (failure.step == LockdownStep::kNone) return;
    failure.error = errno;
    const int fd = failure.step <= LockdownStep::kDescriptors ? spec.keep_fd : kLockdownReportFd;
    const ssize_t ignored = ::write(fd, &failure, sizeof failure);
    ::_exit(ignored == sizeof failure ? 126 : 127);
  }

  struct {
    ZygoteFork fork;
    const Received* in = nullptr;
    jmp_buf back;
  } call_;
  alignas(64) char helper_stack_[64u << 10];
  int self_ = -1;
  FilterProgram deny_, allow_;
  SignalActions signals_;
};

Zygote zygote;

// The kernel shows /proc/PID/environ from where the variables lie, whatever becomes of them: those that only
// a zygote has are its last ones, and right behind them lies the name of the executable.
void ForgetOwnVariables() {
  char* const end = reinterpret_cast<char*>(::getauxval(AT_EXECFN));
  if (end == nullptr) return;
  char* start = end;
  for (const char* name : {"LD_PRELOAD=", "CODEAPI_ZYGOTE="}) {
    char* variable = start - 1;
    while (variable[-1] != '\0') --variable;
    if (::strncmp(variable, name, ::strlen(name)) != 0) break;
    start = variable;
  }
  ::memset(start, 0, static_cast<std::size_t>(end - start));
  // Only for root; without it, there are some zeroes at the end.
  ::prctl(PR_SET_MM, PR_SET_MM_ENV_END, start, 0, 0);
}

// Tells the jailer that all is loaded. `names` is what ZygoteReady says.
bool SayReady(const char* names) {
  constexpr int kMostFiles = 1024;
  static struct {
    ZygoteReady ready;
    char names[ZygoteReady::kMostNames];
  } message;
  const std::size_t length = ::strlen(names);
  if (length > sizeof message.names) return false;
  ::memcpy(message.names, names, length);
  // A fork copies one thread only, and the locks of all. The kernel refuses this where there are more.
  message.ready.threads = ::unshare(CLONE_THREAD) == 0 ? 1 : 2;
  for (int fd = kZygoteSocket + 1; fd < kMostFiles; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) ++message.ready.files;
  }
  const std::size_t size = sizeof message.ready + length;
  return ::send(kZygoteSocket, &message, size, MSG_NOSIGNAL) == static_cast<ssize_t>(size);
}

// What the kernel gave the zygote's exec to guard its stack with, anew for each program. Inlined into a
// function that does not look at its own guard.
[[gnu::always_inline]] inline void DrawGuards() {
  auto* const random = reinterpret_cast<unsigned char*>(::getauxval(AT_RANDOM));
  if (random == nullptr || ::getrandom(random, 16, 0) != 16) return;
#ifdef __x86_64__
  unsigned long guard;
  ::memcpy(&guard, random, sizeof guard);
  guard &= ~0xffUL;  // as the libc has it: no string reads over it
  __asm__ volatile("movq %0, %%fs:0x28" : : "r"(guard) : "memory");
#endif
}

__attribute__((no_stack_protector)) int Main(int argc, char** argv, char** environment) {
  const char* kind = ::getenv("CODEAPI_ZYGOTE");
  const bool data = kind != nullptr && ::strcmp(kind, "data") == 0;
  ::unsetenv("CODEAPI_ZYGOTE");
  ::unsetenv("LD_PRELOAD");
  ForgetOwnVariables();
  static_cast<void>(environment);
  if (!StartPython(argc, argv)) return 1;
  const char* names = LoadModules(data);
  if (names == nullptr || !SayReady(names)) return 1;
  zygote.Serve();
  DrawGuards();
  return RunProgramFile();
}

using MainFunction = int (*)(int, char**, char**);

}  // namespace
}  // namespace codeapi

/// What every program's first instructions call. In place of the libc's: it is given another main().
extern "C" __attribute__((visibility("default"))) int
__libc_start_main(  // NOLINT(bugprone-reserved-identifier)
    codeapi::MainFunction, int argc, char** argv, void (*init)(), void (*fini)(), void (*rtld_fini)(),
    void* stack_end) {
  using Start = int (*)(codeapi::MainFunction, int, char**, void (*)(), void (*)(), void (*)(), void*);
  const auto start = reinterpret_cast<Start>(::dlsym(RTLD_NEXT, "__libc_start_main"));
  return start(codeapi::Main, argc, argv, init, fini, rtld_fini, stack_end);
}
