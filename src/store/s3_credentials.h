// Where the keys for S3 come from.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "net/http_client.h"
#include "store/aws_sigv4.h"

namespace codeapi {

/// Thread-safe: any number of calls from any executors.
class AwsCredentialsProvider {
 public:
  virtual ~AwsCredentialsProvider() = default;

  /// Credentials that are valid now. kUnavailable when there are none; the message names what is missing and
  /// no secret.
  virtual boost::asio::awaitable<Result<AwsCredentials>> get() = 0;

  /// Says that a service took `refused` for expired, whatever was promised. The next get() asks for new ones
  /// if it can.
  virtual void expire(const AwsCredentials& refused) = 0;
};

/// Keys that never change.
std::shared_ptr<AwsCredentialsProvider> MakeStaticCredentials(AwsCredentials keys);

/// A role that is taken on with a token from a file, as in Kubernetes (IRSA).
struct WebIdentityOptions {
  std::string token_file;  ///< read again for every request, since it is replaced now and then
  std::string role_arn;
  std::string sts_url;  ///< of the token service, "https://sts.eu-west-3.amazonaws.com"
  std::string session_name = "codeapi";
  std::chrono::seconds refresh_before{
      300};                              ///< new credentials are fetched this long before the old ones end
  std::chrono::seconds retry_after{30};  ///< pause between attempts while the old ones are still good
  int attempts = 3;                      ///< of one refresh
  std::chrono::milliseconds backoff{
      200};  ///< before the second attempt, then twice as long, half of it random
  std::function<std::chrono::system_clock::time_point()> now = &std::chrono::system_clock::now;
};

/// Credentials by STS AssumeRoleWithWebIdentity. Only one request is under way at a time; while the old
/// credentials are good they are handed out without waiting for it, also when the token service is away.
/// Refreshes run on `executor`.
std::shared_ptr<AwsCredentialsProvider> MakeWebIdentityCredentials(
    const boost::asio::any_io_executor& executor, std::shared_ptr<HttpClient> http,
    WebIdentityOptions options);

}  // namespace codeapi
