// The part that runs programs, as `serve` and `worker` both have it.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "app/service_host.h"
#include "app/wiring.h"
#include "sandbox/local_sandbox.h"
#include "store/job_queue.h"
#include "store/object_store.h"
#include "worker/health.h"
#include "worker/worker.h"

namespace codeapi {

/// Takes jobs and runs them in cells. What it is given must outlive Stop().
class WorkerService {
 public:
  /// `jailer` is FindJailer()'s answer.
  WorkerService(ServiceHost& host, std::string jailer, const RootChoice& root);

  /// Starts the jailer, and tells the operator what this host cannot isolate. False, with the reason told,
  /// when no cell can be made.
  boost::asio::awaitable<bool> Start();

  /// Begins to take jobs, and to look whether programs run.
  void Take(JobQueue& queue, ObjectStore& objects);

  /// Whether programs run.
  HealthMonitor& health() { return health_; }

  /// Waits for what runs, then ends the jailer. The queue must have been stopped.
  boost::asio::awaitable<void> Stop();

 private:
  ServiceHost& host_;
  LocalSandbox sandbox_;
  HealthMonitor health_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<ToolPrograms> tools_;
  std::unique_ptr<Worker> worker_;
};

}  // namespace codeapi
