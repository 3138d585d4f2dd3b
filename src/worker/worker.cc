// How taking pauses. Each loop has a seat. Pause() raises a flag and cancels every pending take() on its
// loop's strand; the loop then waits at its seat until Resume() or the end. A take that was handed a job in
// the same moment gives it back: that is the queue's promise.
#include "worker/worker.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <vector>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>

#include "base/log_hash.h"
#include "net/wake.h"
#include "store/latch.h"

namespace codeapi {

namespace asio = boost::asio;
using asio::as_tuple;
using asio::use_awaitable;

namespace {

// Before a queue that did not answer is asked for work again.
constexpr auto kQueueRetry = std::chrono::seconds(1);

// What the log says of an execution beyond its request.
void Mark(ExecutionRequest& request, const JobSpec& job, const AdmittedJob& admitted) {
  request.trace = ContinueTrace(job.trace).value_or(TraceContext{});
  request.log_tenant = LogHash(job.tenant);
  request.manifest = admitted.manifest;
}

// Nothing where there is no gate.
asio::awaitable<Result<std::unique_ptr<JobAccess>>> Enter(JobGate* gate, const AdmittedJob& admitted,
                                                          bool starts) {
  if (gate == nullptr) co_return nullptr;
  // What has been entered has to be left, whatever becomes of the job.
  co_await asio::this_coro::throw_if_cancelled(false);
  co_return co_await gate->Enter(admitted.manifest, starts);
}

// A job that was cancelled is somebody else's to finish.
asio::awaitable<void> Leave(std::unique_ptr<JobAccess> access, bool finished) {
  if (!access) co_return;
  const auto cancelled = (co_await asio::this_coro::cancellation_state).cancelled();
  co_await access->End(finished && cancelled == asio::cancellation_type::none);
}

// The answer to a job that was not let through the gate.
ExecutionAnswer NotEntered(Log& log, const AdmittedJob& admitted, const Error& error) {
  log.Write(
      Severity::kWarning, "job not let through the gate",
      {{"execution", admitted.execution}, {"error", ErrorCodeName(error.code)}, {"detail", error.message}});
  switch (error.code) {
    case ErrorCode::kConflict:
      return {
          503, false,
          R"({"error":"execution_not_admitted","message":"The execution is run elsewhere, or has ended"})"};
    case ErrorCode::kForbidden:
      return {502, false, R"({"error":"sandbox_execution_failed","message":"Sandbox execution failed"})"};
    default:
      return {
          503, false,
          R"({"error":"egress_gateway_unavailable","message":"Files cannot be reached; please try again"})"};
  }
}

RoundAnswer Refused(ExecutionAnswer answer) {
  RoundAnswer out;
  out.state = RoundAnswer::State::kRefused;
  out.status = answer.status;
  out.body = std::move(answer.body);
  return out;
}

// co_spawn wants results that can be made from nothing, which a lease cannot.
asio::awaitable<void> TakeInto(JobQueue& queue, std::optional<Result<Lease>>& taken) {
  co_await asio::this_coro::throw_if_cancelled(false);
  taken.emplace(co_await queue.take());
}

}  // namespace

// One loop's place: where it waits while taking is paused, and how its take is cancelled.
struct Worker::Seat {
  explicit Seat(const asio::any_io_executor& executor) : strand(asio::make_strand(executor)) {}
  const asio::strand<asio::any_io_executor> strand;
  asio::cancellation_signal cancel;  // on the strand
  Wake wake;
};

struct Worker::Shared {
  Shared(asio::any_io_executor e, JobQueue& q, Executor& r, ToolPrograms& t, Log& l, int n, WorkerMetrics* m,
         const JobAdmission* a, JobGate* g)
      : executor(std::move(e)),
        queue(q),
        runner(r),
        tools(t),
        log(l),
        metrics(m),
        admission(a),
        gate(g),
        give_up(executor),
        ended(executor, static_cast<std::size_t>(n)) {
    for (int i = 0; i < n; ++i) seats.push_back(std::make_shared<Seat>(executor));
  }
  asio::any_io_executor executor;
  JobQueue& queue;
  Executor& runner;
  ToolPrograms& tools;
  Log& log;
  WorkerMetrics* metrics;
  const JobAdmission* admission;
  JobGate* gate;
  std::vector<std::shared_ptr<Seat>> seats;
  std::atomic<bool> paused = false, stopping = false;
  std::atomic<int> pauses = 0;
  std::size_t waited = 0;
  Latch give_up;  // set when the grace period of Wait() is over
  asio::experimental::concurrent_channel<void(boost::system::error_code)> ended;  // one message per loop
};

Worker::Worker(asio::any_io_executor executor, JobQueue& queue, Executor& runner, ToolPrograms& tools,
               Log& log, int concurrency, WorkerMetrics* metrics, const JobAdmission* admission,
               JobGate* gate)
    : shared_(std::make_shared<Shared>(std::move(executor), queue, runner, tools, log, concurrency, metrics,
                                       admission, gate)) {}

void Worker::Start() {
  for (const auto& seat : shared_->seats) asio::co_spawn(seat->strand, Loop(shared_, seat), asio::detached);
}

void Worker::Pause() {
  shared_->paused = true;
  ++shared_->pauses;
  for (const auto& seat : shared_->seats)
    asio::post(seat->strand, [seat] { seat->cancel.emit(asio::cancellation_type::terminal); });
}

void Worker::Resume() {
  shared_->paused = false;
  for (const auto& seat : shared_->seats) seat->wake.notify();
}

asio::awaitable<void> Worker::Wait(std::chrono::milliseconds grace) {
  shared_->stopping = true;
  for (const auto& seat : shared_->seats) seat->wake.notify();
  asio::steady_timer timer(shared_->executor, grace);
  timer.async_wait([shared = shared_](boost::system::error_code error) {
    if (!error) shared->give_up.set();
  });
  for (; shared_->waited < shared_->seats.size(); ++shared_->waited) {
    co_await shared_->ended.async_receive(as_tuple(use_awaitable));
  }
}

// Holds the job to its manifest, where that is asked for, and has it done.
asio::awaitable<Result<Worker::Done>> Worker::Admit(Shared& shared, const JobSpec& job, Doing& doing) {
  if (shared.admission == nullptr) co_return co_await Answer(shared, job, {job.payload, {}, {}, 0}, doing);
  auto admitted = shared.admission->Admit(job);
  if (!admitted) {
    if (shared.metrics != nullptr) shared.metrics->refused().Increment();
    co_return Done{std::move(admitted.error()), true};
  }
  auto done = co_await Answer(shared, job, *admitted, doing);
  if (done) done->text = shared.admission->Seal(*admitted, std::move(done->text));
  co_return done;
}

// The job's answer; an error for a text that is none of ours.
asio::awaitable<Result<Worker::Done>> Worker::Answer(Shared& shared, const JobSpec& job,
                                                     const AdmittedJob& admitted, Doing& doing) {
  if (ToolJob::Is(admitted.text)) co_return co_await AnswerRound(shared, job, admitted, doing);
  auto request = ExecutionRequest::Decode(admitted.text);
  if (!request) co_return std::unexpected(request.error());
  if (shared.metrics != nullptr) doing.counted.emplace(*shared.metrics, request->runtime);
  Mark(*request, job, admitted);
  auto access = co_await Enter(shared.gate, admitted, true);
  if (!access) co_return Done{NotEntered(shared.log, admitted, access.error()).Encode(), true};
  if (*access) request->objects = (*access)->objects();
  doing.access = std::move(*access);
  const ExecutionAnswer answer = co_await shared.runner.Execute(std::move(*request));
  co_return Done{answer.Encode(), answer.status >= 500};
}

// The same for one round of a program with tools.
asio::awaitable<Result<Worker::Done>> Worker::AnswerRound(Shared& shared, const JobSpec& job,
                                                          const AdmittedJob& admitted, Doing& doing) {
  auto round = ToolJob::Decode(admitted.text);
  if (!round) co_return std::unexpected(round.error());
  const std::string execution = round->execution;
  // To end a program nothing has to be reached.
  JobGate* const gate = round->kind == ToolJob::Kind::kDrop ? nullptr : shared.gate;
  auto access = co_await Enter(gate, admitted, round->request.has_value());
  if (!access) co_return Done{Refused(NotEntered(shared.log, admitted, access.error())).Encode(), true};
  if (round->request) {
    if (shared.metrics != nullptr) doing.counted.emplace(*shared.metrics, round->request->runtime);
    Mark(*round->request, job, admitted);
    if (*access) round->request->objects = (*access)->objects();
  }
  RoundAnswer answer = co_await shared.tools.Round(std::move(*round));
  if (*access && answer.state == RoundAnswer::State::kWaiting && !answer.calls.empty()) {
    // Before anybody is told of them.
    const auto noted =
        co_await (*access)->NoteCalls(std::ranges::max(answer.calls, {}, &ProgramCall::number).number);
    if (!noted) {
      answer = Refused(NotEntered(shared.log, admitted, noted.error()));
      ToolJob drop;
      drop.kind = ToolJob::Kind::kDrop;
      drop.execution = execution;
      (void)co_await shared.tools.Round(std::move(drop));
    }
  }
  co_await Leave(std::move(*access), answer.state != RoundAnswer::State::kNeedReplay);
  answer.taker = shared.queue.taker();
  co_return Done{answer.Encode(), false};
}

asio::awaitable<void> Worker::Loop(std::shared_ptr<Shared> shared, std::shared_ptr<Seat> seat) {
  while (true) {
    while (shared->paused && !shared->stopping) co_await seat->wake.wait();
    const int pauses = shared->pauses;
    std::optional<Result<Lease>> taken;
    co_await asio::co_spawn(seat->strand, TakeInto(shared->queue, taken),
                            asio::bind_cancellation_slot(seat->cancel.slot(), use_awaitable));
    Result<Lease>& lease = *taken;
    if (lease) {
      co_await RunJob(*shared, std::move(*lease));
    } else if (lease.error().code != ErrorCode::kCancelled) {
      shared->log.Write(Severity::kWarning, "no job can be taken", {{"detail", lease.error().message}});
      asio::steady_timer timer(seat->strand, kQueueRetry);
      co_await timer.async_wait(as_tuple(use_awaitable));
    } else if (pauses == shared->pauses) {
      break;  // the queue was stopped
    }
  }
  shared->ended.try_send(boost::system::error_code());
}

asio::awaitable<void> Worker::RunJob(Shared& shared, Lease lease) {
  using namespace asio::experimental::awaitable_operators;  // NOLINT: the only way to get operator||
  Doing doing;
  auto outcome =
      co_await (Admit(shared, lease.job(), doing) || lease.wait_cancelled() || shared.give_up.wait());
  if (outcome.index() != 0) co_await Leave(std::move(doing.access), false);
  if (outcome.index() == 2) co_await lease.hand_back();
  if (outcome.index() != 0) co_return;
  auto& answer = std::get<0>(outcome);
  if (!answer) {
    shared.log.Write(Severity::kError, "job dropped",
                     {{"job", lease.job().id}, {"detail", answer.error().message}});
    co_return;  // the queue answers for a lease that was let go
  }
  if (doing.counted)
    doing.counted->Ended(answer->failed ? WorkerMetrics::End::kFailed : WorkerMetrics::End::kCompleted);
  // The answer does not wait for that.
  (void)co_await (lease.complete(std::move(answer->text)) && Leave(std::move(doing.access), true));
}

}  // namespace codeapi
