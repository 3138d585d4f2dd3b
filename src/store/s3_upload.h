// Writing one object to S3.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "store/object_store.h"
#include "store/s3_client.h"
#include "store/sha256.h"

namespace codeapi {

/// What readers, writers and the store share.
struct S3Core {
  std::shared_ptr<S3Client> client;
  boost::asio::any_io_executor executor;  ///< for what is cleaned up behind the caller's back
  std::atomic<bool> closed = false;
  std::atomic<bool> no_conditions = false;  ///< the server has said that it does not know If-None-Match
};

/// The size of the n-th part (from 1) of a large object that begins with parts of `first` bytes. It grows, so
/// that the 10,000 parts that S3 allows make 5 TiB from 8 MiB: by `first` after every 76 parts.
std::size_t S3PartSize(std::size_t first, int number);

/// Theory of operation. Data is gathered until a part is full; an object that never fills one is a single
/// PUT, otherwise its parts are a multipart upload. A part is in memory until S3 has it, so it can be sent
/// again.
///
/// An object must not replace another one. `If-None-Match: *` makes S3 see to that, and for servers that
/// ignore it we look before (which leaves a gap between two writers of one key). Whether an object that is
/// there is ours, because an answer got lost, is told by a mark in its metadata that only this writer knows.
///
/// What is begun and not finished is aborted in the background. If that fails too, or this process ends
/// first, S3 keeps invisible parts: a bucket should have a lifecycle rule for incomplete uploads.
class S3Writer final : public ObjectWriter {
 public:
  S3Writer(std::shared_ptr<S3Core> core, ObjectKey key, ObjectMeta meta);
  ~S3Writer() override;

  boost::asio::awaitable<Result<void>> write(std::span<const char> data) override;
  boost::asio::awaitable<Result<ObjectInfo>> commit() override;

 private:
  boost::asio::awaitable<Result<void>> append(std::span<const char> data);
  boost::asio::awaitable<Result<ObjectInfo>> finish();
  boost::asio::awaitable<Result<void>> begin();
  boost::asio::awaitable<Result<void>> send_part();
  boost::asio::awaitable<Result<void>> refuse_existing();
  boost::asio::awaitable<Result<S3Answer>> seal();
  boost::asio::awaitable<Result<ObjectInfo>> look(const S3Answer& sealed);
  S3Call put_call();
  S3Call complete_call() const;
  S3Call call(std::string method, std::string verb) const;
  void end(bool stored);

  std::shared_ptr<S3Core> core_;
  ObjectKey key_;
  ObjectMeta meta_;
  std::string mark_;
  std::string buffer_;
  Sha256 hash_;
  std::uint64_t size_ = 0;
  std::string upload_;              // id of the multipart upload; empty: none
  std::vector<std::string> parts_;  // ETags
  bool ended_ = false;
  bool sealing_ = false;  // S3 may have the object although we heard of an error
};

}  // namespace codeapi
