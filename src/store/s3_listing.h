// What a bucket holds, page by page.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "store/s3_client.h"

namespace codeapi {

/// One answer to ListObjectsV2.
struct S3Page {
  std::vector<std::string> keys;
  std::vector<std::string> prefixes;  ///< with the delimiter
  std::string next;                   ///< continuation token; empty: that was all
};

/// kUnavailable for what is not such an answer.
Result<S3Page> ParseS3Page(std::string_view body);

/// Every id of the session's objects, sorted; foreign keys are left out. kTooLarge beyond a million.
boost::asio::awaitable<Result<std::vector<std::string>>> ListS3Ids(S3Client& client, std::string session);

/// As ObjectStore::sessions().
boost::asio::awaitable<Result<std::vector<std::string>>> ListS3Sessions(S3Client& client, std::string after,
                                                                        std::size_t limit);

}  // namespace codeapi
