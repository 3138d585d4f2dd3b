// ObjectStore on a file server.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "net/http_client.h"
#include "store/object_store.h"

namespace codeapi {

struct RemoteFiles;

struct RemoteObjectStoreOptions {
  std::string url;    ///< of the file server: http or https, host, port, perhaps a path
  std::string token;  ///< CODEAPI_INTERNAL_SERVICE_TOKEN; empty: none is sent
  HttpClientOptions http;
};

/// Keeps objects on a file server (files/file_server.h). See ObjectStore for the contract, and RemoteWriter
/// for what a broken connection can leave open. A server that is away, refuses our token or makes no sense is
/// kUnavailable.
///
/// Memory: up to 512 KiB for each writer, some 300 KiB for each reader.
class RemoteObjectStore final : public ObjectStore {
 public:
  /// Does not speak to the server yet: check() does. Connections are worked on a strand of `executor`, whose
  /// context must outlive readers and writers too. kInvalid for a bad URL, kUnavailable without descriptors.
  static Result<std::unique_ptr<RemoteObjectStore>> Open(const boost::asio::any_io_executor& executor,
                                                         RemoteObjectStoreOptions options);
  ~RemoteObjectStore() override;

  /// What others have made of these parts, and close themselves.
  static std::unique_ptr<ObjectStore> View(std::shared_ptr<RemoteFiles> files);

  boost::asio::awaitable<Result<std::unique_ptr<ObjectWriter>>> create(ObjectKey key,
                                                                       ObjectMeta meta) override;
  boost::asio::awaitable<Result<std::unique_ptr<ObjectReader>>> open(ObjectKey key) override;
  boost::asio::awaitable<Result<ObjectInfo>> stat(ObjectKey key) override;
  boost::asio::awaitable<Result<std::vector<ObjectInfo>>> list(std::string session) override;
  boost::asio::awaitable<Result<std::vector<std::string>>> sessions(std::string after,
                                                                    std::size_t limit) override;
  boost::asio::awaitable<Result<void>> remove(ObjectKey key) override;
  boost::asio::awaitable<Result<void>> check() override;
  std::unique_ptr<ObjectStore> traced(std::string trace) override;

 private:
  RemoteObjectStore(std::shared_ptr<RemoteFiles> files, bool view);
  std::shared_ptr<RemoteFiles> files_;
  const bool view_;  // of another one, which decides when it is closed
};

}  // namespace codeapi
