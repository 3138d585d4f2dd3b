// libcurl's multi interface driven by Asio.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include "base/result.h"
#include "net/http_client.h"
#include "net/http_transfer.h"

namespace codeapi {

/// Theory of operation. libcurl says which of its sockets it watches and when it wants to be called again.
/// The sockets go into an epoll set of the loop's own, and Asio watches that set: so no socket of libcurl
/// ever belongs to Asio, which would have to be told before libcurl closes it. Everything happens on one
/// strand. While there is no transfer nothing is pending, so an idle client keeps no execution context
/// running.
///
/// The public functions are thread-safe and return at once.
class CurlLoop : public std::enable_shared_from_this<CurlLoop> {
 public:
  /// As HttpClient::Make.
  static Result<std::shared_ptr<CurlLoop>> Make(const asio::any_io_executor& executor,
                                                const HttpClientOptions& options);
  ~CurlLoop();
  CurlLoop(const CurlLoop&) = delete;
  CurlLoop& operator=(const CurlLoop&) = delete;

  /// Begins the transfer, when there is room for it.
  void start(std::shared_ptr<HttpTransfer> transfer);

  /// Goes on with a transfer that was paused.
  void resume(std::shared_ptr<HttpTransfer> transfer);

  /// Ends the transfer if it has not ended yet.
  void abandon(std::shared_ptr<HttpTransfer> transfer);

  /// Ends all transfers, those that start later too.
  void close();

 private:
  using Clock = HttpTransfer::Clock;

  explicit CurlLoop(const asio::any_io_executor& executor, const HttpClientOptions& options);
  Result<void> open();

  template <typename F>
  void post(F&& work);

  static int OnSocket(CURL* easy, curl_socket_t socket, int what, void* self, void* known);
  static int OnTimer(CURLM* multi, long milliseconds, void* self);
  void enter(std::shared_ptr<HttpTransfer> transfer);
  void launch(HttpTransfer& transfer);
  void remove(HttpTransfer& transfer);
  void take_events();
  void act(curl_socket_t socket, int events);
  void settle();
  void watch_sockets();
  void schedule(long milliseconds);
  void watch_idlers();
  void end_idlers();

  asio::strand<asio::any_io_executor> strand_;
  HttpClientOptions options_;
  CURLM* multi_ = nullptr;
  asio::posix::stream_descriptor sockets_;  // an epoll set
  asio::steady_timer timer_;                // libcurl's
  asio::steady_timer tick_;                 // for idle transfers
  std::uint64_t timer_generation_ = 0;      // to know a wait that was outrun
  bool watching_ = false;
  bool ticking_ = false;
  bool closed_ = false;
  std::size_t running_ = 0;
  std::unordered_map<HttpTransfer*, std::shared_ptr<HttpTransfer>> transfers_;  // running and waiting ones
  std::deque<HttpTransfer*> waiting_;
};

}  // namespace codeapi
