// The test program's main(), and the other processes that tests start from it. Tests never fork: by the time
// they run there are threads.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "store/testing.h"

namespace codeapi::testing {
namespace {

bool WriteFile(const char* path, const std::string& text) {
  const UniqueFd file(::open(path, O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// Root can have a mount namespace just so; anybody else inside a user namespace in which they are root.
bool UnshareMounts() {
  if (::unshare(CLONE_NEWNS) == 0) return true;
  const std::string uid = std::to_string(::getuid());
  const std::string gid = std::to_string(::getgid());
  return ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && WriteFile("/proc/self/setgroups", "deny") &&
         WriteFile("/proc/self/uid_map", "0 " + uid + " 1") &&
         WriteFile("/proc/self/gid_map", "0 " + gid + " 1");
}

}  // namespace

bool MountSmallDisk(const std::string& directory, const std::string& size) {
  return UnshareMounts() && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", directory.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, ("size=" + size).c_str()) == 0;
}

Helper::Helper(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"store_tests", "--helper"});
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) std::abort();
  output_.reset(pipe[0]);
  const UniqueFd write_end(pipe[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
  if (::posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, argv.data(), environ) != 0) std::abort();
  ::posix_spawn_file_actions_destroy(&actions);
}

Helper::~Helper() {
  if (pid_ < 0) return;
  kill();
  wait();
}

std::optional<std::string> Helper::line() {
  for (;;) {
    if (const std::size_t end = buffered_.find('\n'); end != std::string::npos) {
      std::string line = buffered_.substr(0, end);
      buffered_.erase(0, end + 1);
      return line;
    }
    std::array<char, 4096> piece{};
    const ssize_t n = ::read(output_.get(), piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::nullopt;
    buffered_.append(piece.data(), static_cast<std::size_t>(n));
  }
}

void Helper::kill() {
  ::kill(pid_, SIGKILL);
}

int Helper::wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace codeapi::testing

int main(int argc, char** argv) {
  if (argc >= 3 && std::string(argv[1]) == "--helper") {
    const std::vector<std::string> arguments(argv + 2, argv + argc);
    if (arguments[0].starts_with("object-")) return codeapi::testing::RunObjectStoreHelper(arguments);
    if (arguments[0].starts_with("state-")) return codeapi::testing::RunStateStoreHelper(arguments);
    std::fprintf(stderr, "unknown helper %s\n", argv[2]);
    return 2;
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
