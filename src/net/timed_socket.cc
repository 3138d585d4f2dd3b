#include "net/timed_socket.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace codeapi {
namespace {

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);

// Drops the first `done` bytes of `buffers` and returns what is left of them.
std::span<asio::const_buffer> Advance(std::span<asio::const_buffer> buffers, std::size_t done) {
  while (!buffers.empty() && done >= buffers.front().size()) {
    done -= buffers.front().size();
    buffers = buffers.subspan(1);
  }
  if (!buffers.empty()) buffers.front() += done;
  return buffers;
}

}  // namespace

TimedSocket::TimedSocket(asio::ip::tcp::socket socket)
    : socket_(std::move(socket)), timer_(socket_.get_executor()) {}

asio::awaitable<TimedSocket::ReadResult> TimedSocket::read_some(asio::mutable_buffer into,
                                                                Clock::time_point deadline) {
  arm(deadline);
  const auto [error, size] = co_await socket_.async_read_some(into, kToken);
  disarm();
  if (error && expired_) co_return ReadResult{asio::error::timed_out, 0};
  co_return ReadResult{error, size};
}

asio::awaitable<TimedSocket::error_code> TimedSocket::write_all(std::span<asio::const_buffer> buffers,
                                                                std::chrono::milliseconds idle) {
  buffers = Advance(buffers, 0);
  while (!buffers.empty()) {
    arm(Clock::now() + idle);
    const auto [error, size] = co_await socket_.async_write_some(buffers, kToken);
    disarm();
    if (error) co_return expired_ ? error_code(asio::error::timed_out) : error;
    buffers = Advance(buffers, size);
  }
  co_return error_code();
}

void TimedSocket::when_readable(std::function<void()> on_readable) {
  socket_.async_wait(asio::ip::tcp::socket::wait_read,
                     [self = shared_from_this(), on_readable = std::move(on_readable)](error_code) {
                       if (self->socket_.is_open()) on_readable();
                     });
}

TimedSocket::Peer TimedSocket::peek() {
  char byte = 0;
  const ssize_t got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got > 0) return Peer::kSending;
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return Peer::kSilent;
  return Peer::kGone;
}

void TimedSocket::shutdown_send() {
  error_code ignored;  // a peer that is gone already needs no telling
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

void TimedSocket::close() {
  ++generation_;
  timer_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

void TimedSocket::abort() {
  error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  close();
}

void TimedSocket::arm(Clock::time_point deadline) {
  deadline_ = deadline;
  armed_ = true;
  expired_ = false;
  if (!timer_pending_ || deadline < timer_.expiry()) schedule();
}

void TimedSocket::schedule() {
  timer_pending_ = true;
  timer_.expires_at(deadline_);
  timer_.async_wait([self = shared_from_this(), generation = ++generation_](error_code) {
    if (generation == self->generation_) self->on_timer();
  });
}

void TimedSocket::on_timer() {
  timer_pending_ = false;
  if (!armed_) return;
  if (Clock::now() < deadline_) return schedule();
  expired_ = true;
  error_code ignored;
  socket_.cancel(ignored);
}

}  // namespace codeapi
