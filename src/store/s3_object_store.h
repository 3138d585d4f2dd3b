// ObjectStore in an S3 bucket.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "store/object_store.h"
#include "store/s3_options.h"

namespace codeapi {

struct S3Core;

/// Keeps objects in a bucket of Amazon S3 or of a server that speaks its protocol, as `<session>/<id>`. See
/// ObjectStore for the contract. What S3 makes different:
///
/// - A server that does not know `If-None-Match` on writes leaves a gap in which two writers of one key at
/// the
///   same moment may both succeed. Ids are random, so nobody should.
/// - remove() of one object by two callers at the same moment may succeed for both.
/// - Times are to the second.
/// - sessions() also names those below which only others' objects lie.
/// - Readers and writers may outlive the store, but not the execution context given to Open().
///
/// Memory: one part (8 MiB, more only beyond 600 MiB) for each writer, some 300 KiB for each reader.
class S3ObjectStore final : public ObjectStore {
 public:
  /// Looks for the bucket and makes it if it is missing and the options say so. kInvalid for options that
  /// cannot work, kUnavailable when the server is away, refuses our keys or has no such bucket. Connections
  /// are worked on a strand of `executor`, and so is what is cleaned up after failed writes.
  static boost::asio::awaitable<Result<std::unique_ptr<S3ObjectStore>>> Open(
      boost::asio::any_io_executor executor, S3Options options);
  ~S3ObjectStore() override;

  boost::asio::awaitable<Result<std::unique_ptr<ObjectWriter>>> create(ObjectKey key,
                                                                       ObjectMeta meta) override;
  boost::asio::awaitable<Result<std::unique_ptr<ObjectReader>>> open(ObjectKey key) override;
  boost::asio::awaitable<Result<ObjectInfo>> stat(ObjectKey key) override;
  boost::asio::awaitable<Result<std::vector<ObjectInfo>>> list(std::string session) override;
  boost::asio::awaitable<Result<std::vector<std::string>>> sessions(std::string after,
                                                                    std::size_t limit) override;
  boost::asio::awaitable<Result<void>> remove(ObjectKey key) override;
  boost::asio::awaitable<Result<void>> check() override;

 private:
  explicit S3ObjectStore(std::shared_ptr<S3Core> core);
  std::shared_ptr<S3Core> core_;
};

}  // namespace codeapi
