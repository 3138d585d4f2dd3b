// Outgoing HTTP: requests to storage, to token services and to our own other processes.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <variant>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "net/http_message.h"

namespace codeapi {

class CurlLoop;

/// How a client behaves towards every server.
struct HttpClientOptions {
  std::string ca_file;  ///< PEM file of the authorities to trust; empty: the system's
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(5);  ///< name, TCP and TLS together
  /// Ends a transfer whose server neither takes nor sends a byte for this long, up to a quarter later. Time
  /// in which the server waits for us does not count, time in the queue for a connection does.
  std::chrono::milliseconds idle_timeout = std::chrono::seconds(30);
  std::size_t max_transfers = 256;  ///< at once; more wait. A response that is not read to its end counts
  std::size_t max_idle_connections = 64;  ///< kept for later requests
};

/// What to send as body: bytes, bytes that the caller keeps (to repeat them), or what is read while it is
/// sent.
using ClientBody = std::variant<std::string, std::shared_ptr<const std::string>, std::unique_ptr<BodySource>>;

struct ClientRequest {
  std::string method = "GET";
  std::string url;  ///< http or https, percent-encoded; sent as it is
  Headers headers;  ///< Host, Content-Length and Transfer-Encoding come from the rest
  /// A BodySource is read on the executor of the coroutine that sends, one read at a time, and only as fast
  /// as the server takes it: with a Content-Length if it knows its length, else in chunks. It is not read
  /// further once the server has refused the request (a status from 400).
  ClientBody body;
  std::chrono::milliseconds total_timeout{0};  ///< from send() to the last byte of the response; 0: none
};

struct ClientResponse {
  int status = 0;
  Headers headers;
  /// The body as it arrives, with at most a few hundred KiB kept here. Destroying it early ends the transfer.
  /// Errors are those of HttpClient::send(); above all an end before the announced one is kUnavailable. It
  /// may be read from any executor and outlive the client.
  std::unique_ptr<BodyReader> body;
};

/// A response whose body was read to its end.
struct FetchedResponse {
  int status = 0;
  Headers headers;
  std::string body;
};

/// An HTTP/1.1 client with its connections, which are reused. Thread-safe; calls may come from any executor
/// and return to it. TLS is always verified, redirects are not followed, proxies and other settings from the
/// environment are ignored. The process must ignore SIGPIPE, which TLS connections to vanished servers raise.
///
/// Errors: kInvalid when the request cannot be sent as it is (URL, header), kUnavailable when the server
/// cannot be reached, leaves early or makes no sense, kDeadline when a timeout passed, kCancelled when the
/// calling coroutine is cancelled (asio's terminal cancellation); a body source's error is passed on. Except
/// in the last two cases nobody knows whether the server acted on a request that failed. A request on a
/// reused connection that was closed under it is sent once more, unless its body is a BodySource that was
/// read.
class HttpClient {
 public:
  /// Transfers run on a strand of `executor`. kUnavailable without descriptors, kInvalid for bad options.
  static Result<std::unique_ptr<HttpClient>> Make(const boost::asio::any_io_executor& executor,
                                                  HttpClientOptions options = {});

  /// Ends all transfers with kUnavailable, without waiting.
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Sends the request and its body and returns when the response's header is there. Cancelling the calling
  /// coroutine ends the transfer. A response needs a Content-Length or chunks, since without either nobody
  /// can tell its end from a failure; its header may have 64 KiB.
  boost::asio::awaitable<Result<ClientResponse>> send(ClientRequest request);

  /// The same and reads the body; kTooLarge if it has more than `limit` bytes.
  boost::asio::awaitable<Result<FetchedResponse>> fetch(ClientRequest request, std::size_t limit);

 private:
  HttpClient(std::shared_ptr<CurlLoop> loop, HttpClientOptions options);
  std::shared_ptr<CurlLoop> loop_;
  HttpClientOptions options_;
};

}  // namespace codeapi
