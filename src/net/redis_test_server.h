// For tests: a real redis-server that can be stopped, killed and started again on the same data.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/unique_fd.h"
#include "net/redis_options.h"

namespace codeapi {

/// On a free port of loopback, with its data in a directory of its own. It dies with the test program.
class RedisTestServer {
 public:
  /// `extra` are more arguments of redis-server. Returns when it answers.
  explicit RedisTestServer(std::vector<std::string> extra = {})
      : directory_(std::filesystem::temp_directory_path() / ("codeapi-redis-" + NewId())),
        extra_(std::move(extra)) {
    std::filesystem::create_directory(directory_);
    port_ = FreePort();
    start();
  }

  ~RedisTestServer() {
    kill();
    std::filesystem::remove_all(directory_);
  }
  RedisTestServer(const RedisTestServer&) = delete;
  RedisTestServer& operator=(const RedisTestServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string directory() const { return directory_; }
  std::string socket() const { return directory_ / "redis.sock"; }
  pid_t pid() const { return pid_; }

  RedisOptions options() const {
    RedisOptions options;
    options.port = port_;
    return options;
  }

  /// Starts it (again), on the data that is there.
  void start() {
    std::vector<std::string> args{"redis-server",
                                  "--port",
                                  std::to_string(port_),
                                  "--bind",
                                  "127.0.0.1",
                                  "--dir",
                                  directory_,
                                  "--unixsocket",
                                  socket(),
                                  "--save",
                                  "",
                                  "--appendonly",
                                  "yes",
                                  "--appendfsync",
                                  "no",
                                  "--logfile",
                                  "redis.log",
                                  "--daemonize",
                                  "no"};
    args.insert(args.end(), extra_.begin(), extra_.end());
    std::filesystem::remove(socket());
    std::vector<char*> argv;
    for (std::string& arg : args) argv.push_back(arg.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::execv("/usr/bin/redis-server", argv.data());
      ::_exit(127);
    }
    if (pid_ < 0 || !answers()) throw std::runtime_error("redis-server does not start; see " + directory());
  }

  /// Stops it in its tracks; it keeps its connections and answers nothing.
  void pause() { ::kill(pid_, SIGSTOP); }
  void resume() { ::kill(pid_, SIGCONT); }

  /// As if the power had gone.
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  /// One command over a connection of its own; the raw reply, at most 64 KiB of it.
  std::string raw(const std::string& line) const {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket().copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return "";
    const std::string sent = line + "\r\n";
    if (::send(fd.get(), sent.data(), sent.size(), MSG_NOSIGNAL) < 0) return "";
    std::string got(65536, '\0');
    const ssize_t size = ::recv(fd.get(), got.data(), got.size(), 0);
    got.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return got;
  }

  /// A port that was free a moment ago.
  static std::uint16_t FreePort() {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    if (::bind(fd.get(), plain, size) != 0 || ::getsockname(fd.get(), plain, &size) != 0) return 0;
    return ntohs(address.sin_port);
  }

 private:
  // Waits until it serves, or is gone.
  bool answers() const {
    for (int i = 0; i < 2000; ++i) {
      const std::string reply = raw("PING");
      if (reply.starts_with("+PONG") || reply.starts_with("-NOAUTH") || reply.starts_with("-NOPERM"))
        return true;
      if (::waitpid(pid_, nullptr, WNOHANG) != 0) return false;
      ::poll(nullptr, 0, 5);
    }
    return false;
  }

  std::filesystem::path directory_;
  std::vector<std::string> extra_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace codeapi
