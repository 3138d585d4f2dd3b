#include "store/redis_job_queue.h"

#include <algorithm>
#include <utility>

#include <boost/asio.hpp>

#include "base/ids.h"
#include "store/redis_job_queue_core.h"

namespace codeapi {

namespace asio = boost::asio;
using asio::awaitable;
using std::chrono::milliseconds;

RedisJobQueue::Core::Core(RedisJobQueueOptions o)
    : options(std::move(o)),
      name(options.name.empty() ? NewId() : options.name),
      prefix(options.prefix + "{queue}:") {}

awaitable<Result<RedisValue>> RedisJobQueue::Core::eval(const RedisScript& script,
                                                        std::vector<std::string> args) {
  return client->Eval(script, {prefix}, std::move(args));
}

awaitable<std::optional<RedisValue>> RedisJobQueue::Core::evalUntilAnswered(const RedisScript& script,
                                                                            std::vector<std::string> args) {
  for (int tries = 1; !ending; ++tries) {
    auto reply = co_await eval(script, args);
    if (reply) co_return std::move(*reply);
    // An answer that we do not understand will not get better.
    if (reply.error().code != ErrorCode::kUnavailable) co_return std::nullopt;
    co_await sleep(milliseconds(std::min(1000, 50 * tries)));
  }
  co_return std::nullopt;
}

void RedisJobQueue::Core::background(awaitable<void> job) {
  const std::lock_guard lock(mutex);
  if (closed) return;
  // Posted, since it must not begin before the mutex is free.
  asio::post(io,
             [this, job = std::move(job)]() mutable { asio::co_spawn(io, std::move(job), asio::detached); });
}

awaitable<void> RedisJobQueue::Core::sleep(milliseconds time) {
  if (ending) co_return;
  asio::steady_timer timer(io, time);
  sleepers.insert(&timer);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  sleepers.erase(&timer);
}

void RedisJobQueue::Core::wakeSleepers() {
  for (asio::steady_timer* timer : sleepers) timer->cancel();
}

// Says three times per lease that this process lives, and looks whether others still do.
awaitable<void> RedisJobQueue::Core::Ticks(std::shared_ptr<Core> core) {
  const std::string lease = std::to_string(core->options.lease.count());
  const std::string attempts = std::to_string(core->options.max_attempts);
  while (!core->ending) {
    const auto done = co_await core->eval(core->scripts.tick, {core->name, lease, attempts});
    if (done) {
      core->heard = Steady::now();
    } else if (Steady::now() - core->heard > core->options.lease) {
      core->giveUpOverdue();
    }
    core->kick();  // for a message that went to a process that hangs
    if (core->ending) break;
    asio::steady_timer timer(core->io, core->options.lease / 3);
    core->tick_timer = &timer;
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    core->tick_timer = nullptr;
  }
}

awaitable<void> RedisJobQueue::Core::Ring(std::shared_ptr<Core> core) {
  co_await core->evalUntilAnswered(core->scripts.ring, {});
}

void RedisJobQueue::Core::onMessage(std::string_view message) {
  if (message == "w") {
    const auto idle = [&] {
      const std::lock_guard lock(mutex);
      return !takers.empty();
    };
    if (idle()) return kick();
    return background(Ring(shared_from_this()));
  }
  if (message.size() < 3) return;
  const std::string id(message.substr(2));
  if (message[0] != 'a') return cancelHold(id, message[0] == 'l');
  if (auto asked = submission(id)) collect({std::move(asked)});
}

void RedisJobQueue::Core::onSubscribed() {
  wakeSleepers();
  kick();
  collect(allSubmissions());
  background(Probe(shared_from_this()));
}

awaitable<void> RedisJobQueue::Core::Retire(std::shared_ptr<Core> core) {
  co_await core->evalUntilAnswered(core->scripts.retire, {core->name});
}

void RedisJobQueue::Core::stop() {
  std::vector<SubmissionPtr> asked;
  {
    const std::lock_guard lock(mutex);
    if (std::exchange(stopped, true)) return;
    for (const TakerPtr& taker : takers) {
      taker->queued = false;
      taker->wake->set();
    }
    takers.clear();
    for (const auto& [id, submission] : submissions) asked.push_back(submission);
  }
  for (SubmissionPtr& submission : asked) {
    background(Recall(shared_from_this(), std::move(submission), {ErrorCode::kUnavailable, "shutting down"}));
  }
  background(Retire(shared_from_this()));
}

// The last thing the thread does.
awaitable<void> RedisJobQueue::Core::End(std::shared_ptr<Core> core) {
  core->ending = true;
  core->wakeSleepers();
  if (core->tick_timer != nullptr) core->tick_timer->cancel();
  const std::string attempts = std::to_string(core->options.max_attempts);
  co_await core->eval(core->scripts.goodbye, {core->name, attempts});
  for (const SubmissionPtr& asked : core->allSubmissions()) {
    core->answer(asked, Fail(ErrorCode::kUnavailable, "shutting down"));
  }
  {
    const std::lock_guard lock(core->mutex);
    core->closed = true;
    for (const auto& [id, hold] : core->holds) {
      hold->lost = hold->cancelled = true;
      if (hold->cancel) hold->cancel->set();
    }
  }
  core->client->close();
  core->subscriber.reset();
  core->work.reset();
}

RedisJobQueue::RedisJobQueue(std::shared_ptr<Core> core) : core_(std::move(core)) {}

Result<std::unique_ptr<RedisJobQueue>> RedisJobQueue::Make(RedisOptions redis, RedisJobQueueOptions options) {
  auto core = std::make_shared<Core>(std::move(options));
  if (redis.client_name.empty()) redis.client_name = "codeapi-queue-" + core->name;
  redis.max_reply_bytes = std::max(redis.max_reply_bytes, core->options.max_bytes + (1uz << 20));
  auto client = RedisClient::Make(core->io.get_executor(), redis);
  if (!client) return std::unexpected(std::move(client.error()));
  core->client = std::move(*client);
  const auto with = [weak = std::weak_ptr(core)](auto what) {
    return [weak, what](auto... args) {
      if (const auto self = weak.lock()) what(*self, args...);
    };
  };
  auto subscriber = RedisSubscriber::Make(
      core->io.get_executor(), std::move(redis), core->prefix + "in:" + core->name,
      {.on_message = with([](Core& self, std::string_view message) { self.onMessage(message); }),
       .on_subscribed = with([](Core& self) { self.onSubscribed(); }),
       .on_lost = {}});
  if (!subscriber) return std::unexpected(std::move(subscriber.error()));
  core->subscriber = std::move(*subscriber);
  core->work.emplace(core->io.get_executor());
  asio::co_spawn(core->io, Core::Ticks(core), asio::detached);
  core->thread = std::thread([&io = core->io] { io.run(); });
  return std::unique_ptr<RedisJobQueue>(new RedisJobQueue(std::move(core)));
}

RedisJobQueue::~RedisJobQueue() {
  core_->stop();
  core_->background(Core::End(core_));
  core_->thread.join();
}

awaitable<Result<std::string>> RedisJobQueue::submit(JobSpec spec) {
  return Core::Submit(core_, std::move(spec));
}

awaitable<Result<Lease>> RedisJobQueue::take() {
  return Core::Take(core_);
}

void RedisJobQueue::stop() {
  core_->stop();
}

std::string RedisJobQueue::taker() const {
  return core_->name;
}

bool RedisJobQueue::connected() const {
  return core_->client->connected();
}

namespace {

awaitable<Result<bool>> Withdraw(std::shared_ptr<RedisJobQueue::Core> core, std::string id) {
  const auto reply = co_await core->eval(core->scripts.withdraw, {std::move(id)});
  if (!reply) co_return std::unexpected(reply.error());
  co_return reply->integer == 1;
}

awaitable<Result<QueueStats>> Stats(std::shared_ptr<RedisJobQueue::Core> core) {
  const auto reply = co_await core->eval(core->scripts.stats, {});
  if (!reply) co_return std::unexpected(reply.error());
  if (reply->elements.size() != 3) co_return Fail(ErrorCode::kInternal, "Redis: unexpected reply");
  co_return QueueStats{.waiting = static_cast<std::size_t>(reply->elements[0].integer),
                       .tenants = static_cast<std::size_t>(reply->elements[1].integer),
                       .oldest = milliseconds(reply->elements[2].integer)};
}

awaitable<Result<std::size_t>> Depth(std::shared_ptr<RedisJobQueue::Core> core) {
  const auto stats = co_await Stats(std::move(core));
  if (!stats) co_return std::unexpected(stats.error());
  co_return stats->waiting;
}

}  // namespace

awaitable<Result<bool>> RedisJobQueue::cancel(std::string id) {
  return Withdraw(core_, std::move(id));
}

awaitable<Result<std::size_t>> RedisJobQueue::depth() {
  return Depth(core_);
}

awaitable<Result<QueueStats>> RedisJobQueue::stats() {
  return Stats(core_);
}

}  // namespace codeapi
