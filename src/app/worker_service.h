// The part that runs programs, as `serve` and `worker` both have it.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "app/service_host.h"
#include "app/wiring.h"
#include "app/worker_user.h"
#include "sandbox/local_sandbox.h"
#include "store/job_queue.h"
#include "store/object_store.h"
#include "worker/health.h"
#include "worker/input_cache.h"
#include "worker/metered_sandbox.h"
#include "worker/pool_metrics.h"
#include "worker/worker.h"
#include "worker/worker_metrics.h"

namespace codeapi {

/// What a worker is made of, settled while the process is single-threaded.
struct WorkerStart {
  std::string jailer;
  RootChoice root;
  std::string manifest_keys;
  Unprivileged unprivileged;
  std::string address;  ///< where it listens
  std::uint16_t port = 0;
};

/// Finds all that, tells the operator which root programs see, and makes the process what CODEAPI_WORKER_USER
/// says, with `address` and `port` bound before (worker_user.h). After an error the process must end.
Result<WorkerStart> PrepareWorker(const Settings& settings, std::string address, std::uint16_t port);

/// Takes jobs and runs them in cells. What it is given must outlive Stop().
class WorkerService {
 public:
  /// What is bound already becomes the host's.
  WorkerService(ServiceHost& host, WorkerStart start);

  /// Starts the jailer, and tells the operator what this host cannot isolate. False, with the reason told,
  /// when no cell can be made.
  boost::asio::awaitable<bool> Start();

  /// Has jobs pass through `gate`, which must outlive Stop(). Before jobs are taken.
  void PassThrough(JobGate& gate) { gate_ = &gate; }

  /// Begins to take jobs.
  void Take(JobQueue& queue, ObjectStore& objects);

  /// Begins to take jobs as soon as a canary program has run, and takes none from when one fails until one
  /// runs again: others will do better. `probed` is called after each canary. Also begins to look whether
  /// programs run.
  void TakeWhileHealthy(JobQueue& queue, ObjectStore& objects, std::function<void()> probed);

  /// Tells whether programs run.
  HealthMonitor& health() { return health_; }

  /// Whether one has run lately, and none has failed since that should have.
  bool programs_run() const { return health_.healthy() && !sick_; }

  /// Waits for what runs, at most for `grace`, then ends the jailer. The queue must have been stopped.
  boost::asio::awaitable<void> Stop(std::chrono::milliseconds grace);

 private:
  void Probed(bool ran);

  ServiceHost& host_;
  PoolMetrics pool_metrics_;
  JobAdmission admission_;
  JobGate* gate_ = nullptr;
  LocalSandbox sandbox_;
  MeteredSandbox metered_;
  HealthMonitor health_;  // uses the sandbox itself: canaries are not counted
  WorkerMetrics metrics_;
  std::unique_ptr<InputCache> inputs_;  // where files are elsewhere
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<ToolPrograms> tools_;
  std::unique_ptr<Worker> worker_;
  std::function<void()> probed_;  // set when taking depends on health
  std::atomic<bool> sick_ = false;
};

}  // namespace codeapi
