#include "net/http_connection.h"

#include <array>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/ids.h"
#include "net/http_response_writer.h"

namespace codeapi {
namespace {

// Tells of a request in whatever way its coroutine ends: cancelled, it ends by an exception.
struct Observation {
  const ServerOptions& options;
  const Request& request;
  int status = 499;  // unless something else is known by then, the client left

  Observation(const ServerOptions& server_options, const Request& seen)
      : options(server_options), request(seen) {}
  Observation(const Observation&) = delete;
  Observation& operator=(const Observation&) = delete;
  ~Observation() {
    if (options.observe) options.observe(request, status);
  }
};

}  // namespace

HttpConnection::HttpConnection(asio::ip::tcp::socket socket, std::shared_ptr<const HttpContext> context)
    : context_(std::move(context)),
      socket_(std::make_shared<TimedSocket>(std::move(socket))),
      reader_(*socket_, context_->options, [this] {
        if (handling_) watch();
      }) {
  boost::system::error_code error;
  const auto peer = socket_->socket().remote_endpoint(error);
  if (error) return;  // gone already; the first read will tell
  remote_address_ = peer.address().to_string();
  remote_port_ = peer.port();
}

void HttpConnection::start(std::function<void()> on_end) {
  asio::co_spawn(
      socket_->socket().get_executor(), [self = shared_from_this()] { return self->run(); },
      asio::bind_cancellation_slot(
          cancellation_.slot(), [self = shared_from_this(), on_end = std::move(on_end)](
                                    const std::exception_ptr& failure) { self->finish(failure, on_end); }));
}

void HttpConnection::begin_stop() {
  asio::post(socket_->socket().get_executor(), [self = shared_from_this()] {
    self->stopping_ = true;
    const bool idle = !self->handling_ && self->reader_.idle();
    if (idle || self->lingering_) self->socket_->close();
  });
}

void HttpConnection::kill() {
  asio::post(socket_->socket().get_executor(), [self = shared_from_this()] { self->cancel(); });
}

asio::awaitable<void> HttpConnection::run() {
  bool first = true;
  while (co_await serve(first)) first = false;
  // Closing with bytes unread resets the connection, and the client may lose the answer it has not read yet.
  const bool unread = !reader_.body_done() || reader_.has_more();
  if (unread && !gone_) co_await linger();
}

// One request and its response. Whether there may be another.
asio::awaitable<bool> HttpConnection::serve(bool first) {
  if (stopping_) co_return false;
  Request request(reader_);
  request.remote_address = remote_address_;
  request.remote_port = remote_port_;
  if (const auto problem = co_await reader_.read_header(request, first)) {
    if (problem->status != 0) co_await refuse(request, *problem);
    co_return false;
  }
  request.id = RequestId(request.header("X-Request-ID"));
  // Of several nobody knows which is meant.
  request.trace = TraceFrom(request.headers.count("traceparent") == 1 ? request.header("traceparent") : "");
  Observation observation(context_->options, request);
  handling_ = true;
  if (reader_.body_done()) watch();
  Response response = co_await handle(request);
  if (gone_) co_return false;
  // The handler may have bent these to its own wishes.
  co_await asio::this_coro::reset_cancellation_state();
  co_await asio::this_coro::throw_if_cancelled(true);
  const bool go_on = co_await respond(request, std::move(response), observation.status);
  handling_ = watching_ = false;
  co_return go_on && !gone_ && co_await reader_.drain();
}

asio::awaitable<Response> HttpConnection::handle(Request& request) {
  std::string thrown;
  try {
    co_return co_await context_->router.route(request);
  } catch (const std::exception& e) {
    thrown = e.what();
  } catch (...) {
    thrown = "something that is no exception";
  }
  log("a handler threw, request " + request.id + ": " + thrown);
  co_return ErrorResponse(500, "Internal server error");
}

asio::awaitable<bool> HttpConnection::respond(const Request& request, Response response, int& status) {
  // Text is sent without a watch: the write tells, and a client may close the moment it has all of it.
  if (std::holds_alternative<std::string>(response.body)) watching_ = false;
  response.headers.set("X-Request-ID", request.id);
  WriteTerms terms;
  terms.head = request.method == "HEAD";
  terms.http11 = reader_.http11();
  terms.keep_alive = reader_.keep_alive() && reader_.rest_is_small() && !stopping_;
  terms.idle_timeout = context_->options.write_timeout;
  terms.log = [this](std::string_view text) { log(text); };
  const WriteEnd end = co_await WriteResponse(*socket_, response, std::move(terms));
  if (end == WriteEnd::kReset) socket_->abort();
  const bool failed = end == WriteEnd::kFailed || end == WriteEnd::kReset;
  // An answer to half a request can be written to a closed connection well enough, but nobody has it.
  if (end != WriteEnd::kBroken && !reader_.client_left()) status = failed ? 500 : response.status;
  if (failed || end == WriteEnd::kBroken) gone_ = true;
  co_return end == WriteEnd::kKeep;
}

asio::awaitable<void> HttpConnection::refuse(Request& request, HttpProblem problem) {
  Response response = ErrorResponse(problem.status, problem.text);
  response.headers.set("X-Request-ID", NewId());
  WriteTerms terms;
  terms.keep_alive = false;
  terms.idle_timeout = context_->options.write_timeout;
  request.started = TimedSocket::Clock::now();
  WriteEnd end = WriteEnd::kBroken;
  {
    Observation observation(context_->options, request);
    end = co_await WriteResponse(*socket_, response, std::move(terms));
    if (end == WriteEnd::kClose) observation.status = problem.status;
  }
  if (end == WriteEnd::kClose) co_await linger();
  gone_ = true;
}

asio::awaitable<void> HttpConnection::linger() {
  lingering_ = true;
  socket_->shutdown_send();
  const auto deadline = TimedSocket::Clock::now() + context_->options.linger_timeout;
  std::string waste(16uz * 1024, '\0');
  // A client that keeps sending must not keep this going: every read has the same deadline, and a late one
  // ends it.
  while (TimedSocket::Clock::now() < deadline) {
    if ((co_await socket_->read_some(asio::buffer(waste), deadline)).error) break;
  }
}

void HttpConnection::watch() {
  watching_ = true;
  if (wait_stands_) return;
  wait_stands_ = true;
  socket_->when_readable([self = shared_from_this()] { self->on_readable(); });
}

void HttpConnection::on_readable() {
  wait_stands_ = false;
  if (!watching_) return;
  switch (socket_->peek()) {
    case TimedSocket::Peer::kSilent:
      return watch();
    case TimedSocket::Peer::kSending:
      watching_ = false;
      return;
    case TimedSocket::Peer::kGone:
      return cancel();
  }
}

void HttpConnection::cancel() {
  gone_ = true;
  watching_ = false;
  cancellation_.emit(asio::cancellation_type::terminal);
  socket_->close();
}

void HttpConnection::finish(const std::exception_ptr& failure, const std::function<void()>& on_end) {
  handling_ = watching_ = false;
  on_end();  // before the client can see the end, so that it finds its place free when it comes again
  socket_->close();
  if (!failure || gone_ || stopping_) return;  // a cancelled coroutine ends by an exception, and that is well
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& e) {
    log(std::string("a connection failed: ") + e.what());
  } catch (...) {
    log("a connection failed");
  }
}

void HttpConnection::log(std::string_view text) const {
  if (context_->options.log && !gone_) context_->options.log(text);
}

}  // namespace codeapi
