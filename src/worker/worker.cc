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
  Shared(asio::any_io_executor e, JobQueue& q, Executor& r, ToolPrograms& t, Log& l, int n)
      : executor(std::move(e)),
        queue(q),
        runner(r),
        tools(t),
        log(l),
        concurrency(n),
        ended(executor, static_cast<std::size_t>(n)) {}
  asio::any_io_executor executor;
  JobQueue& queue;
  Executor& runner;
  ToolPrograms& tools;
  Log& log;
  int concurrency;
  int waited = 0;
  asio::experimental::concurrent_channel<void(boost::system::error_code)> ended;  // one message per loop
};

Worker::Worker(asio::any_io_executor executor, JobQueue& queue, Executor& runner, ToolPrograms& tools,
               Log& log, int concurrency)
    : shared_(std::make_shared<Shared>(std::move(executor), queue, runner, tools, log, concurrency)) {}

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

// The job's answer; an error for a payload that is none of ours.
asio::awaitable<Result<std::string>> Worker::Answer(Shared& shared, const JobSpec& job) {
  if (ToolJob::Is(job.payload)) {
    auto round = ToolJob::Decode(job.payload);
    if (!round) co_return std::unexpected(round.error());
    RoundAnswer answer = co_await shared.tools.Round(std::move(*round));
    answer.taker = shared.queue.taker();
    co_return answer.Encode();
  }
  auto request = ExecutionRequest::Decode(job.payload);
  if (!request) co_return std::unexpected(request.error());
  co_return (co_await shared.runner.Execute(std::move(*request))).Encode();
}

asio::awaitable<void> Worker::Loop(std::shared_ptr<Shared> shared) {
  using namespace asio::experimental::awaitable_operators;  // NOLINT: the only way to get operator||
  while (auto lease = co_await shared->queue.take()) {
    auto outcome = co_await (Answer(*shared, lease->job()) || lease->wait_cancelled());
    if (outcome.index() != 0) continue;
    auto& answer = std::get<0>(outcome);
    if (!answer) {
      shared->log.Write(Severity::kError, "job dropped",
                        {{"job", lease->job().id}, {"detail", answer.error().message}});
      continue;  // the queue answers for a lease that was let go
    }
    co_await lease->complete(std::move(*answer));
  }
  shared->ended.try_send(boost::system::error_code());
}

}  // namespace codeapi
