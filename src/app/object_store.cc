#include "app/object_store.h"

#include <utility>

#include "app/wiring.h"
#include "files/remote_object_store.h"
#include "store/directory_object_store.h"
#include "store/metered_object_store.h"
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

asio::awaitable<Opened> OpenOwn(ServiceHost& host) {
  if (!UsesS3(host.settings)) co_return OpenDirectory(host.settings);
  auto store = co_await S3ObjectStore::Open(host.executor(), MakeS3Options(host.settings));
  if (!store) co_return std::unexpected(store.error());
  co_return std::move(*store);
}

Opened Metered(ServiceHost& host, Opened store) {
  if (!store) return store;
  return std::make_unique<MeteredObjectStore>(std::move(*store), host.metrics);
}

}  // namespace

bool UsesS3(const Settings& settings) {
  if (settings.object_store != ObjectStoreKind::kAuto) return settings.object_store == ObjectStoreKind::kS3;
  return IsSet(settings, "MINIO_ENDPOINT") || IsSet(settings, "MINIO_BUCKET");
}

bool FilesAreElsewhere(const Settings& settings) {
  return !settings.egress_gateway_url.empty() || !settings.file_server_url.empty() || UsesS3(settings);
}

asio::awaitable<Opened> OpenObjectStore(ServiceHost& host) {
  co_return Metered(host, co_await OpenOwn(host));
}

asio::awaitable<Opened> OpenObjectStoreOrFileServer(ServiceHost& host) {
  const Settings& settings = host.settings;
  if (settings.file_server_url.empty()) co_return co_await OpenObjectStore(host);
  auto store = RemoteObjectStore::Open(host.executor(),
                                       {settings.file_server_url, settings.internal_service_token, {}});
  if (!store) co_return std::unexpected(store.error());
  co_return Metered(host, std::move(*store));
}

}  // namespace codeapi
