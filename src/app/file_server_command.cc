#include <boost/asio.hpp>

#include "app/commands.h"
#include "app/hardened_start.h"
#include "app/object_store.h"
#include "app/process.h"
#include "app/service_host.h"
#include "app/wiring.h"
#include "files/file_server.h"

namespace codeapi {
namespace {

Result<Settings> EffectiveSettings(const FileServerOptions& options) {
  auto settings = LoadSettings();
  if (!settings) return settings;
  if (options.host) settings->file_server_host = *options.host;
  if (options.port) settings->file_server_port = static_cast<std::uint16_t>(*options.port);
  if (options.data_dir) settings->data_dir = *options.data_dir;
  if (settings->data_dir.empty() && !UsesS3(*settings)) {
    if (auto chosen = UseDefaultDataDirectory(*settings); !chosen) return std::unexpected(chosen.error());
  }
  return settings;
}

// Whoever reaches a file server without a token reads and writes everybody's files.
Result<void> CheckExposure(const Settings& settings) {
  return CheckInternalExposure(settings, "FILE_SERVER_HOST", settings.file_server_host,
                               "read, write and delete all files");
}

// Everything that `codeapi file-server` is, in the order it is built; destroyed the other way round.
class FileService {
 public:
  explicit FileService(Settings settings) : host_(std::move(settings)) {}

  int Run() { return host_.Run(Main()); }

 private:
  asio::awaitable<int> Main() {
    const Settings& settings = host_.settings;
    auto objects = co_await OpenObjectStore(host_);
    if (!objects) co_return Say(objects.error().message), 1;
    objects_ = std::move(*objects);
    // Not before: a bucket is waited for with patience, and until then a signal may simply end the process.
    host_.WatchSignals();
    context_ = std::make_unique<FileServerContext>(
        FileServerContext{*objects_, *host_.log, host_.metrics, settings.internal_service_token});
    auto server =
        host_.Listen(settings.file_server_host, settings.file_server_port, MakeFileRouter(*context_));
    if (!server) co_return Say(server.error().message), 1;
    Say(co_await host_.Signal() + ": finishing what is under way");
    co_await (*server)->stop(settings.shutdown_grace);
    Say("stopped");
    co_return 0;
  }

  ServiceHost host_;
  std::unique_ptr<ObjectStore> objects_;
  std::unique_ptr<FileServerContext> context_;
};

}  // namespace

int FileServerCommand(const FileServerOptions& options) {
  PrepareService();
  auto settings = EffectiveSettings(options);
  if (!settings) return Say(settings.error().message), 1;
  if (auto checked = CheckHardened(kFileServer, *settings); !checked) return Say(checked.error().message), 1;
  if (auto exposure = CheckExposure(*settings); !exposure) return Say(exposure.error().message), 1;
  return FileService(std::move(*settings)).Run();
}

}  // namespace codeapi
