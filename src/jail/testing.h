// What the tests of this room and the next share.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/unique_fd.h"

namespace codeapi::testing {

/// A directory of the test's own, removed with all that is in it.
class TempDir {
 public:
  TempDir() {
    std::string name = std::filesystem::temp_directory_path() / "codeapi-jail-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << content;
  ASSERT_TRUE(out.flush()) << path;
}

inline std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Everything up to the end of the stream.
inline std::string ReadToEnd(int fd) {
  std::string out;
  char buffer[4096];
  while (true) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return out;
    out.append(buffer, static_cast<std::size_t>(n));
  }
}

/// For children: the whole text or nothing; there is nobody to tell.
inline void Report(int fd, const std::string& text) {
  if (::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) ::_exit(99);
}

inline int WaitFor(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  return status;
}

/// fork() for test programs, which are single-threaded. Unlike fork(), it is not known to ThreadSanitizer,
/// which would give the child a second thread: that thread counts as a process, keeps the child from making a
/// user namespace, and escapes what is done to a thread, as a lock-down is. Nobody's code runs in it, so no
/// race is hidden.
inline pid_t Fork() {
  return ::_Fork();
}

struct ChildResult {
  int status = 0;      ///< as waitpid gives it
  std::string output;  ///< what the child wrote to the descriptor it was given
  bool exited_with(int code) const { return WIFEXITED(status) && WEXITSTATUS(status) == code; }
};

/// Runs `body(fd)` in a forked child, which then exits with 0, and collects what it wrote to `fd`. Test
/// programs are single-threaded, so the child may do anything; it must not return to the test.
template <typename Body>
ChildResult RunInChild(Body body) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) std::abort();
  UniqueFd read_end(fds[0]), write_end(fds[1]);
  const pid_t pid = Fork();
  if (pid < 0) std::abort();
  if (pid == 0) {
    read_end.reset();
    body(write_end.get());
    ::_exit(0);
  }
  write_end.reset();
  ChildResult out;
  out.output = ReadToEnd(read_end.get());
  out.status = WaitFor(pid);
  return out;
}

}  // namespace codeapi::testing
