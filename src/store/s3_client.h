// Requests to one S3 bucket: signed, repeated while that can help, their failures understood.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "net/http_client.h"
#include "store/aws_sigv4.h"
#include "store/s3_credentials.h"
#include "store/s3_options.h"

namespace codeapi {

/// One request. It may be sent more than once, so it must mean the same the second time.
struct S3Call {
  std::string what;    ///< for messages: "put object a/b"
  std::string method;  ///< "GET"
  std::string key;     ///< of the object, not encoded; empty: the bucket
  AwsQuery query;
  Headers headers;                          ///< beyond those every request has
  std::shared_ptr<const std::string> body;  ///< may be null
  std::string payload_hash;                 ///< hex SHA-256 of the body; empty: computed
  bool once = false;                        ///< not to be repeated, and with five seconds only
  bool may_hold_error = false;  ///< a 200 may carry an error (or blanks and then nothing) in its body
};

struct S3Answer {
  int status = 0;
  Headers headers;
  std::string body;
  std::string code;  ///< S3's own code for the error, "NoSuchKey"; empty if it gave none
  /// An earlier attempt failed in such a way that the server may have done what it was asked.
  bool repeated = false;

  bool ok() const { return status >= 200 && status < 300 && code.empty(); }
};

/// Thread-safe. Calls complete on the caller's executor.
class S3Client {
 public:
  /// kInvalid for options that cannot work, kUnavailable without descriptors.
  static Result<std::shared_ptr<S3Client>> Make(const boost::asio::any_io_executor& executor,
                                                S3Options options);

  /// Sends and reads the whole answer (at most 16 MiB). Whatever the server says in the end is an answer,
  /// also when it refuses; an error (kUnavailable) means that there is none.
  boost::asio::awaitable<Result<S3Answer>> call(S3Call call);

  /// Sends and returns when the body of a 200 can be read; everything else is an error, see Failure().
  boost::asio::awaitable<Result<ClientResponse>> open(S3Call call);

  /// An error for an answer that is not what was wanted: kNotFound, kConflict (409, 412), kUnavailable (keys
  /// refused, server troubles, bucket missing) or kInternal.
  static Error Failure(const std::string& what, const S3Answer& answer);

  /// Ends repeating: calls fail with kUnavailable after the attempt under way.
  void stop() { stopped_ = true; }
  bool stopped() const { return stopped_; }

  const S3Options& options() const { return options_; }
  bool amazon() const { return address_.amazon; }

 private:
  S3Client(S3Options options, S3Address address);
  class Pace;
  boost::asio::awaitable<Result<ClientRequest>> sign(const S3Call& call, AwsCredentials& used);
  boost::asio::awaitable<Result<ClientResponse>> send(const S3Call& call, const Pace& pace,
                                                      AwsCredentials& used);
  boost::asio::awaitable<Result<S3Answer>> attempt(const S3Call& call, const Pace& pace);
  bool worth_repeating(const S3Answer& answer) const;

  S3Options options_;
  S3Address address_;
  std::shared_ptr<HttpClient> http_;
  std::shared_ptr<AwsCredentialsProvider> credentials_;
  std::atomic<bool> stopped_ = false;
};

}  // namespace codeapi
