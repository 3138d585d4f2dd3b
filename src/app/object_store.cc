#include "app/object_store.h"

#include <utility>

#include "app/wiring.h"
#include "files/remote_object_store.h"
#include "store/directory_object_store.h"
#include "store/s3_object_store.h"

namespace codeapi {
namespace {

using Opened = Result<std::unique_ptr<ObjectStore>>;

Opened OpenDirectory(const Settings& settings) {
  if (auto made = MakeDataDirectory(settings.data_dir); !made) return std::unexpected(made.error());
  auto store = DirectoryObjectStore::Open(settings.data_dir + "/files");
  if (!store) return std::unexpected(store.error());
  return std::move(*store);
}

}  // namespace

bool UsesS3(const Settings& settings) {
  if (settings.object_store != ObjectStoreKind::kAuto) return settings.object_store == ObjectStoreKind::kS3;
  return IsSet(settings, "MINIO_ENDPOINT") || IsSet(settings, "MINIO_BUCKET");
}

asio::awaitable<Opened> OpenObjectStore(asio::any_io_executor executor, const Settings& settings) {
  if (!UsesS3(settings)) co_return OpenDirectory(settings);
  auto store = co_await S3ObjectStore::Open(std::move(executor), MakeS3Options(settings));
  if (!store) co_return std::unexpected(store.error());
  co_return std::move(*store);
}

asio::awaitable<Opened> OpenObjectStoreOrFileServer(asio::any_io_executor executor,
                                                    const Settings& settings) {
  if (settings.file_server_url.empty()) co_return co_await OpenObjectStore(std::move(executor), settings);
  auto store =
      RemoteObjectStore::Open(executor, {settings.file_server_url, settings.internal_service_token, {}});
  if (!store) co_return std::unexpected(store.error());
  co_return std::move(*store);
}

}  // namespace codeapi
