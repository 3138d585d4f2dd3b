// Requests to a file server and what its answers mean.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/json/value.hpp>

#include "base/result.h"
#include "net/http_client.h"
#include "store/object_store.h"

namespace codeapi {

/// Where objects are asked for, and how one shows that one may, if not by their keys and the internal token.
/// Thread-safe.
class ObjectAddresses {
 public:
  virtual ~ObjectAddresses() = default;
  /// The path of an object. kForbidden for one that may not be asked for.
  virtual Result<std::string> PathOf(const ObjectKey& key) const = 0;
  /// Adds to a request what lets it pass.
  virtual void Sign(ClientRequest& request) const = 0;
};

/// What a RemoteObjectStore shares with its readers and writers. A copy with another `trace` is a view of the
/// same. Thread-safe.
struct RemoteFiles {
  boost::asio::any_io_executor executor;  ///< for uploads that run beside their writer
  std::shared_ptr<HttpClient> client;
  std::string url;                                   ///< without a slash at its end
  std::string token;                                 ///< empty: none is sent
  std::string trace;                                 ///< traceparent that is sent; empty: none is
  std::shared_ptr<const ObjectAddresses> addresses;  ///< none: keys and the token
  std::string who = "the file server";               ///< for messages
  std::shared_ptr<std::atomic<bool>> closed = std::make_shared<std::atomic<bool>>(false);

  /// Where an object is asked for.
  Result<std::string> path(const ObjectKey& key) const;

  /// A request for `path` with the token and the trace.
  ClientRequest request(std::string method, std::string_view path) const;

  /// A PUT of one object, still without body.
  Result<ClientRequest> put(const ObjectKey& key, const ObjectMeta& meta) const;

  /// Sends a request without body and reads the answer; anything but 200 is an error, see answer_error().
  boost::asio::awaitable<Result<std::string>> call(std::string method, std::string path) const;

  /// The same, for an object.
  boost::asio::awaitable<Result<std::string>> call(std::string method, ObjectKey key,
                                                   std::string_view more) const;

  /// What a status other than 200 means: kNotFound, kConflict, kTooLarge, kInvalid, kForbidden for what
  /// addresses do not reach, else kUnavailable. `what` is for the message.
  Error answer_error(const std::string& what, int status, const Headers& headers) const;

  /// An error of the connection as ObjectStore has it: a deadline that passed is kUnavailable.
  Error connection_error(Error error) const;

  boost::asio::awaitable<Result<ObjectInfo>> stat(const ObjectKey& key) const;
};

/// The header in which a gateway says in one word why it refuses.
inline constexpr std::string_view kRefusalHeader = "X-CodeAPI-Egress-Error";

/// `/sessions/<session>/objects/<id>`; both parts must be ids.
std::string ObjectPath(const ObjectKey& key);

/// kUnavailable: the answer to `what` cannot be understood.
std::unexpected<Error> Senseless(const std::string& what);

/// Reads one object out of MetadataJson() or ObjectJson() with Detail::kFull. kUnavailable if it is none.
Result<ObjectInfo> ParseObjectJson(const boost::json::value& value);

/// Reads an object out of the headers of its GET. kUnavailable if that is not possible.
Result<ObjectInfo> ParseObjectHeaders(const ObjectKey& key, const Headers& headers);

}  // namespace codeapi
