// Which bucket, where, and with what patience.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/settings.h"
#include "net/http_client.h"
#include "store/aws_sigv4.h"
#include "store/s3_credentials.h"

namespace codeapi {

/// How often and how long a request is repeated when the server is away or asks for patience. Between two
/// attempts lies a random time between nothing and a bound that doubles from `base` to `cap` (full jitter).
struct S3Retry {
  int attempts = 5;  ///< 1 to 100
  std::chrono::milliseconds base{100};
  std::chrono::milliseconds cap{5'000};
  std::chrono::milliseconds total{120'000};  ///< for all attempts of one request and the pauses between them
};

struct S3Options {
  std::string host = "localhost";  ///< name or address of the endpoint
  std::uint16_t port = 9000;       ///< 0: the scheme's own
  bool use_ssl = false;
  std::string bucket;
  std::string region = "us-east-1";
  S3Addressing addressing = S3Addressing::kAuto;
  bool create_bucket = true;  ///< make the bucket at start if it is missing

  AwsCredentials keys;                             ///< unless there is a web identity
  std::optional<WebIdentityOptions> web_identity;  ///< a role to take on instead

  S3Retry retry;
  std::size_t part_size = 8uz << 20;  ///< of the first parts of a large object; Amazon takes none below 5 MiB
  std::size_t parallel_stats = 8;     ///< requests at once for the objects of one list, 1 to 64
  HttpClientOptions http;
};

/// What the settings say. Nothing is checked beyond what Settings::Load() does; S3ObjectStore::Open() does
/// it.
S3Options MakeS3Options(const Settings& settings);

/// Where requests go.
struct S3Address {
  std::string base;    ///< scheme, host and port of every URL
  std::string host;    ///< value of the Host header
  std::string prefix;  ///< begins every path: "/bucket", or empty if the bucket is in the host name
  bool amazon = false;
};

/// kInvalid unless host, bucket, region and numbers make sense.
Result<S3Address> ResolveS3Address(const S3Options& options);

}  // namespace codeapi
