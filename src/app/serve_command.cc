#include <boost/asio.hpp>

#include "app/api_service.h"
#include "app/commands.h"
#include "app/hardened_start.h"
#include "app/object_store.h"
#include "app/process.h"
#include "app/shared_state.h"
#include "app/wiring.h"
#include "app/worker_service.h"
#include "app/worker_user.h"

namespace codeapi {
namespace {

Result<Settings> EffectiveSettings(const ServeOptions& options) {
  auto settings = LoadSettings();
  if (!settings) return settings;
  if (options.host) settings->host = *options.host;
  if (options.port) settings->service_port = static_cast<std::uint16_t>(*options.port);
  if (options.data_dir) settings->data_dir = *options.data_dir;
  if (settings->data_dir.empty()) {
    if (auto chosen = UseDefaultDataDirectory(*settings); !chosen) return std::unexpected(chosen.error());
  }
  if (auto checked = CheckHardened(kServe, *settings); !checked) return std::unexpected(checked.error());
  return settings;
}

// Everything that `codeapi serve` is, in the order it is built; destroyed the other way round.
class AllInOne {
 public:
  AllInOne(Settings settings, WorkerStart start)
      : host_(std::move(settings)), worker_(host_, std::move(start)) {}

  /// What needs no connection to anything.
  Result<void> Open() {
    auto parts = OpenApiParts(host_);
    if (!parts) return std::unexpected(parts.error());
    state_ = std::move(parts->state);
    queue_ = std::move(parts->queue);
    api_ = std::move(parts->api);
    return {};
  }

  int Run() { return host_.Run(Main()); }

 private:
  asio::awaitable<int> Main() {
    auto objects = co_await OpenObjectStoreOrFileServer(host_);
    if (!objects) co_return Say(objects.error().message), 1;
    objects_ = std::move(*objects);
    // Not before: a bucket is waited for with patience, and until then a signal may simply end the process.
    host_.WatchSignals();
    if (!co_await worker_.Start()) co_return 1;
    if (auto listening = api_->Listen(*queue_, *objects_, [this] { return Healthy(); }); !listening) {
      Say(listening.error().message);
      co_await worker_.Stop(host_.settings.shutdown_grace);
      co_return 1;
    }
    worker_.Take(*queue_, *objects_);
    if (auto probed = co_await worker_.health().Probe(); probed) {
      Say("ready");
    } else {
      Say("not ready, no program runs: " + probed.error().message);
    }
    worker_.health().Start();
    api_->StartJanitor();
    Say(co_await host_.Signal() + ": finishing what runs");
    co_await Stop();
    Say("stopped");
    co_return host_.status();
  }

  asio::awaitable<bool> Healthy() {
    if (!worker_.health().healthy()) co_return false;
    co_return (co_await queue_->depth()).has_value();
  }

  // From the outside in, so that each part still has what it needs while it finishes.
  asio::awaitable<void> Stop() {
    co_await api_->StopListening();
    queue_->stop();
    co_await worker_.Stop(host_.settings.shutdown_grace);
    co_await api_->Stop();
  }

  ServiceHost host_;
  std::unique_ptr<JobQueue> queue_;
  std::unique_ptr<StateStore> state_;
  std::unique_ptr<ObjectStore> objects_;
  WorkerService worker_;
  std::unique_ptr<ApiService> api_;
};

}  // namespace

int ServeCommand(const ServeOptions& options) {
  PrepareService();
  auto settings = EffectiveSettings(options);
  if (!settings) return Say(settings.error().message), 1;
  auto start = PrepareWorker(*settings, settings->host, settings->service_port);
  if (!start) return Say(start.error().message), 1;
  AllInOne service(std::move(*settings), std::move(*start));
  if (auto opened = service.Open(); !opened) return Say(opened.error().message), 1;
  return service.Run();
}

}  // namespace codeapi
