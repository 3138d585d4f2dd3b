// Takes requests off a connection: the header at once, the body as the handler asks for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "net/http_message.h"
#include "net/http_server.h"
#include "net/timed_socket.h"

namespace codeapi {

/// Why there is no request. Status 0: the client left or never spoke, there is nobody to answer.
struct HttpProblem {
  int status = 0;
  std::string_view text;
};

/// Parses with Beast and refuses what Beast lets pass but proxies read differently (request smuggling). Holds
/// what was read ahead, so one reader serves a connection's whole life. On the connection's strand only.
class HttpRequestReader : public BodyReader {
 public:
  /// `on_body_end` is called whenever the last byte of a body has been taken.
  HttpRequestReader(TimedSocket& socket, const ServerOptions& options, std::function<void()> on_body_end);

  /// Waits for the next header and fills `request`. The body before it must be finished. `first` says that
  /// the connection is fresh, so that it may not idle. Returns nothing when all is well.
  asio::awaitable<std::optional<HttpProblem>> read_header(Request& request, bool first);

  /// Whether no byte of a next request has come.
  bool idle() const { return idle_; }

  /// Whether the client lets the connection live after this request.
  bool keep_alive() const { return keep_alive_ && !failed_; }
  bool http11() const { return http11_; }

  /// Whether the client went before its body was whole.
  bool client_left() const { return failed_ && failed_->code == ErrorCode::kCancelled; }

  /// Whether the body was taken whole (there may have been none).
  bool body_done() const { return done_; }

  /// Whether what is left of the body is known to be small enough to be thrown away.
  bool rest_is_small() const;

  /// Whether the client waits for a 100-continue that it has not got, so that its body may never come.
  bool awaits_continue() const { return expect_continue_; }

  /// Whether bytes behind the current request have been read already.
  bool has_more() const { return buffer_.size() > 0; }

  /// Throws the rest of the body away, if it is small and comes soon. Whether the connection can be used on.
  asio::awaitable<bool> drain();

  asio::awaitable<Result<std::size_t>> read(std::span<char> into) override;
  std::optional<std::uint64_t> length() const override;

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;
  using Clock = TimedSocket::Clock;

  void reset();
  bool skip_blank_lines();
  std::optional<HttpProblem> parse_header();
  std::optional<HttpProblem> take_header(Request& request);
  asio::awaitable<std::optional<HttpProblem>> fill_header(Clock::time_point deadline);
  asio::awaitable<Result<std::size_t>> read_plain(std::span<char> into);
  asio::awaitable<Result<std::size_t>> read_chunked(std::span<char> into);
  Result<std::size_t> parse_chunks(std::span<char> into);
  asio::awaitable<Result<void>> send_continue();
  void finish_body();

  TimedSocket& socket_;
  const ServerOptions& options_;
  std::function<void()> on_body_end_;
  std::function<void(std::uint64_t, boost::beast::string_view, boost::system::error_code&)> check_chunk_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  std::optional<Clock::time_point> drain_deadline_;
  std::optional<Error> failed_;
  std::size_t header_bytes_ = 0;
  std::size_t blank_bytes_ = 0;
  std::uint64_t chunk_bytes_ = 0;  ///< of the body as it was sent
  std::uint64_t chunk_data_ = 0;   ///< of the body itself
  std::uint64_t length_ = 0;
  std::uint64_t remaining_ = 0;
  bool chunked_ = false;
  bool done_ = true;
  bool idle_ = true;
  bool keep_alive_ = true;
  bool http11_ = true;
  bool expect_continue_ = false;
};

}  // namespace codeapi
