// A TCP socket whose every wait has an end.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

namespace codeapi {

namespace asio = boost::asio;

/// Reads and writes with deadlines; a missed one is `asio::error::timed_out`. One operation at a time, all of
/// it on the socket's own executor (a strand). Held by a shared_ptr, since its timer outlives a call.
///
/// One timer serves the connection's whole life: a deadline further away than what the timer is set to costs
/// an assignment, and the timer finds out when it fires.
class TimedSocket : public std::enable_shared_from_this<TimedSocket> {
 public:
  using Clock = std::chrono::steady_clock;
  using error_code = boost::system::error_code;

  struct ReadResult {
    error_code error;
    std::size_t size = 0;
  };

  explicit TimedSocket(asio::ip::tcp::socket socket);

  /// Reads what is there, at least one byte, waiting until `deadline`. The peer's end is `asio::error::eof`.
  asio::awaitable<ReadResult> read_some(asio::mutable_buffer into, Clock::time_point deadline);

  /// Writes all of `buffers` (whose elements it uses up), as long as each step makes progress within `idle`.
  asio::awaitable<error_code> write_all(std::span<asio::const_buffer> buffers,
                                        std::chrono::milliseconds idle);

  /// Calls `on_readable` once when there is something to read, the peer's end and errors included; never
  /// after close(). Operations meanwhile are allowed.
  void when_readable(std::function<void()> on_readable);

  enum class Peer { kSilent, kSending, kGone };

  /// What is waiting to be read, without waiting or reading it.
  Peer peek();

  /// Tells the peer that nothing more will come.
  void shutdown_send();

  /// Closes; operations under way end with `operation_aborted`.
  void close();

  /// Closes with a reset, so that the peer cannot take what it got for all there is.
  void abort();

  asio::ip::tcp::socket& socket() { return socket_; }

 private:
  void arm(Clock::time_point deadline);
  void disarm() { armed_ = false; }
  void schedule();
  void on_timer();

  asio::ip::tcp::socket socket_;
  asio::steady_timer timer_;
  Clock::time_point deadline_;
  std::uint64_t generation_ = 0;  // of the wait on the timer, to know an outdated one
  bool timer_pending_ = false;
  bool armed_ = false;
  bool expired_ = false;
};

}  // namespace codeapi
