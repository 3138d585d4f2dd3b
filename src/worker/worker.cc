#include "worker/worker.h"

#include <atomic>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>

namespace codeapi {

namespace asio = boost::asio;
using asio::as_tuple;
using asio::use_awaitable;

struct Worker::Shared {
  Shared(asio::any_io_executor e, JobQueue& q, Executor& r, Log& l, int n)
      : executor(std::move(e)),
        queue(q),
        runner(r),
        log(l),
        concurrency(n),
        ended(executor, static_cast<std::size_t>(n)) {}
  asio::any_io_executor executor;
  JobQueue& queue;
  Executor& runner;
  Log& log;
  int concurrency;
  int waited = 0;
  asio::experimental::concurrent_channel<void(boost::system::error_code)> ended;  // one message per loop
};

Worker::Worker(asio::any_io_executor executor, JobQueue& queue, Executor& runner, Log& log, int concurrency)
    : shared_(std::make_shared<Shared>(std::move(executor), queue, runner, log, concurrency)) {}

void Worker::Start() {
  for (int i = 0; i < shared_->concurrency; ++i) {
    asio::co_spawn(asio::make_strand(shared_->executor), Loop(shared_), asio::detached);
  }
}

asio::awaitable<void> Worker::Wait() {
  for (; shared_->waited < shared_->concurrency; ++shared_->waited) {
    co_await shared_->ended.async_receive(as_tuple(use_awaitable));
  }
}

asio::awaitable<void> Worker::Loop(std::shared_ptr<Shared> shared) {
  using namespace asio::experimental::awaitable_operators;  // NOLINT: the only way to get operator||
  while (auto lease = co_await shared->queue.take()) {
    auto request = ExecutionRequest::Decode(lease->job().payload);
    if (!request) {
      shared->log.Write(Severity::kError, "job dropped",
                        {{"job", lease->job().id}, {"detail", request.error().message}});
      continue;  // the queue answers for a lease that was let go
    }
    auto outcome = co_await (shared->runner.Execute(std::move(*request)) || lease->wait_cancelled());
    if (outcome.index() == 0) co_await lease->complete(std::get<0>(outcome).Encode());
  }
  shared->ended.try_send(boost::system::error_code());
}

}  // namespace codeapi
