// One client's connection: its requests one after the other, and what happens when it leaves.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "net/http_request_reader.h"
#include "net/http_server.h"
#include "net/router.h"
#include "net/timed_socket.h"

namespace codeapi {

/// What all connections of a server share; never changes.
struct HttpContext {
  ServerOptions options;
  Router router;
};

/// Theory of operation. One coroutine reads a request, runs the handler, writes the response, and begins
/// again. It is spawned with a cancellation slot, so that a hang-up reaches whatever the handler waits for
/// just then.
///
/// A socket tells of a hang-up only to someone who reads it. Once a request's body is in, a wait for
/// readability stands beside the handler; when it fires, a peek tells a departed client (cancel) from one
/// that sends its next request early (stop watching; the bytes stay in the kernel). A wait that is still
/// standing when the handler has ended is left there: it fires with the next request and is ignored.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  /// `socket`'s executor must be a strand.
  HttpConnection(asio::ip::tcp::socket socket, std::shared_ptr<const HttpContext> context);

  /// Runs until the connection ends; then `on_end` is called on the strand, once. Thread-safe.
  void start(std::function<void()> on_end);

  /// Ends the connection: at once if it is idle, otherwise after the response under way. Thread-safe.
  void begin_stop();

  /// Cancels the handler and closes. Thread-safe.
  void kill();

 private:
  asio::awaitable<void> run();
  asio::awaitable<bool> serve(bool first);
  asio::awaitable<Response> handle(Request& request);
  asio::awaitable<bool> respond(const Request& request, Response response, int& status);
  asio::awaitable<void> refuse(Request& request, HttpProblem problem);
  asio::awaitable<void> linger();
  void watch();
  void on_readable();
  void cancel();
  void finish(const std::exception_ptr& failure, const std::function<void()>& on_end);
  void log(std::string_view text) const;

  std::shared_ptr<const HttpContext> context_;
  std::shared_ptr<TimedSocket> socket_;
  asio::cancellation_signal cancellation_;
  HttpRequestReader reader_;
  std::string remote_address_;
  std::uint16_t remote_port_ = 0;
  bool handling_ = false;     // a handler or its body source runs
  bool watching_ = false;     // a hang-up cancels it
  bool wait_stands_ = false;  // a wait for readability is under way
  bool stopping_ = false;
  bool lingering_ = false;
  bool gone_ = false;  // nobody is left to answer
};

}  // namespace codeapi
