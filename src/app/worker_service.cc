#include "app/worker_service.h"

#include <utility>

#include <boost/asio.hpp>

#include "app/object_store.h"
#include "app/process.h"
#include "worker/tool_support.h"

namespace codeapi {
namespace {

LocalSandboxOptions MakeSandboxOptions(ServiceHost& host, const WorkerStart& start, PoolMetrics& pool) {
  LocalSandboxOptions out;
  out.on_pool = [&pool](const std::vector<PoolState>& states) { pool.Observe(states); };
  out.jailer = MakeJailerCommand(start.jailer, start.manifest_keys);
  out.settings = MakeJailerSettings(host.settings, start.root);
  out.root = FollowRoot(start.root);
  out.launcher = start.unprivileged.launcher;
  // While the jailer lives, what runs can finish.
  out.launcher_lost = [&host] {
    host.EndWith("what starts jailers has died, and user " + host.settings.worker_user +
                 " (CODEAPI_WORKER_USER) cannot start one that makes cells: ending with an error, to be "
                 "started again as root");
  };
  return out;
}

}  // namespace

Result<WorkerStart> PrepareWorker(const Settings& settings, std::string address, std::uint16_t port) {
  WorkerStart out{.jailer = {},
                  .root = ChooseRoot(settings),
                  .manifest_keys = {},
                  .unprivileged = {},
                  .address = std::move(address),
                  .port = port};
  auto jailer = FindJailer(settings);
  if (!jailer) return std::unexpected(jailer.error());
  out.jailer = std::move(*jailer);
  auto keys = ManifestKeys(settings);
  if (!keys) return std::unexpected(keys.error());
  out.manifest_keys = std::move(*keys);
  Say(DescribeRoot(out.root));
  auto unprivileged = LeavePrivileges(settings, MakeJailerCommand(out.jailer, out.manifest_keys), out.root,
                                      out.address, port);
  if (!unprivileged) return std::unexpected(unprivileged.error());
  out.unprivileged = std::move(*unprivileged);
  return out;
}

WorkerService::WorkerService(ServiceHost& host, WorkerStart start)
    : host_(host),
      pool_metrics_(host.metrics),
      admission_(MakeJobAdmission(host.settings, start.manifest_keys, *host.log)),
      sandbox_(host.executor(), MakeSandboxOptions(host, start, pool_metrics_)),
      metered_(sandbox_, host.metrics),
      health_(host.executor(), sandbox_, *host.log, host.settings.health_max_age,
              [this](bool ran) { Probed(ran); }),
      metrics_(host.metrics) {
  if (start.unprivileged.bound) host.Keep(start.address, start.port, std::move(start.unprivileged.bound));
  prometheus::Gauge& running =
      host.metrics.gauge("codeapi_worker_running", "Whether programs run and are taken");
  host.metrics.on_scrape([this, &running] { running.Set(programs_run() ? 1 : 0); });
}

asio::awaitable<bool> WorkerService::Start() {
  if (auto started = co_await sandbox_.Start(); !started) {
    Say("no cell can be made on this host: " + started.error().message);
    Say("`codeapi doctor` tells what is missing and how to fix it");
    co_return false;
  }
  for (const std::string& warning : sandbox_.info().warnings) Say("warning: " + warning);
  co_return true;
}

void WorkerService::Take(JobQueue& queue, ObjectStore& objects) {
  const Settings& settings = host_.settings;
  if (FilesAreElsewhere(settings) && settings.input_cache_bytes > 0) {
    inputs_ = std::make_unique<InputCache>(
        InputCacheLimits{static_cast<std::uint64_t>(settings.input_cache_bytes),
                         static_cast<std::uint64_t>(settings.input_cache_tenant_bytes)},
        host_.metrics);
  }
  executor_ =
      std::make_unique<Executor>(metered_, objects, *host_.log, MakeExecutorLimits(settings), inputs_.get());
  tools_ = std::make_unique<ToolPrograms>(host_.executor(), *executor_, *host_.log, ToolSupport,
                                          MakeToolProgramLimits(host_.settings));
  host_.metrics.on_scrape(
      [this] { metrics_.waiting_programs().Set(static_cast<double>(tools_->waiting())); });
  worker_ = std::make_unique<Worker>(host_.executor(), queue, *executor_, *tools_, *host_.log,
                                     host_.settings.max_concurrent_jobs, &metrics_, &admission_, gate_);
  if (sick_) worker_->Pause();
  worker_->Start();
}

void WorkerService::TakeWhileHealthy(JobQueue& queue, ObjectStore& objects, std::function<void()> probed) {
  sick_ = true;
  probed_ = std::move(probed);
  Take(queue, objects);
  health_.Start();
}

void WorkerService::Probed(bool ran) {
  if (!probed_) return;
  if (sick_.exchange(!ran) == ran) {
    host_.log->Write(ran ? Severity::kInfo : Severity::kError,
                     ran ? "programs run: taking jobs" : "no program runs: taking no jobs");
    if (ran) worker_->Resume();
    if (!ran) worker_->Pause();
  }
  probed_();
}

asio::awaitable<void> WorkerService::Stop(std::chrono::milliseconds grace) {
  if (worker_) co_await worker_->Wait(grace);
  if (tools_) co_await tools_->Stop();
  co_await health_.Stop();
  co_await sandbox_.Stop();
}

}  // namespace codeapi
