#include <boost/asio.hpp>

#include "app/api_service.h"
#include "app/commands.h"
#include "app/hardened_start.h"
#include "app/object_store.h"
#include "app/process.h"
#include "app/queue_watch.h"
#include "app/shared_state.h"
#include "app/wiring.h"

namespace codeapi {
namespace {

Result<Settings> EffectiveSettings(const ApiOptions& options) {
  auto settings = LoadSettings();
  if (!settings) return settings;
  if (options.host) settings->host = *options.host;
  if (options.port) settings->service_port = static_cast<std::uint16_t>(*options.port);
  auto checked = CheckHardened(kApi, *settings);
  if (checked) checked = SettleShared(*settings);
  if (!checked) return std::unexpected(checked.error());
  return settings;
}

// Everything that `codeapi api` is, in the order it is built; destroyed the other way round.
class ApiRole {
 public:
  explicit ApiRole(Settings settings) : host_(std::move(settings)) {}

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
    QueueWatch watch(host_.executor(), *queue_, [](bool answers) { Say(answers ? "ready" : "not ready"); });
    if (auto listening = api_->Listen(*queue_, *objects_, [&watch] { return watch.Answers(); }); !listening)
      co_return Say(listening.error().message), 1;
    watch.Start();
    api_->StartJanitor();
    Say(co_await host_.Signal() + ": finishing the requests under way");
    co_await api_->StopListening();
    queue_->stop();
    co_await watch.Stop();
    co_await api_->Stop();
    Say("stopped");
    co_return 0;
  }

  ServiceHost host_;
  std::unique_ptr<JobQueue> queue_;
  std::unique_ptr<StateStore> state_;
  std::unique_ptr<ObjectStore> objects_;
  std::unique_ptr<ApiService> api_;
};

}  // namespace

int ApiCommand(const ApiOptions& options) {
  PrepareService();
  auto settings = EffectiveSettings(options);
  if (!settings) return Say(settings.error().message), 1;
  ApiRole role(std::move(*settings));
  if (auto opened = role.Open(); !opened) return Say(opened.error().message), 1;
  return role.Run();
}

}  // namespace codeapi
