#include "jail/zygote_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "jail/program_start.h"

namespace codeapi {
namespace {

// Over the template's /tmp, which cells cover with their own: no program ever sees it.
constexpr const char* kDirectory = "/tmp/codeapi";
constexpr const char* kModuleFile = "/tmp/codeapi/codeapi-zygote.so";
// Of a program's main thread, which has it from the zygote's exec.
constexpr rlim_t kStack = 8u << 20;

bool WriteFile(const char* path, std::string_view text) {
  const UniqueFd fd(::open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

[[noreturn]] void Give(const char* step) {
  std::fprintf(stderr, "%s: %s\n", step, std::strerror(errno));
  std::fflush(stderr);
  ::_exit(1);
}

void ResetSignals() {
  for (int sig = 1; sig < NSIG; ++sig) ::signal(sig, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// In the child, which is single-threaded and a copy of a single-threaded process: it may do as it likes.
[[noreturn]] void Become(const ZygoteSpec& spec, int socket, int output) {
  ResetSignals();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  // Pipes, and no file for input, as programs have them: the interpreter looks at them now, for all.
  const int null = ::open("/dev/null", O_RDONLY);
  if (::dup2(output, 2) < 0 || ::dup2(output, 1) < 0 || null < 0 || ::dup2(null, 0) < 0 ||
      ::dup2(socket, kZygoteSocket) < 0 || ::syscall(SYS_close_range, kZygoteSocket + 1, ~0U, 0) != 0) {
    ::_exit(1);
  }
  if (::sethostname("sandbox", 7) != 0) Give("set the host name");
  if (::mount("tmp", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=16m,nr_inodes=256") != 0)
    Give("mount /tmp");
  if (::mkdir(kDirectory, 0755) != 0 || !WriteFile(kModuleFile, ZygoteModule()))
    Give("write the zygote's module");
  const rlimit stack{kStack, kStack};
  if (::setrlimit(RLIMIT_STACK, &stack) != 0) Give("set the stack's limit");
  if (::chdir("/mnt/data") != 0) Give("enter /mnt/data");
  std::vector<std::string> argv = spec.argv, env = spec.env;
  env.push_back(std::string("CODEAPI_ZYGOTE=") + (spec.data ? "data" : "light"));
  env.push_back(std::string("LD_PRELOAD=") + kModuleFile);
  ::execve(spec.argv[0].c_str(), Pointers(argv).data(), Pointers(env).data());
  Give("exec");
}

Result<void> SendSetup(int socket, const SeccompFilters& filters) {
  const auto instructions = [](const std::string& code) {
    return static_cast<std::uint32_t>(code.size() / sizeof(sock_filter));
  };
  const ZygoteSetup setup{instructions(filters.deny), instructions(filters.allow)};
  std::string message(sizeof setup, '\0');
  std::memcpy(message.data(), &setup, sizeof setup);
  message += filters.deny;
  message += filters.allow;
  if (::send(socket, message.data(), message.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(message.size()))
    return FailErrno("tell the zygote its filters");
  return {};
}

}  // namespace

Result<ZygoteProcess> StartZygote(const ZygoteSpec& spec, const SeccompFilters& filters) {
  int sockets[2], pipe[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) return FailErrno("socketpair");
  UniqueFd ours(sockets[0]), theirs(sockets[1]);
  if (::pipe2(pipe, O_CLOEXEC) != 0) return FailErrno("pipe");
  UniqueFd output(pipe[0]), printed(pipe[1]);
  if (auto sent = SendSetup(ours.get(), filters); !sent) return std::unexpected(sent.error());
  // Above the numbers that they are put at.
  for (UniqueFd* fd : {&theirs, &printed}) {
    fd->reset(::fcntl(fd->get(), F_DUPFD_CLOEXEC, kZygoteSocket + 1));
    if (!*fd) return FailErrno("place a descriptor");
  }
  for (const UniqueFd* fd : {&ours, &output}) ::fcntl(fd->get(), F_SETFL, O_NONBLOCK);

  int pidfd = -1;
  clone_args args{};
  // What a module looks at when it is loaded, it looks at for all programs.
  args.flags = CLONE_PIDFD | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
  args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  const long pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) return FailErrno("clone3");
  if (pid == 0) Become(spec, theirs.get(), printed.get());
  return ZygoteProcess{static_cast<pid_t>(pid), UniqueFd(pidfd), std::move(ours), std::move(output)};
}

Result<void> AskZygote(int socket, const ZygoteFork& fork, std::span<const int> fds) {
  ZygoteFork request = fork;
  iovec part{&request, sizeof request};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * (kForkFds + kMostJoinFds))] = {};
  if (fds.size() < kForkFds || fds.size() > kForkFds + kMostJoinFds)
    return Fail(ErrorCode::kUnavailable, "the cell cannot be given to a zygote");
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(fds.size_bytes());
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(fds.size_bytes());
  std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  ssize_t sent;
  do sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  if (sent == sizeof request) return {};
  return Fail(ErrorCode::kUnavailable, std::string("the zygote: ") + std::strerror(errno));
}

Result<std::vector<std::string>> ReadZygoteReady(int socket) {
  std::array<char, sizeof(ZygoteReady) + ZygoteReady::kMostNames> buffer;
  ssize_t n;
  do n = ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n < 0 && errno == EAGAIN) return Fail(ErrorCode::kUnavailable, "not ready yet");
  ZygoteReady ready;
  if (n < static_cast<ssize_t>(sizeof ready)) return Fail(ErrorCode::kSetupFailed, "it ended");
  std::memcpy(&ready, buffer.data(), sizeof ready);
  if (ready.threads != 1) return Fail(ErrorCode::kSetupFailed, "what it has loaded has started threads");
  if (ready.files != 0) return Fail(ErrorCode::kSetupFailed, "what it has loaded keeps files open");
  std::vector<std::string> names;
  std::string_view rest(buffer.data() + sizeof ready, static_cast<std::size_t>(n) - sizeof ready);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    names.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return names;
}

}  // namespace codeapi
