#include "packages/subprocess.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/text.h"
#include "base/unique_fd.h"

extern char** environ;

namespace codeapi {
namespace {

constexpr int kStatusFd = 3;
constexpr std::size_t kLinesInMessage = 25;
constexpr std::size_t kMostOutput = 16 << 20;

std::string FindProgram(const std::string& name) {
  if (name.find('/') != name.npos) return ::access(name.c_str(), X_OK) == 0 ? name : "";
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/sbin:/usr/bin:/sbin:/bin";
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::string candidate = std::string(rest.substr(0, end)) + "/" + name;
    if (end > 0 && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return "";
}

// Everything the child needs, made before the fork: after it only async-signal-safe calls are allowed.
struct Prepared {
  std::vector<std::string> texts;
  std::vector<char*> argv, envp;

  Prepared(const ProgramRun& run) {
    const std::size_t arguments = run.argv.size();
    texts = run.argv;
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string_view text = *entry;
      if (!run.environment.contains(std::string(text.substr(0, text.find('='))))) texts.emplace_back(text);
    }
    for (const auto& [name, value] : run.environment) texts.push_back(fmt::format("{}={}", name, value));
    for (std::size_t i = 0; i < texts.size(); ++i) (i < arguments ? argv : envp).push_back(texts[i].data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);
  }
};

[[noreturn]] void Child(const char* path, const ProgramRun& run, Prepared& prepared, int output, int status) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  const int null = ::open("/dev/null", O_RDONLY);
  // Out of the way first: the pipes may have the numbers that they are moved to.
  output = ::fcntl(output, F_DUPFD, 10);
  status = ::fcntl(status, F_DUPFD, 10);
  if (null < 0 || output < 0 || status < 0) ::_exit(126);
  ::dup2(null, 0);
  ::dup2(output, 1);
  ::dup2(output, 2);
  ::dup2(status, kStatusFd);
  ::close_range(kStatusFd + 1, ~0u, 0);
  if (::signal(SIGPIPE, SIG_DFL) == SIG_ERR) ::_exit(126);
  if (!run.directory.empty() && ::chdir(run.directory.c_str()) != 0) ::_exit(126);
  ::execve(path, prepared.argv.data(), prepared.envp.data());
  ::_exit(127);
}

// Cuts what arrives on one pipe into lines. Progress bars end theirs with a carriage return.
class Lines {
 public:
  explicit Lines(const std::function<void(std::string_view)>& on_line) : on_line_(on_line) {}

  void Feed(std::string_view bytes) {
    partial_ += bytes;
    for (std::size_t end; (end = partial_.find_first_of("\r\n")) != partial_.npos;) {
      Give(std::string_view(partial_).substr(0, end));
      partial_.erase(0, end + 1);
    }
  }

  void Finish() { Give(partial_); }

 private:
  void Give(std::string_view line) const {
    if (on_line_ && !line.empty()) on_line_(line);
  }

  const std::function<void(std::string_view)>& on_line_;
  std::string partial_;
};

// Reads both pipes until their last writer is gone.
std::string ReadAll(UniqueFd output, UniqueFd status, const ProgramRun& run) {
  std::string all;
  Lines lines(run.on_line), states(run.on_status);
  pollfd fds[] = {{output.get(), POLLIN, 0}, {status.get(), POLLIN, 0}};
  char buffer[65536];
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) break;
    for (std::size_t i = 0; i < 2; ++i) {
      if (fds[i].fd < 0 || fds[i].revents == 0) continue;
      const ssize_t n = ::read(fds[i].fd, buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        fds[i].fd = -1;
        continue;
      }
      const std::string_view bytes(buffer, static_cast<std::size_t>(n));
      (i == 0 ? lines : states).Feed(bytes);
      if (i == 0) all += bytes;
      if (all.size() > kMostOutput) all.erase(0, all.size() - kMostOutput / 2);
    }
  }
  lines.Finish();
  states.Finish();
  return all;
}

std::string LastLines(const std::string& text) {
  std::size_t begin = text.size(), lines = 0;
  while (begin > 0 && lines <= kLinesInMessage) {
    if (text[begin - 1] == '\n') ++lines;
    --begin;
  }
  return ToUtf8Lossy(std::string_view(text).substr(begin == 0 ? 0 : begin + 2));
}

}  // namespace

bool HaveProgram(const std::string& name) {
  return !FindProgram(name).empty();
}

Result<std::string> RunProgram(const ProgramRun& run) {
  const std::string path = FindProgram(run.argv.front());
  if (path.empty()) return Fail(ErrorCode::kNotFound, run.argv.front() + " is not installed");
  int output[2], status[2];
  if (::pipe2(output, O_CLOEXEC) != 0) return FailErrno("pipe");
  UniqueFd output_read(output[0]), output_write(output[1]);
  if (::pipe2(status, O_CLOEXEC) != 0) return FailErrno("pipe");
  UniqueFd status_read(status[0]), status_write(status[1]);
  Prepared prepared(run);
  const pid_t pid = ::fork();
  if (pid < 0) return FailErrno("fork");
  if (pid == 0) Child(path.c_str(), run, prepared, output_write.get(), status_write.get());
  output_write.reset();
  status_write.reset();
  std::string printed = ReadAll(std::move(output_read), std::move(status_read), run);
  int ended = 0;
  while (::waitpid(pid, &ended, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(ended) && WEXITSTATUS(ended) == 0) return printed;
  const std::string how = WIFEXITED(ended) ? fmt::format("failed with status {}", WEXITSTATUS(ended))
                                           : fmt::format("was ended by signal {}", WTERMSIG(ended));
  return Fail(ErrorCode::kInternal, fmt::format("{} {}:\n{}", run.argv.front(), how, LastLines(printed)));
}

}  // namespace codeapi
