// What a handler gets and gives: HTTP requests and responses, without the wire.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/json/value.hpp>

#include "base/result.h"
#include "base/trace.h"

namespace codeapi {

namespace asio = boost::asio;

/// Header fields in the order they came; names compare without case. Not thread-safe.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;

  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  /// The first value of `name`; empty when there is none. Valid until the next change.
  std::string_view get(std::string_view name) const;

  /// How many fields are called `name`.
  std::size_t count(std::string_view name) const;

  /// Whether there is at least one field called `name`.
  bool has(std::string_view name) const { return count(name) > 0; }

  /// Adds a field, whether or not one of this name exists.
  void add(std::string name, std::string value);

  /// Makes `value` the only value of `name`.
  void set(std::string name, std::string value);

  /// Every field, in order.
  const std::vector<Field>& all() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

/// Names and decoded values, in order: a query string or the parameters of a path. Not thread-safe.
class Params {
 public:
  using Param = std::pair<std::string, std::string>;

  /// The first value of `name`, or nothing. Valid until the next change.
  std::optional<std::string_view> find(std::string_view name) const;

  /// The first value of `name`; empty when there is none.
  std::string_view get(std::string_view name) const { return find(name).value_or(std::string_view{}); }

  /// Appends a parameter.
  void add(std::string name, std::string value);

  /// Every parameter, in order.
  const std::vector<Param>& all() const { return params_; }

 private:
  std::vector<Param> params_;
};

/// Parses `a=1&b=%20x`: names and values percent-decoded, `+` is a space, a name without `=` has an empty
/// value.
Params ParseQuery(std::string_view query);

/// The body of a request, read as it arrives; nothing is kept. All calls must come from the handler's own
/// executor, one at a time.
///
/// Errors: kInvalid when the client framed the body wrongly, kDeadline when it made no progress for the
/// server's body timeout, kCancelled when it went away. After an error every further read fails the same way
/// and the connection ends with the response.
class BodyReader {
 public:
  virtual ~BodyReader() = default;

  /// Reads at least one byte into a non-empty `into`; 0 is the end of the body. The first read lets a client
  /// that sent `Expect: 100-continue` go on.
  virtual asio::awaitable<Result<std::size_t>> read(std::span<char> into) = 0;

  /// Bytes of the whole body as announced by Content-Length (0 without a body); nothing when it comes in
  /// chunks.
  virtual std::optional<std::uint64_t> length() const = 0;

  /// The rest of the body. kTooLarge when it has more than `limit` bytes; a body announced as larger is
  /// refused without reading it (and without inviting it by 100-continue).
  asio::awaitable<Result<std::string>> read_all(std::size_t limit);
};

/// A response body that is produced while it is sent. Called only from the connection's executor, one call at
/// a time.
class BodySource {
 public:
  virtual ~BodySource() = default;

  /// Puts at least one byte into `into` and says how many; 0 is the end. After an error the connection is
  /// closed without the clean end that HTTP has, so the client sees a broken answer, never a short one that
  /// looks whole. The status line waits for the first call, so an error there still becomes a clean 500. The
  /// error's message goes to the log only. Cancelled as a handler is (see Handler) when the client goes.
  virtual asio::awaitable<Result<std::size_t>> read(std::span<char> into) = 0;

  /// How many bytes will come, if that is known. Then the response has a Content-Length, a source that ends
  /// early has failed, and no more than this is asked of it; otherwise the body is sent in chunks. Asked
  /// once.
  virtual std::optional<std::uint64_t> length() const { return std::nullopt; }
};

/// One request. Lives until its response has been sent, so a BodySource may refer to it.
struct Request {
  explicit Request(BodyReader& reader) : body(reader) {}
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  std::string id;  ///< names it in logs and in X-Request-ID: the client's own if that can be used, else made
  TraceContext trace;  ///< our hop of the trace that its traceparent names, or of one of its own
  std::string method;  ///< as sent: "GET"
  std::string target;  ///< as sent: "/v1/download/a/b%20c?kind=user"
  std::string path;    ///< the target's path, still percent-encoded: "/v1/download/a/b%20c"
  Params query;        ///< decoded
  Headers headers;
  Params params;           ///< decoded values of the `{…}` segments of the route; set by the router
  std::string_view route;  ///< the template that matched, "/v1/download/{session}/{file}"; empty if none did
  std::string remote_address;  ///< numeric address of the peer
  std::uint16_t remote_port = 0;
  std::chrono::steady_clock::time_point started;  ///< when its header had arrived
  BodyReader& body;

  /// The first header called `name`, without case; empty when there is none.
  std::string_view header(std::string_view name) const { return headers.get(name); }

  /// The media type of Content-Type in lower case and without parameters; empty when there is none.
  std::string media_type() const;
};

/// The id of a request whose X-Request-ID is `sent`: that, if it has 1 to 128 characters of
/// [A-Za-z0-9._:/+=-], else a fresh one. Anything else could break a log line or a header.
std::string RequestId(std::string_view sent);

/// What to answer. Content-Length, Transfer-Encoding, Connection, Date and X-Request-ID are the server's
/// business: such fields in `headers` are dropped. A header with a name or value that would break the framing
/// turns the response into a 500.
struct Response {
  int status = 200;
  Headers headers;
  std::variant<std::string, std::unique_ptr<BodySource>> body;
  bool close = false;  ///< end the connection after this response
};

/// What answers requests.
///
/// It runs on the executor of its connection (a strand, whose io_context many threads may serve), and is
/// resumed there. The Request outlives it. An exception that leaves it is logged and answered 500.
///
/// **Cancellation.** When the client hangs up after its whole body was read, or when a graceful stop has run
/// out of patience, the handler gets one asio cancellation of type `terminal` (the only kind a coroutine
/// accepts by default): the operation it waits for ends with `operation_aborted`, and so does every later
/// `co_await`, until it resets `asio::this_coro::reset_cancellation_state`. Nothing is sent then, whatever it
/// returns. A handler that ignores this simply runs on. A coroutine it started with `co_spawn(…,
/// use_awaitable)` or `||` is cancelled with it; a detached one is not. Clean up in destructors: a `co_await`
/// in the way out throws.
using Handler = std::function<asio::awaitable<Response>(Request&)>;

/// A response of JSON, `application/json; charset=utf-8`. Strings in `value` must be UTF-8.
Response JsonResponse(int status, const boost::json::value& value);

/// `{"error":"<text>"}`. The client sees `text`: no paths, no errno.
Response ErrorResponse(int status, std::string_view text);

/// A response of plain text, `text/plain; charset=utf-8` unless said otherwise.
Response TextResponse(int status, std::string text, std::string content_type = "text/plain; charset=utf-8");

/// The usual phrase for a status, "Not Found"; "Unknown" for one that has none.
std::string_view ReasonPhrase(int status);

}  // namespace codeapi
