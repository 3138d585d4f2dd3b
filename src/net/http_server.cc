#include "net/http_server.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/unique_fd.h"
#include "net/http_connection.h"

namespace codeapi {
namespace {

using Tcp = asio::ip::tcp;
using Clock = std::chrono::steady_clock;

constexpr auto kAcceptPause = std::chrono::milliseconds(100);
constexpr auto kAfterKill = std::chrono::seconds(1);
constexpr auto kToken = asio::as_tuple(asio::use_awaitable);

Result<Tcp::endpoint> EndpointOf(const std::string& address, std::uint16_t port) {
  boost::system::error_code error;
  const auto parsed = asio::ip::make_address(address, error);
  if (error) return Fail(ErrorCode::kInvalid, "not a numeric address: " + address);
  return Tcp::endpoint(parsed, port);
}

std::string Where(const Tcp::endpoint& endpoint) {
  return endpoint.address().to_string() + " port " + std::to_string(endpoint.port());
}

// Asio's own open and accept leave the descriptor open across exec.
Result<UniqueFd> Bind(const Tcp::endpoint& endpoint) {
  const std::string where = Where(endpoint);
  UniqueFd fd(::socket(endpoint.data()->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return FailErrno("socket for " + where, errno, ErrorCode::kUnavailable);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0)
    return FailErrno("cannot listen on " + where, errno, ErrorCode::kUnavailable);
  return fd;
}

// Says no to one client too many, without waiting for it. What it has sent is read first, since closing over
// unread bytes would reset the connection and take the answer along.
void TurnAway(const UniqueFd& client) {
  static constexpr std::string_view kAnswer =
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\n"
      "Content-Length: 32\r\nRetry-After: 1\r\nConnection: close\r\n\r\n{\"error\":\"Too many connections\"}";
  std::array<char, 16uz * 1024> waste;
  (void)::recv(client.get(), waste.data(), waste.size(), MSG_DONTWAIT);
  (void)::send(client.get(), kAnswer.data(), kAnswer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  ::shutdown(client.get(), SHUT_WR);
}

bool IsPassing(int error) {
  return error == EINTR || error == ECONNABORTED || error == EPROTO || error == ENETDOWN ||
         error == EHOSTUNREACH;
}

}  // namespace

Result<UniqueFd> BindTcp(const std::string& address, std::uint16_t port) {
  const auto endpoint = EndpointOf(address, port);
  if (!endpoint) return std::unexpected(endpoint.error());
  return Bind(*endpoint);
}

/// The accept loop and the list of connections. Connections are entered and left from any thread, everything
/// else happens on the strand.
class HttpServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(const asio::any_io_executor& executor, ServerOptions options, Router router)
      : executor_(executor),
        strand_(asio::make_strand(executor)),
        acceptor_(strand_),
        pause_(strand_),
        context_(std::make_shared<const HttpContext>(HttpContext{std::move(options), std::move(router)})) {}

  Result<void> open() {
    const auto endpoint = EndpointOf(options().address, options().port);
    if (!endpoint) return std::unexpected(endpoint.error());
    Result<UniqueFd> fd = options().bound ? std::move(*options().bound) : Bind(*endpoint);
    if (!fd) return std::unexpected(fd.error());
    if (::listen(fd->get(), options().backlog) != 0)
      return FailErrno("cannot listen on " + Where(*endpoint), errno, ErrorCode::kUnavailable);
    boost::system::error_code error;
    acceptor_.assign(endpoint->protocol(), fd->get(), error);
    if (error) return Fail(ErrorCode::kUnavailable, "cannot watch the listening socket: " + error.message());
    (void)fd->release();  // the acceptor's now
    port_ = acceptor_.local_endpoint(error).port();
    return {};
  }

  void start() {
    asio::co_spawn(
        strand_, [self = shared_from_this()] { return self->accept_loop(); },
        [self = shared_from_this()](const std::exception_ptr&) {});
  }

  std::uint16_t port() const { return port_; }

  std::size_t connections() const {
    const std::lock_guard lock(mutex_);
    return connections_.size();
  }

  /// Ends everything without waiting. Thread-safe.
  void abandon() {
    asio::post(strand_, [self = shared_from_this()] {
      self->begin_stop();
      for (const auto& connection : self->all()) connection->kill();
    });
  }

  asio::awaitable<void> stop(std::chrono::milliseconds grace) {
    // The caller may run elsewhere; the rest belongs on the strand.
    co_await asio::co_spawn(
        strand_, [self = shared_from_this(), grace] { return self->stop_on_strand(grace); },
        asio::use_awaitable);
  }

 private:
  const ServerOptions& options() const { return context_->options; }

  asio::awaitable<void> accept_loop() {
    bool complained = false;
    while (!stopping_) {
      UniqueFd client(::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (client) {
        complained = false;
        admit(std::move(client));
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        co_await acceptor_.async_wait(Tcp::acceptor::wait_read, kToken);
      } else if (!IsPassing(errno)) {
        // Out of descriptors or memory: the client waits in the backlog until there are some again.
        if (!complained) log(std::string("cannot accept connections for now: ") + std::strerror(errno));
        complained = true;
        pause_.expires_after(kAcceptPause);
        co_await pause_.async_wait(kToken);
      }
    }
  }

  void admit(UniqueFd client) {
    if (connections() >= options().max_connections) return TurnAway(client);
    Tcp::socket socket(asio::make_strand(executor_));
    boost::system::error_code error;
    socket.assign(acceptor_.local_endpoint(error).protocol(), client.get(), error);
    if (error) return log("cannot watch a connection: " + error.message());
    (void)client.release();  // the socket's now
    socket.set_option(Tcp::no_delay(true), error);
    auto connection = std::make_shared<HttpConnection>(std::move(socket), context_);
    {
      const std::lock_guard lock(mutex_);
      connections_.emplace(connection.get(), connection);
    }
    connection->start([self = shared_from_this(), key = connection.get()] { self->remove(key); });
  }

  void remove(const HttpConnection* key) {
    const std::lock_guard lock(mutex_);
    connections_.erase(key);
    if (!connections_.empty() || !stopping_) return;
    asio::post(strand_, [self = shared_from_this()] {
      for (asio::steady_timer* waiter : self->waiters_) waiter->cancel();
    });
  }

  std::vector<std::shared_ptr<HttpConnection>> all() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<HttpConnection>> alive;
    for (const auto& [key, weak] : connections_) {
      if (auto connection = weak.lock()) alive.push_back(std::move(connection));
    }
    return alive;
  }

  void begin_stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    for (const auto& connection : all()) connection->begin_stop();
  }

  asio::awaitable<void> stop_on_strand(std::chrono::milliseconds grace) {
    begin_stop();
    if (co_await wait_until_empty(Clock::now() + grace)) co_return;
    for (const auto& connection : all()) connection->kill();
    co_await wait_until_empty(Clock::now() + kAfterKill);
  }

  // Each waiter has a timer of its own; the last connection to go cancels them all.
  asio::awaitable<bool> wait_until_empty(Clock::time_point deadline) {
    asio::steady_timer timer(strand_, deadline);
    const auto forget = [this](asio::steady_timer* gone) { std::erase(waiters_, gone); };
    waiters_.push_back(&timer);
    const std::unique_ptr<asio::steady_timer, decltype(forget)> registered(&timer,
                                                                           forget);  // cancelled or not
    while (connections() > 0 && Clock::now() < deadline) co_await timer.async_wait(kToken);
    co_return connections() == 0;
  }

  void log(std::string_view text) const {
    if (options().log) options().log(text);
  }

  asio::any_io_executor executor_;
  asio::strand<asio::any_io_executor> strand_;
  Tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  std::shared_ptr<const HttpContext> context_;
  std::uint16_t port_ = 0;
  std::vector<asio::steady_timer*> waiters_;
  mutable std::mutex
      mutex_;  // guards what follows; stopping_ is changed on the strand only, so read there without
  std::unordered_map<const HttpConnection*, std::weak_ptr<HttpConnection>> connections_;
  bool stopping_ = false;
};

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() {
  impl_->abandon();
}

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const asio::any_io_executor& executor,
                                                      ServerOptions options, Router router) {
  auto impl = std::make_shared<Impl>(executor, std::move(options), std::move(router));
  if (const Result<void> opened = impl->open(); !opened) return std::unexpected(opened.error());
  impl->start();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

std::uint16_t HttpServer::port() const {
  return impl_->port();
}

std::size_t HttpServer::connections() const {
  return impl_->connections();
}

asio::awaitable<void> HttpServer::stop(std::chrono::milliseconds grace) {
  return impl_->stop(grace);
}

}  // namespace codeapi
