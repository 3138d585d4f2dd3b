// Takes jobs off the queue and runs them.
#pragma once

#include <memory>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/log.h"
#include "store/job_queue.h"
#include "worker/executor.h"
#include "worker/tool_programs.h"

namespace codeapi {

/// Runs up to `concurrency` jobs at once. The queue and executor must outlive Wait(). Not thread-safe itself.
class Worker {
 public:
  /// Rounds of programs with tools go to `tools`, which must outlive Wait() too.
  Worker(boost::asio::any_io_executor executor, JobQueue& queue, Executor& runner, ToolPrograms& tools,
         Log& log, int concurrency);

  /// Starts taking jobs, until the queue is stopped.
  void Start();

  /// Returns when the queue has been stopped and every job that was taken is answered.
  boost::asio::awaitable<void> Wait();

 private:
  struct Shared;
  static boost::asio::awaitable<void> Loop(std::shared_ptr<Shared> shared);
  static boost::asio::awaitable<Result<std::string>> Answer(Shared& shared, const JobSpec& job);
  std::shared_ptr<Shared> shared_;
};

}  // namespace codeapi
