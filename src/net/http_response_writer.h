// Puts a response on the wire.
#pragma once

#include <chrono>
#include <functional>
#include <string_view>

#include "net/http_message.h"
#include "net/timed_socket.h"

namespace codeapi {

/// What the request and the connection ask of the way a response is sent.
struct WriteTerms {
  bool head = false;                          ///< the request was HEAD: everything but the body
  bool http11 = true;                         ///< whether the client understands chunks
  bool keep_alive = true;                     ///< whether the connection may live on
  std::chrono::milliseconds idle_timeout{};   ///< a client that takes nothing for so long is given up
  std::function<void(std::string_view)> log;  ///< for what the client may not see; may be empty
};

/// How a response ended.
enum class WriteEnd {
  kKeep,    ///< whole; the connection can take the next request
  kClose,   ///< whole; the connection is to be closed
  kBroken,  ///< the client went: close at once
  kFailed,  ///< the source failed half-way: close at once
  kReset,   ///< the source failed and a plain close would look like a proper end: reset
};

/// Sends `response`, which must live until then. Its framing is decided here: Content-Length when the length
/// is known, chunks otherwise, and the end of the connection for HTTP/1.0.
asio::awaitable<WriteEnd> WriteResponse(TimedSocket& socket, Response& response, WriteTerms terms);

}  // namespace codeapi
