// Theory of operation.
//
// A job is kWaiting (in its tenant's list, or handed to a taker that has not resumed yet), then kRunning (a
// lease has it), then kDone. Every step is made under one mutex; whoever makes the last one leaves the one
// answer in the job and sets the latch its submitter waits on. A taker that finds no work leaves itself in a
// list and waits on a latch of its own; of the two lists, of jobs and of takers, one is always empty. Nobody
// polls.
//
// Cancellation: the submitter's guard ends the job however its coroutine ends; the taker's guard gives a job
// back that it was handed but did not claim. Cancelling a running job sets the latch its lease waits on.
#include "store/in_process_job_queue.h"

#include <algorithm>
#include <atomic>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/system_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "store/latch.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using boost::system::error_code;

using Answer = Result<std::string>;
using LatchPtr = std::shared_ptr<Latch>;

struct Job {
  Job(JobSpec s, LatchPtr d) : spec(std::move(s)), done(std::move(d)) {}

  enum class State { kWaiting, kRunning, kDone };

  const JobSpec spec;
  const std::chrono::steady_clock::time_point entered = std::chrono::steady_clock::now();
  std::atomic<bool> cancelled = false;

  // Guarded by the queue's mutex.
  State state = State::kWaiting;
  Answer answer = Fail(ErrorCode::kCancelled, "the submitter gave up");
  // The submitter's and, once the job runs, the lease's to wait on. Let go of when the job is done, so that
  // neither side holds on to the other's execution context.
  LatchPtr done;
  LatchPtr cancel;
  bool queued = false;
  std::list<std::shared_ptr<Job>>::iterator place;  // in its tenant's list, while queued
};
using JobPtr = std::shared_ptr<Job>;

// One wait for work.
struct Taker {
  explicit Taker(const asio::any_io_executor& executor) : wake(executor) {}

  Latch wake;

  // Guarded by the queue's mutex.
  JobPtr job;  // handed over, not claimed
  bool queued = false;
  std::list<std::shared_ptr<Taker>>::iterator place;  // while queued
};
using TakerPtr = std::shared_ptr<Taker>;

}  // namespace

struct InProcessJobQueue::Core {
  explicit Core(InProcessJobQueueOptions o) : options(o) {}

  const InProcessJobQueueOptions options;
  std::mutex mutex;

  // Guarded by the mutex.
  struct Tenant {
    std::string name;
    std::list<JobPtr> jobs;  // never empty
  };
  std::list<Tenant> ring;  // the front is served next
  std::unordered_map<std::string, std::list<Tenant>::iterator> tenants;
  std::list<TakerPtr> takers;
  std::size_t waiting = 0;
  bool stopped = false;

  // The submitter's side.
  Result<JobPtr> enqueue(JobSpec spec, LatchPtr done);
  void expire(const JobPtr& job);
  Answer conclude(const JobPtr& job);

  // The worker's side.
  enum class Seat { kServed, kWaiting, kStopped };
  Seat seat(const TakerPtr& taker);
  JobPtr claim(Taker& taker, const LatchPtr& cancel);
  void leave(const TakerPtr& taker);
  Result<void> answer(Job& job, Answer answer);

  void stop();

 private:
  // All with the mutex held.
  void push(const JobPtr& job, bool front);
  void unlink(const JobPtr& job);
  JobPtr pop();
  void serve();
  static void finish(Job& job, Answer answer);
  static bool overdue(const Job& job) { return job.spec.deadline <= std::chrono::system_clock::now(); }
};

namespace {

using Core = InProcessJobQueue::Core;

std::unexpected<Error> Overdue() {
  return Fail(ErrorCode::kDeadline, "the deadline passed before a worker took the job");
}

}  // namespace

void InProcessJobQueue::Core::push(const JobPtr& job, bool front) {
  const std::string& name = job->spec.tenant;
  auto found = tenants.find(name);
  if (found == tenants.end()) {
    found = tenants.emplace(name, ring.insert(front ? ring.begin() : ring.end(), Tenant{name, {}})).first;
  }
  std::list<JobPtr>& jobs = found->second->jobs;
  job->place = jobs.insert(front ? jobs.begin() : jobs.end(), job);
  job->queued = true;
  ++waiting;
}

void InProcessJobQueue::Core::unlink(const JobPtr& job) {
  const auto found = tenants.find(job->spec.tenant);
  found->second->jobs.erase(job->place);
  job->queued = false;
  --waiting;
  if (!found->second->jobs.empty()) return;
  ring.erase(found->second);
  tenants.erase(found);
}

// The next job in fair order; the ring must not be empty.
JobPtr InProcessJobQueue::Core::pop() {
  const auto tenant = ring.begin();
  JobPtr job = tenant->jobs.front();
  ring.splice(ring.end(), ring, tenant);
  unlink(job);
  return job;
}

// Hands waiting jobs to waiting takers.
void InProcessJobQueue::Core::serve() {
  while (!takers.empty() && !ring.empty()) {
    const TakerPtr taker = takers.front();
    takers.pop_front();
    taker->queued = false;
    taker->job = pop();
    taker->wake.set();
  }
}

void InProcessJobQueue::Core::finish(Job& job, Answer answer) {
  job.state = Job::State::kDone;
  job.answer = std::move(answer);
  job.done->set();
  job.done.reset();
  job.cancel.reset();
}

Result<JobPtr> InProcessJobQueue::Core::enqueue(JobSpec spec, LatchPtr done) {
  auto job = std::make_shared<Job>(std::move(spec), std::move(done));
  const std::lock_guard lock(mutex);
  if (stopped) return Fail(ErrorCode::kUnavailable, "shutting down");
  if (overdue(*job)) return Overdue();
  if (takers.empty() && waiting >= options.max_waiting) return Fail(ErrorCode::kUnavailable, "queue_full");
  push(job, false);
  serve();
  return job;
}

void InProcessJobQueue::Core::expire(const JobPtr& job) {
  const std::lock_guard lock(mutex);
  if (job->state != Job::State::kWaiting) return;
  if (job->queued) unlink(job);
  finish(*job, Overdue());
}

// Ends the job if it has not ended, and returns the answer: that the submitter gave up, unless there is
// another.
Answer InProcessJobQueue::Core::conclude(const JobPtr& job) {
  const std::lock_guard lock(mutex);
  if (job->state != Job::State::kDone) {
    job->cancelled = true;
    job->state = Job::State::kDone;
    if (job->queued) unlink(job);
    if (job->cancel) job->cancel->set();
    job->done.reset();
    job->cancel.reset();
  }
  return std::move(job->answer);
}

// Gives the taker a job, or a place to wait for one.
InProcessJobQueue::Core::Seat InProcessJobQueue::Core::seat(const TakerPtr& taker) {
  const std::lock_guard lock(mutex);
  if (stopped) return Seat::kStopped;
  if (!ring.empty()) {
    taker->job = pop();
    return Seat::kServed;
  }
  taker->place = takers.insert(takers.end(), taker);
  taker->queued = true;
  return Seat::kWaiting;
}

// Starts the job the taker was handed; none if it was handed none or it ended meanwhile.
JobPtr InProcessJobQueue::Core::claim(Taker& taker, const LatchPtr& cancel) {
  const std::lock_guard lock(mutex);
  JobPtr job = std::move(taker.job);
  if (job == nullptr || job->state != Job::State::kWaiting) return nullptr;
  if (overdue(*job)) {
    finish(*job, Overdue());
    return nullptr;
  }
  job->state = Job::State::kRunning;
  job->cancel = cancel;
  return job;
}

// The taker goes; what it was handed goes back to where it came from.
void InProcessJobQueue::Core::leave(const TakerPtr& taker) {
  const std::lock_guard lock(mutex);
  if (taker->queued) takers.erase(taker->place);
  taker->queued = false;
  const JobPtr job = std::move(taker->job);
  if (job == nullptr || job->state != Job::State::kWaiting) return;
  if (stopped) {
    finish(*job, Fail(ErrorCode::kUnavailable, "shutting down"));
    return;
  }
  push(job, true);
  serve();
}

Result<void> InProcessJobQueue::Core::answer(Job& job, Answer answer) {
  const std::lock_guard lock(mutex);
  if (job.cancelled) return Fail(ErrorCode::kCancelled, "the submitter gave up");
  if (job.state == Job::State::kDone) return Fail(ErrorCode::kConflict, "the job was answered before");
  finish(job, std::move(answer));
  return {};
}

void InProcessJobQueue::Core::stop() {
  const std::lock_guard lock(mutex);
  stopped = true;
  while (!ring.empty()) finish(*pop(), Fail(ErrorCode::kUnavailable, "shutting down"));
  for (const TakerPtr& taker : takers) {
    taker->queued = false;
    taker->wake.set();
  }
  takers.clear();
}

namespace {

class InProcessLease final : public LeaseState {
 public:
  InProcessLease(std::shared_ptr<Core> core, JobPtr job, LatchPtr cancel)
      : core_(std::move(core)), job_(std::move(job)), cancel_(std::move(cancel)) {}

  ~InProcessLease() override {
    static_cast<void>(core_->answer(*job_, Fail(ErrorCode::kInternal, "worker abandoned the job")));
  }

  const JobSpec& job() const override { return job_->spec; }
  int attempt() const override { return 1; }
  bool cancelled() const override { return job_->cancelled; }
  awaitable<void> wait_cancelled() override { return Wait(cancel_); }

  awaitable<Result<void>> complete(std::string answer) override {
    co_return core_->answer(*job_, std::move(answer));
  }

  // Who else could run it would be in this process too.
  awaitable<Result<void>> hand_back() override {
    co_return core_->answer(*job_, Fail(ErrorCode::kUnavailable, "shutting down"));
  }

 private:
  static awaitable<void> Wait(LatchPtr cancel) { co_await cancel->wait(); }

  std::shared_ptr<Core> core_;
  JobPtr job_;
  LatchPtr cancel_;
};

// Calls `fn` when the scope is left, however that happens.
template <typename F>
class AtExit {
 public:
  explicit AtExit(F fn) : fn_(std::move(fn)) {}
  ~AtExit() { fn_(); }
  AtExit(const AtExit&) = delete;
  AtExit& operator=(const AtExit&) = delete;

 private:
  F fn_;
};

bool IsCancelled(const asio::cancellation_state& state) {
  return state.cancelled() != asio::cancellation_type::none;
}

awaitable<Answer> Submit(std::shared_ptr<Core> core, JobSpec spec) {
  const auto executor = co_await asio::this_coro::executor;
  const auto deadline_time = spec.deadline;
  const auto done = std::make_shared<Latch>(executor);
  auto job = core->enqueue(std::move(spec), done);
  if (!job) co_return std::unexpected(std::move(job.error()));
  const AtExit guard([&] { core->conclude(*job); });

  asio::system_timer deadline(executor, deadline_time);
  deadline.async_wait([core, job = *job](error_code error) {
    if (!error) core->expire(job);
  });
  co_await done->wait();
  co_return core->conclude(*job);
}

awaitable<Result<Lease>> Take(std::shared_ptr<Core> core) {
  const auto executor = co_await asio::this_coro::executor;
  for (;;) {
    const auto taker = std::make_shared<Taker>(executor);
    const AtExit guard([&] { core->leave(taker); });
    const Core::Seat seat = core->seat(taker);
    if (seat == Core::Seat::kStopped) co_return Fail(ErrorCode::kCancelled, "shutting down");
    if (seat == Core::Seat::kWaiting) co_await taker->wake.wait();
    if (IsCancelled(co_await asio::this_coro::cancellation_state)) {
      co_return Fail(ErrorCode::kCancelled, "no longer waiting for work");
    }
    const auto cancel = std::make_shared<Latch>(executor);
    if (JobPtr job = core->claim(*taker, cancel)) {
      co_return Lease(std::make_unique<InProcessLease>(core, std::move(job), cancel));
    }
  }
}

}  // namespace

InProcessJobQueue::InProcessJobQueue(InProcessJobQueueOptions options)
    : core_(std::make_shared<Core>(options)) {}

InProcessJobQueue::~InProcessJobQueue() {
  core_->stop();
}

awaitable<Result<std::string>> InProcessJobQueue::submit(JobSpec spec) {
  return Submit(core_, std::move(spec));
}

awaitable<Result<Lease>> InProcessJobQueue::take() {
  return Take(core_);
}

void InProcessJobQueue::stop() {
  core_->stop();
}

awaitable<Result<std::size_t>> InProcessJobQueue::depth() {
  const std::lock_guard lock(core_->mutex);
  co_return core_->waiting;
}

awaitable<Result<QueueStats>> InProcessJobQueue::stats() {
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(core_->mutex);
  QueueStats stats{.waiting = core_->waiting, .tenants = core_->ring.size()};
  for (const auto& tenant : core_->ring) {
    const auto age =
        std::chrono::duration_cast<std::chrono::milliseconds>(now - tenant.jobs.front()->entered);
    stats.oldest = std::max(stats.oldest, age);
  }
  co_return stats;
}

}  // namespace codeapi
