// What the parts of RedisJobQueue share; not for others.
//
// Theory of operation. All that matters is in Redis, and moved there by scripts (redis_job_scripts.cc); what
// is here are the coroutines that wait for it. Each waits on a latch of its own, as in the queue in the
// process. One thread runs everything else: calls of the scripts on behalf of several waiters, and what must
// be finished after its caller is gone.
//
// Messages wake this process, and they only ever say "look": after every (re)subscription everything is
// looked at, so none that was lost is missed. Answers are fetched, and finished jobs removed, one call at a
// time for all that have gathered meanwhile: that costs Redis much less than a call for each. A call whose
// outcome is unknown, because the connection broke, is made good: a job that may have been enqueued is
// cancelled, one that may have been taken is given back, an answer that may have been given is given again,
// which the scripts notice.
#pragma once

#include <atomic>
#include <chrono>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "net/redis_client.h"
#include "net/redis_subscriber.h"
#include "store/latch.h"
#include "store/redis_job_queue.h"
#include "store/redis_job_scripts.h"

namespace codeapi {

struct RedisJobQueue::Core : std::enable_shared_from_this<Core> {
  using Answer = Result<std::string>;
  using Steady = std::chrono::steady_clock;
  using LatchPtr = std::shared_ptr<Latch>;
  template <typename T>
  using awaitable = boost::asio::awaitable<T>;

  // One submit() under way. All but the constants guarded by the mutex.
  struct Submission {
    std::string id;
    std::chrono::system_clock::time_point deadline;
    LatchPtr done;  // let go of with the answer
    std::optional<Answer> answer;
    enum class State { kUnknown, kEnqueued, kOver } state = State::kUnknown;
  };
  using SubmissionPtr = std::shared_ptr<Submission>;

  // A job that Redis says this process runs.
  struct Hold {
    std::string id;
    std::string fence;  // tells this lease from all others of the job
    int attempt = 1;
    JobSpec spec;
    std::string token;  // tells its answer from another's
    std::atomic<bool> cancelled = false;
    std::atomic<bool> lost = false;
    LatchPtr cancel;  // guarded by the mutex
  };
  using HoldPtr = std::shared_ptr<Hold>;

  // One take() under way; guarded by the mutex.
  struct Taker {
    LatchPtr wake;
    HoldPtr hold;  // handed over, not claimed
    bool queued = false;
    std::list<std::shared_ptr<Taker>>::iterator place;
  };
  using TakerPtr = std::shared_ptr<Taker>;

  Core(RedisJobQueueOptions o);

  // The thread's; it outlives everything that has a timer on it.
  boost::asio::io_context io{1};
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work;
  std::thread thread;

  const RedisJobQueueOptions options;
  const std::string name;
  const std::string prefix;  // of keys, as the scripts take it
  const RedisJobScripts scripts;
  std::unique_ptr<RedisClient> client;
  std::unique_ptr<RedisSubscriber> subscriber;

  std::mutex mutex;
  std::unordered_map<std::string, SubmissionPtr> submissions;
  std::unordered_map<std::string, HoldPtr> holds;
  std::list<TakerPtr> takers;
  std::vector<std::string> over;  // jobs of ours that Redis may forget
  bool forgetting = false;
  bool stopped = false;
  bool closed = false;  // nothing may be started on the thread any more

  // The thread only.
  std::set<boost::asio::steady_timer*> sleepers;
  bool ending = false;
  bool fetching = false, rung = false;
  std::vector<SubmissionPtr> to_collect;  // may have an answer
  bool collecting = false;
  bool uncertain = true;  // Redis may think that we run what we know nothing of
  boost::asio::steady_timer* tick_timer = nullptr;
  Steady::time_point heard = Steady::now();  // when Redis last answered a tick

  // Runs a script. Any thread.
  awaitable<Result<RedisValue>> eval(const RedisScript& script, std::vector<std::string> args);
  // The same, again and again until Redis answers; nothing at the end. On the thread.
  awaitable<std::optional<RedisValue>> evalUntilAnswered(const RedisScript& script,
                                                         std::vector<std::string> args);
  // Runs `job` on the thread, whatever becomes of the caller; not after the end.
  void background(awaitable<void> job);
  // Sleeps, on the thread, until then or until something has changed for the better.
  awaitable<void> sleep(std::chrono::milliseconds time);
  void wakeSleepers();

  // Submitting (redis_job_submit.cc).
  static awaitable<Answer> Submit(std::shared_ptr<Core> core, JobSpec spec);
  awaitable<Result<void>> enqueue(Submission& submission, const JobSpec& spec);
  Answer conclude(const SubmissionPtr& submission);
  void answer(const SubmissionPtr& submission, Answer answer);
  void collect(const std::vector<SubmissionPtr>& some);  // the thread
  static awaitable<void> Collect(std::shared_ptr<Core> core);
  void collected(const SubmissionPtr& submission, std::vector<RedisValue>& parts);
  void forget(std::string id);
  static awaitable<void> Forget(std::shared_ptr<Core> core);
  static awaitable<void> Cancel(std::shared_ptr<Core> core, std::vector<std::string> ids, bool maybe);
  static awaitable<void> Recall(std::shared_ptr<Core> core, SubmissionPtr submission, Error why);
  void giveUpOverdue();
  SubmissionPtr submission(const std::string& id);
  std::vector<SubmissionPtr> allSubmissions();

  // Taking (redis_job_take.cc).
  static awaitable<Result<Lease>> Take(std::shared_ptr<Core> core);
  bool seat(const TakerPtr& taker);
  HoldPtr claim(Taker& taker, const LatchPtr& cancel);
  void leave(const TakerPtr& taker);
  void kick();  // the thread
  static awaitable<void> Fetch(std::shared_ptr<Core> core);
  awaitable<Result<bool>> fetchOne();
  awaitable<Result<void>> reconcile();
  void deliver(HoldPtr hold);
  static awaitable<Result<void>> Settle(std::shared_ptr<Core> core, HoldPtr hold, std::string code,
                                        std::string text);
  static awaitable<Result<void>> HandBack(std::shared_ptr<Core> core, HoldPtr hold);
  static awaitable<void> Abandon(std::shared_ptr<Core> core, HoldPtr hold);
  static awaitable<void> Return(std::shared_ptr<Core> core, HoldPtr hold);
  static awaitable<void> Probe(std::shared_ptr<Core> core);
  awaitable<Result<void>> tellUntilKnown(HoldPtr hold, const RedisScript& script,
                                         std::vector<std::string> args);
  void release(const HoldPtr& hold);
  void cancelHold(const std::string& id, bool lost);

  // Living (redis_job_queue.cc).
  static awaitable<void> Ticks(std::shared_ptr<Core> core);
  static awaitable<void> Ring(std::shared_ptr<Core> core);
  static awaitable<void> Retire(std::shared_ptr<Core> core);
  static awaitable<void> End(std::shared_ptr<Core> core);
  void onMessage(std::string_view message);
  void onSubscribed();
  void stop();
};

}  // namespace codeapi
