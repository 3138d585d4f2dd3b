// Amazon's request signatures, version 4.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http_message.h"

namespace codeapi {

/// What signs requests. Belongs in no log.
struct AwsCredentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  ///< empty for long-lived keys

  friend bool operator==(const AwsCredentials&, const AwsCredentials&) = default;
};

/// Names and values before encoding, in any order.
using AwsQuery = std::vector<std::pair<std::string, std::string>>;

/// What of a request is signed.
struct AwsRequest {
  std::string method;
  std::string path =
      "/";  ///< encoded as it is sent (AwsEncode); S3 wants it once, and takes no dot segments away
  AwsQuery query;
  Headers headers;           ///< all that are to be signed; must have Host and X-Amz-Date
  std::string payload_hash;  ///< hex SHA-256 of the body, or kAwsUnsignedPayload
};

/// Where a signature is valid.
struct AwsScope {
  std::string region;
  std::string service;
};

inline constexpr std::string_view kAwsUnsignedPayload = "UNSIGNED-PAYLOAD";
inline constexpr std::string_view kAwsEmptyPayload =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";  ///< SHA-256 of nothing

/// Percent-encodes all but A-Z a-z 0-9 `-._~` (and `/` if it is to stay), with upper-case digits.
std::string AwsEncode(std::string_view text, bool keep_slashes);

/// The query as it is signed and can be sent: encoded and sorted, without `?`.
std::string AwsQueryString(const AwsQuery& query);

/// "20130524T000000Z", for X-Amz-Date.
std::string AwsTime(std::chrono::system_clock::time_point time);

/// The value of the Authorization header. Pure.
std::string AwsAuthorization(const AwsRequest& request, const AwsCredentials& credentials,
                             const AwsScope& scope);

/// Lower-case hex SHA-256.
std::string Sha256Hex(std::span<const char> data);

}  // namespace codeapi
