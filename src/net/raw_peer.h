// For tests: a server that speaks raw bytes, or stops speaking.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "base/unique_fd.h"

namespace codeapi {

/// Takes one connection after the other on loopback and gives each to `serve`, on a thread of its own.
class RawPeer {
 public:
  /// One connection, closed when `serve` returns.
  class Connection {
   public:
    explicit Connection(int fd) : fd_(fd) {}

    int fd() const { return fd_; }

    /// Everything up to `mark` and the mark; less when the peer leaves.
    std::string read_until(std::string_view mark) {
      std::string got;
      char byte = 0;
      while (!got.ends_with(mark) && ::recv(fd_, &byte, 1, 0) == 1) got.push_back(byte);
      return got;
    }

    /// Reads to the end; how many bytes.
    std::size_t drain() {
      std::size_t total = 0;
      char bytes[65536];
      for (ssize_t n = 0; (n = ::recv(fd_, bytes, sizeof bytes, 0)) > 0;)
        total += static_cast<std::size_t>(n);
      return total;
    }

    bool send(std::string_view bytes) {
      while (!bytes.empty()) {
        const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      }
      return true;
    }

    /// Sends until the peer has taken nothing for a while; adds up in `sent`.
    void send_until_full(std::atomic<std::size_t>& sent) {
      const std::string block(100'000, 'x');
      for (pollfd poll{fd_, POLLOUT, 0}; ::poll(&poll, 1, 500) == 1;) {
        const ssize_t n = ::send(fd_, block.data(), block.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n <= 0) return;
        sent += static_cast<std::size_t>(n);
      }
    }

    /// Makes the coming close a reset.
    void reset_on_close() {
      const linger now{1, 0};
      ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }

   private:
    int fd_;
  };

  explicit RawPeer(std::function<void(Connection&)> serve)
      : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_.get(), plain, size), 0);
    EXPECT_EQ(::listen(listener_.get(), 64), 0);
    EXPECT_EQ(::getsockname(listener_.get(), plain, &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, serve = std::move(serve)] {
      for (;;) {
        const UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!fd) return;
        ++accepted_;
        Connection connection(fd.get());
        serve(connection);
      }
    });
  }

  /// Waits for the connection under way.
  ~RawPeer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

  std::uint16_t port() const { return port_; }
  int accepted() const { return accepted_; }
  std::string url(std::string_view path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + std::string(path);
  }

 private:
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> accepted_ = 0;
  std::thread thread_;
};

}  // namespace codeapi
