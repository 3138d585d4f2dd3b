// An HTTP/1.1 server: accepts, limits, routes, answers, and stops gracefully.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "base/unique_fd.h"
#include "net/router.h"

namespace codeapi {

/// A TCP socket bound to a numeric address and a port, which nobody can connect to before a server listens on
/// it. Errors: kInvalid for a bad address, kUnavailable when it cannot be bound.
Result<UniqueFd> BindTcp(const std::string& address, std::uint16_t port);

/// How a server listens and what it takes from its clients.
struct ServerOptions {
  std::string address = "127.0.0.1";  ///< numeric IPv4 or IPv6 address to listen on
  std::uint16_t port = 0;             ///< 0 takes a free one, see HttpServer::port()
  int backlog = 1024;
  /// BindTcp()'s answer for this address and port, which is taken; empty: the server binds one itself.
  std::shared_ptr<UniqueFd> bound;

  std::size_t max_connections = 4096;          ///< one more is answered 503 and closed
  std::size_t max_header_bytes = 64uz * 1024;  ///< request line and fields together; more is 431

  /// A connection's first request, or the rest of a later one after its first byte, must have its whole
  /// header within this; otherwise 408 and close.
  std::chrono::milliseconds header_timeout = std::chrono::seconds(30);
  std::chrono::milliseconds keep_alive_timeout = std::chrono::seconds(75);  ///< idle between two requests
  std::chrono::milliseconds body_timeout = std::chrono::seconds(30);        ///< a body without any progress
  std::chrono::milliseconds write_timeout = std::chrono::seconds(30);  ///< a response without any progress
  /// How long an answered client may still send before the connection is really closed. Closing at once would
  /// reset it and could take the answer away before it is read.
  std::chrono::milliseconds linger_timeout = std::chrono::seconds(2);

  /// Told, in a sentence, what the operator should know: a handler that threw, an accept that failed. May be
  /// called from any thread that runs the server.
  std::function<void(std::string_view)> log;

  /// Told of every request when its response has ended, with the status that was sent; 499 if the client left
  /// (or stop() gave it up) before it had the whole response, 500 if a response body failed half-way. Of a
  /// request that could not be parsed there may be nothing but the peer and the status. May be called from
  /// any thread that runs the server.
  std::function<void(const Request&, int status)> observe;
};

/// A server with its connections, each on a strand of its own of the executor it was given. All methods are
/// thread-safe.
class HttpServer {
 public:
  /// Binds, listens and begins to accept. Errors: kInvalid for a bad address, kUnavailable when it cannot be
  /// bound (the message names address and reason).
  static Result<std::unique_ptr<HttpServer>> Start(const asio::any_io_executor& executor,
                                                   ServerOptions options, Router router);

  /// Stops at once, as stop(0) does, but waits for nothing: a handler may still run until it notices. The
  /// router lives until the last one has ended.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// The port it listens on.
  std::uint16_t port() const;

  /// Connections that are open now.
  std::size_t connections() const;

  /// Stops: accepts no more, closes idle connections at once, lets running requests finish (their responses
  /// carry `Connection: close`) for at most `grace`, then cancels what is left and closes its connection.
  /// Returns as soon as nothing is left, and at the latest a second after `grace`, even when a handler
  /// ignores its cancellation. May be called more than once; the executor has to keep running meanwhile.
  asio::awaitable<void> stop(std::chrono::milliseconds grace);

 private:
  class Impl;
  explicit HttpServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace codeapi
