// For tests: a real server on loopback and a client that speaks raw bytes to it.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "base/text.h"
#include "base/unique_fd.h"
#include "net/http_server.h"

namespace codeapi {

/// A blocking client. Reads give up after a minute, so that a broken server fails a test instead of hanging
/// it.
class RawClient {
 public:
  struct Answer {
    int status = 0;                              // 0: the connection ended before a whole header came
    std::map<std::string, std::string> headers;  // lower-case names
    std::string body;
    bool whole = false;  // the framing said that the body was complete
  };

  explicit RawClient(std::uint16_t port) : RawClient() { EXPECT_TRUE(connect(port)); }

  RawClient() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval minute{60, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &minute, sizeof minute);
  }

  bool connect(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  /// Sends everything; false when the server has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// The next response. `head_only` for answers to HEAD.
  Answer read_answer(bool head_only = false) {
    Answer answer;
    const std::string head = take_until("\r\n\r\n");
    if (head.empty()) return answer;
    parse_head(head, answer);
    if (head_only || answer.status == 204 || answer.status == 304 || answer.status < 200) {
      answer.whole = true;
    } else if (answer.headers.contains("transfer-encoding")) {
      read_chunks(answer);
    } else if (answer.headers.contains("content-length")) {
      const std::size_t length = std::stoul(answer.headers["content-length"]);
      answer.body = take(length);
      answer.whole = answer.body.size() == length;
    } else {
      answer.body = read_to_end();
    }
    return answer;
  }

  Answer request(std::string_view bytes) {
    send(bytes);
    return read_answer();
  }

  /// Everything until the server closes; `reset()` tells how.
  std::string read_to_end() {
    while (fill()) {
    }
    return std::exchange(buffer_, {});
  }

  /// Whether the server has ended the connection and nothing came before.
  bool at_end() { return read_to_end().empty(); }

  /// Whether the connection ended by a reset.
  bool reset() const { return error_ == ECONNRESET; }

  void close() { fd_.reset(); }
  int fd() const { return fd_.get(); }

 private:
  static void parse_head(std::string_view head, Answer& answer) {
    answer.status = std::atoi(std::string(head.substr(9, 3)).c_str());
    head.remove_prefix(head.find("\r\n") + 2);
    while (!head.starts_with("\r\n") && !head.empty()) {
      const std::string_view line = head.substr(0, head.find("\r\n"));
      const std::size_t colon = line.find(": ");
      answer.headers[AsciiLower(line.substr(0, colon))] = line.substr(colon + 2);
      head.remove_prefix(line.size() + 2);
    }
  }

  void read_chunks(Answer& answer) {
    while (true) {
      const std::string line = take_until("\r\n");
      if (line.empty()) return;
      const std::size_t size = std::stoul(line, nullptr, 16);
      const std::string chunk = take(size + 2);
      answer.body += chunk.substr(0, std::min(chunk.size(), size));
      if (chunk.size() < size + 2) return;
      if (size == 0) {
        answer.whole = true;
        return;
      }
    }
  }

  bool fill() {
    char bytes[65536];
    const ssize_t got = ::recv(fd_.get(), bytes, sizeof bytes, 0);
    if (got < 0) error_ = errno;
    EXPECT_FALSE(got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) << "the server stays silent";
    if (got <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }

  std::string take_until(std::string_view mark) {
    std::size_t at = 0;
    while ((at = buffer_.find(mark)) == std::string::npos) {
      if (!fill()) return {};
    }
    return take(at + mark.size());
  }

  std::string take(std::size_t size) {
    while (buffer_.size() < size && fill()) {
    }
    std::string out = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return out;
  }

  UniqueFd fd_;
  std::string buffer_;
  int error_ = 0;
};

/// A server with two threads of its own; what it logs is kept.
class TestServer {
 public:
  explicit TestServer(Router router, ServerOptions options = {}) {
    if (!options.log) {
      options.log = [this](std::string_view text) {
        const std::lock_guard lock(mutex_);
        log_.emplace_back(text);
      };
    }
    auto started = HttpServer::Start(io_.get_executor(), std::move(options), std::move(router));
    if (!started) {
      ADD_FAILURE() << started.error().message;
      std::abort();
    }
    server_ = std::move(*started);
    for (int i = 0; i < 2; ++i) threads_.emplace_back([this] { io_.run(); });
  }

  ~TestServer() {
    server_.reset();
    work_.reset();
    for (std::thread& thread : threads_) thread.join();  // ends when the last connection has
  }

  std::uint16_t port() const { return server_->port(); }
  HttpServer& server() { return *server_; }
  asio::io_context& io() { return io_; }

  std::future<void> stop(std::chrono::milliseconds grace) {
    return asio::co_spawn(io_, server_->stop(grace), asio::use_future);
  }

  std::vector<std::string> log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }

 private:
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
  std::mutex mutex_;
  std::vector<std::string> log_;
  std::unique_ptr<HttpServer> server_;
  std::vector<std::thread> threads_;
};

/// A handler that answers with the method, the path's parameters and the body it got.
inline asio::awaitable<Response> Echo(Request& request) {
  const Result<std::string> body = co_await request.body.read_all(1024 * 1024);
  if (!body)
    co_return ErrorResponse(body.error().code == ErrorCode::kTooLarge ? 413 : 400, body.error().message);
  std::string text = request.method + " " + std::string(request.route);
  for (const auto& [name, value] : request.params.all()) text += " " + name + "=" + value;
  for (const auto& [name, value] : request.query.all()) text += " ?" + name + "=" + value;
  co_return TextResponse(200, text + " [" + *body + "]");
}

/// A router with Echo on GET and POST /echo and GET /echo/{name}.
inline Router EchoRouter() {
  Router router;
  router.add("GET", "/echo", Echo);
  router.add("POST", "/echo", Echo);
  router.add("GET", "/echo/{name}", Echo);
  return router;
}

}  // namespace codeapi
