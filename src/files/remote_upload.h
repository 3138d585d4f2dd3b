// Writes one object to a file server.
#pragma once

#include <memory>
#include <string>

#include "files/remote_files.h"

namespace codeapi {

struct UploadPipe;

/// See ObjectWriter. Up to 256 KiB are kept and sent by commit(); an object with more is sent while it is
/// written. Then at most twice as much is kept here, and write() waits for the server.
///
/// When the connection breaks after everything was sent, nobody knows whether the server has the object.
/// commit() looks then: an object of this key with this size and metadata is taken for ours, since ids are
/// not used twice. If the server is away or still busy with it, commit() fails and the object may be there
/// nevertheless.
class RemoteWriter final : public ObjectWriter {
 public:
  /// `put` is what RemoteFiles::put() made of the key and the meta.
  RemoteWriter(std::shared_ptr<RemoteFiles> files, ObjectKey key, ObjectMeta meta, ClientRequest put);
  ~RemoteWriter() override;

  asio::awaitable<Result<void>> write(std::span<const char> data) override;
  asio::awaitable<Result<ObjectInfo>> commit() override;

 private:
  asio::awaitable<Result<void>> push(std::span<const char> data);
  asio::awaitable<Result<ObjectInfo>> finish();
  void start();
  void end();

  std::shared_ptr<RemoteFiles> files_;
  ObjectKey key_;
  ObjectMeta meta_;
  ClientRequest put_;  // until it is sent
  std::string kept_;   // what is not yet given to the pipe
  std::uint64_t size_ = 0;
  std::shared_ptr<UploadPipe> pipe_;  // once the object is being sent
  bool ended_ = false;
};

}  // namespace codeapi
