// ObjectStore on a local directory.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "store/object_store.h"

namespace codeapi {

struct DirectoryObjectStoreOptions {
  std::size_t threads = 4;  ///< for blocking file calls, 1 to 64

  /// Called after each step of a write or removal with the step's name, on a pool thread. For crash tests.
  std::function<void(const char* step)> on_step;
};

/// Keeps objects below a directory that belongs to it alone. See ObjectStore for the contract and the .cc for
/// how a crash is survived. Blocking file calls run on the store's own threads, never on the caller's
/// executor.
class DirectoryObjectStore final : public ObjectStore {
 public:
  /// Opens the store below `root`, creating that directory (mode 0700) if its parent exists, and removes what
  /// a dead process left half-written. Blocks; meant for start-up. kConflict if another process, or another
  /// store, holds `root`; kInvalid for bad options or when `root` is not a directory.
  static Result<std::unique_ptr<DirectoryObjectStore>> Open(const std::string& root,
                                                            DirectoryObjectStoreOptions options = {});

  /// Waits for the calls under way.
  ~DirectoryObjectStore() override;

  boost::asio::awaitable<Result<std::unique_ptr<ObjectWriter>>> create(ObjectKey key,
                                                                       ObjectMeta meta) override;
  boost::asio::awaitable<Result<std::unique_ptr<ObjectReader>>> open(ObjectKey key) override;
  boost::asio::awaitable<Result<ObjectInfo>> stat(ObjectKey key) override;
  boost::asio::awaitable<Result<std::vector<ObjectInfo>>> list(std::string session) override;
  boost::asio::awaitable<Result<std::vector<std::string>>> sessions(std::string after,
                                                                    std::size_t limit) override;
  boost::asio::awaitable<Result<void>> remove(ObjectKey key) override;
  boost::asio::awaitable<Result<void>> check() override;

  struct Core;  ///< shared with readers and writers; private to the .cc

 private:
  explicit DirectoryObjectStore(std::shared_ptr<Core> core);
  std::shared_ptr<Core> core_;
};

}  // namespace codeapi
