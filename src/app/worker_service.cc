#include "app/worker_service.h"

#include <utility>

#include <boost/asio.hpp>

#include "app/process.h"
#include "worker/tool_support.h"

namespace codeapi {

WorkerService::WorkerService(ServiceHost& host, std::string jailer, const RootChoice& root)
    : host_(host),
      sandbox_(host.executor(),
               {std::move(jailer), MakeJailerSettings(host.settings, root), FollowRoot(root)}),
      health_(host.executor(), sandbox_, *host.log, host.settings.health_max_age) {}

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
  executor_ = std::make_unique<Executor>(sandbox_, objects, *host_.log, MakeExecutorLimits(host_.settings));
  tools_ = std::make_unique<ToolPrograms>(host_.executor(), *executor_, *host_.log, ToolSupport,
                                          MakeToolProgramLimits(host_.settings));
  worker_ = std::make_unique<Worker>(host_.executor(), queue, *executor_, *tools_, *host_.log,
                                     host_.settings.max_concurrent_jobs);
  worker_->Start();
}

asio::awaitable<void> WorkerService::Stop() {
  if (worker_) co_await worker_->Wait();
  if (tools_) co_await tools_->Stop();
  co_await health_.Stop();
  co_await sandbox_.Stop();
}

}  // namespace codeapi
