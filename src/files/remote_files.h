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

/// What a RemoteObjectStore shares with its readers and writers. A copy with another `trace` is a view of the
/// same. Thread-safe.
struct RemoteFiles {
  boost::asio::any_io_executor executor;  ///< for uploads that run beside their writer
  std::shared_ptr<HttpClient> client;
  std::string url;    ///< without a slash at its end
  std::string token;  ///< empty: none is sent
  std::string trace;  ///< traceparent that is sent; empty: none is
  std::shared_ptr<std::atomic<bool>> closed = std::make_shared<std::atomic<bool>>(false);

  /// A request for `path` with the token and the trace.
  ClientRequest request(std::string method, std::string_view path) const;

  /// A PUT of one object, still without body.
  ClientRequest put(const ObjectKey& key, const ObjectMeta& meta) const;

  /// Sends a request without body and reads the answer; anything but 200 is an error, see AnswerError().
  boost::asio::awaitable<Result<std::string>> call(std::string method, std::string path) const;

  boost::asio::awaitable<Result<ObjectInfo>> stat(const ObjectKey& key) const;
};

/// `/sessions/<session>/objects/<id>`; both parts must be ids.
std::string ObjectPath(const ObjectKey& key);

/// An error of the connection as ObjectStore has it: a deadline that passed is kUnavailable.
Error ConnectionError(Error error);

/// What a status other than 200 means: kNotFound, kConflict, kTooLarge, kInvalid, else kUnavailable. `what`
/// is for the message.
Error AnswerError(const std::string& what, int status);

/// kUnavailable: the answer to `what` cannot be understood.
std::unexpected<Error> Senseless(const std::string& what);

/// Reads one object out of MetadataJson() or ObjectJson() with Detail::kFull. kUnavailable if it is none.
Result<ObjectInfo> ParseObjectJson(const boost::json::value& value);

/// Reads an object out of the headers of its GET. kUnavailable if that is not possible.
Result<ObjectInfo> ParseObjectHeaders(const ObjectKey& key, const Headers& headers);

}  // namespace codeapi
