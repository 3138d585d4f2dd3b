#include <atomic>

#include <boost/asio.hpp>

#include "app/commands.h"
#include "app/hardened_start.h"
#include "app/metrics_route.h"
#include "app/object_store.h"
#include "app/process.h"
#include "app/queue_watch.h"
#include "app/shared_state.h"
#include "app/wiring.h"
#include "app/worker_routes.h"
#include "app/worker_service.h"
#include "app/worker_user.h"
#include "egress/gateway_client.h"

namespace codeapi {
namespace {

Result<Settings> EffectiveSettings(const WorkerOptions& options) {
  auto settings = LoadSettings();
  if (!settings) return settings;
  if (!settings->manifest_private_key.empty()) {
    // Of those who come from the reference, where the worker signed.
    Say("warning: CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY belongs to the API alone; a worker that has it can "
        "sign");
    settings->manifest_private_key.clear();
  }
  if (options.health_host) settings->worker_health_host = *options.health_host;
  if (options.health_port) settings->worker_health_port = static_cast<std::uint16_t>(*options.health_port);
  auto checked = CheckHardened(kWorker, *settings);
  if (checked) checked = SettleShared(*settings, !settings->egress_gateway_url.empty());
  if (!checked) return std::unexpected(checked.error());
  return settings;
}

// Everything that `codeapi worker` is, in the order it is built; destroyed the other way round.
class WorkerRole {
 public:
  WorkerRole(Settings settings, WorkerStart start)
      : host_(std::move(settings)), worker_(host_, std::move(start)) {}

  /// What needs no connection to anything.
  Result<void> Open() {
    auto queue = OpenJobQueue(host_);
    if (!queue) return std::unexpected(queue.error());
    queue_ = std::move(*queue);
    return {};
  }

  int Run() { return host_.Run(Main()); }

 private:
  asio::awaitable<int> Main() {
    const Settings& settings = host_.settings;
    if (auto files = co_await OpenFiles(); !files) co_return Say(files.error().message), 1;
    // Not before: a bucket is waited for with patience, and until then a signal may simply end the process.
    host_.WatchSignals();
    QueueWatch watch(host_.executor(), *queue_, [this](bool answers) {
      queue_answers_ = answers;
      Tell();
    });
    const WorkerState state{[this] { return worker_.programs_run(); }, [&watch] { return watch.Answers(); },
                            settings.max_concurrent_jobs};
    auto server = host_.Listen(settings.worker_health_host, settings.worker_health_port,
                               MakeWorkerRouter(state, MetricsOf(host_.metrics, *queue_)));
    if (!server) co_return Say(server.error().message), 1;
    if (!co_await worker_.Start()) co_return 1;
    worker_.TakeWhileHealthy(*queue_, *objects_, [this] { Tell(); });
    watch.Start();
    Say(co_await host_.Signal() + ": finishing what runs");
    queue_->stop();
    co_await worker_.Stop(settings.shutdown_grace);
    co_await watch.Stop();
    co_await (*server)->stop(std::chrono::milliseconds(0));
    Say("stopped");
    co_return host_.status();
  }

  // Through the gateway, if there is one; then nothing is reached without a grant.
  asio::awaitable<Result<void>> OpenFiles() {
    const Settings& settings = host_.settings;
    if (settings.egress_gateway_url.empty()) {
      auto objects = co_await OpenObjectStoreOrFileServer(host_);
      if (!objects) co_return std::unexpected(objects.error());
      objects_ = std::move(*objects);
      co_return Result<void>();
    }
    auto gateway = GatewayClient::Make(
        host_.executor(), {settings.egress_gateway_url, settings.internal_service_token, {}}, *host_.log);
    if (!gateway) co_return std::unexpected(gateway.error());
    gateway_ = std::move(*gateway);
    objects_ = gateway_->Closed();
    worker_.PassThrough(*gateway_);
    co_return Result<void>();
  }

  // On stderr, for whoever started it, whenever it changes.
  void Tell() {
    const bool ready = queue_answers_ && worker_.programs_run();
    if (ready != told_.exchange(ready)) Say(ready ? "ready" : "not ready");
  }

  ServiceHost host_;
  std::unique_ptr<JobQueue> queue_;
  std::unique_ptr<GatewayClient> gateway_;
  std::unique_ptr<ObjectStore> objects_;
  WorkerService worker_;
  std::atomic<bool> queue_answers_ = false, told_ = false;
};

}  // namespace

int WorkerCommand(const WorkerOptions& options) {
  PrepareService();
  auto settings = EffectiveSettings(options);
  if (!settings) return Say(settings.error().message), 1;
  auto start = PrepareWorker(*settings, settings->worker_health_host, settings->worker_health_port);
  if (!start) return Say(start.error().message), 1;
  WorkerRole role(std::move(*settings), std::move(*start));
  if (auto opened = role.Open(); !opened) return Say(opened.error().message), 1;
  return role.Run();
}

}  // namespace codeapi
