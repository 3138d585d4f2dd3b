#include "jailer/jailer_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "jailer/jailer_locks.h"

namespace codeapi {
namespace {

// A request, and the first byte of an answer: descriptors come with it, or the reason why there are none.
constexpr char kPlease = 'j', kHere = 'y', kNone = 'n';
constexpr std::size_t kMostAnswer = 512;
constexpr std::size_t kFds = 2;
// Those of older roots live as long as programs that wait for their tools. Who asks for more is no worker.
constexpr int kMostJailers = 64;

class SpawnAttributes {
 public:
  SpawnAttributes() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    sigset_t none, launchers;
    ::sigemptyset(&none);
    ::sigemptyset(&launchers);
    ::sigaddset(&launchers, SIGTERM);  // which a launcher ignores
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &launchers);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  ~SpawnAttributes() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

// posix_spawn, not fork: the server has many threads.
Result<JailerProcess> Spawn(const JailerCommand& command, int socket_type, const char* first_argument) {
  int fds[2];
  if (::socketpair(AF_UNIX, socket_type | SOCK_CLOEXEC, 0, fds) != 0) return FailErrno("socketpair");
  UniqueFd ours(fds[0]), theirs(fds[1]);
  SpawnAttributes spawn;
  ::posix_spawn_file_actions_addopen(&spawn.actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&spawn.actions, 2, 1);
  ::posix_spawn_file_actions_adddup2(&spawn.actions, theirs.get(), 3);
  ::posix_spawn_file_actions_addclosefrom_np(&spawn.actions, 4);
  std::vector<std::string> words = {"codeapi-jailer"};
  if (first_argument != nullptr) words.emplace_back(first_argument);
  words.insert(words.end(), command.arguments.begin(), command.arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  char* envp[] = {nullptr};
  pid_t pid = -1;
  const int error =
      ::posix_spawn(&pid, command.path.c_str(), &spawn.actions, &spawn.attributes, argv.data(), envp);
  if (error != 0) return FailErrno("start " + command.path, error, ErrorCode::kSetupFailed);
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return FailErrno("pidfd_open");
  return JailerProcess{std::move(pidfd), std::move(ours)};
}

// What cannot be sent is gone with its descriptors, and the jailer with them.
void SendAnswer(int socket, const Result<JailerProcess>& jailer) {
  std::string text(1, jailer ? kHere : kNone);
  if (!jailer) text += jailer.error().message.substr(0, kMostAnswer - 1);
  iovec part{text.data(), text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kFds)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (jailer) {
    const int fds[kFds] = {jailer->stream.get(), jailer->pidfd.get()};
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fds);
    std::memcpy(CMSG_DATA(header), fds, sizeof fds);
  }
  ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Launch(int socket, const JailerCommand& command, int& living) {
  if (living >= kMostJailers) return SendAnswer(socket, Fail(ErrorCode::kUnavailable, "too many jailers"));
  const auto jailer = SpawnJailer(command);
  if (jailer) ++living;
  SendAnswer(socket, jailer);
}

}  // namespace

Result<JailerProcess> SpawnJailer(const JailerCommand& command) {
  return Spawn(command, SOCK_STREAM, nullptr);
}

Result<JailerProcess> SpawnLauncher(const JailerCommand& command) {
  return Spawn(command, SOCK_SEQPACKET, kLauncherArgument);
}

Result<void> AskLauncher(int socket) {
  if (::send(socket, &kPlease, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1) return {};
  return FailErrno("ask for a jailer", errno, ErrorCode::kSetupFailed);
}

Result<JailerProcess> TakeFromLauncher(int socket) {
  std::array<char, kMostAnswer> answer;
  iovec part{answer.data(), answer.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kFds)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t n;
  do n = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n < 0 && errno == EAGAIN) return Fail(ErrorCode::kUnavailable, "no jailer yet");
  if (n <= 0) return Fail(ErrorCode::kSetupFailed, "the process that starts jailers has ended");
  std::vector<UniqueFd> fds;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    int numbers[kFds];
    std::memcpy(numbers, CMSG_DATA(header), sizeof(int) * std::min(count, kFds));
    for (std::size_t i = 0; i < std::min(count, kFds); ++i) fds.emplace_back(numbers[i]);
  }
  if (answer[0] == kHere && fds.size() == kFds) return JailerProcess{std::move(fds[1]), std::move(fds[0])};
  return Fail(ErrorCode::kSetupFailed, std::string(answer.data() + 1, static_cast<std::size_t>(n) - 1));
}

int RunLauncher(UniqueFd socket, const JailerCommand& command) {
  ::prctl(PR_SET_NAME, "codeapi-launch", 0, 0, 0);
  if (auto kept = KeepJailerCapabilities(JailerPart::kLauncher); !kept) {
    std::fprintf(stderr, "codeapi-jailer: %s\n", kept.error().message.c_str());
    return 1;
  }
  // Its worker is told when to end, and this process by that. A jailer has its signals back at the default.
  for (const int sig : {SIGINT, SIGTERM, SIGPIPE}) ::signal(sig, SIG_IGN);
  sigset_t children;
  ::sigemptyset(&children);
  ::sigaddset(&children, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &children, nullptr);
  const UniqueFd ended(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!ended) return std::perror("codeapi-jailer: signalfd"), 1;
  int living = 0;
  while (socket || living > 0) {
    // A negative descriptor is passed over.
    pollfd watched[] = {{socket.get(), POLLIN, 0}, {ended.get(), POLLIN, 0}};
    if (::poll(watched, 2, -1) < 0 && errno != EINTR) return 1;
    if (watched[1].revents != 0) {
      signalfd_siginfo ignored;
      while (::read(ended.get(), &ignored, sizeof ignored) > 0) continue;
      while (::waitpid(-1, nullptr, WNOHANG | __WALL) > 0) --living;
    }
    if (watched[0].revents == 0) continue;
    char request = 0;
    const ssize_t n = ::recv(socket.get(), &request, 1, MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    // Whoever says anything else is no worker of ours.
    if (n != 1 || request != kPlease) {
      socket.reset();
    } else {
      Launch(socket.get(), command, living);
    }
  }
  return 0;
}

}  // namespace codeapi
