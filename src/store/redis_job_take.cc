// The worker's side of RedisJobQueue.
#include <algorithm>
#include <utility>

#include <boost/asio.hpp>

#include "base/ids.h"
#include "store/redis_job_queue_core.h"
#include "store/shielded.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using std::chrono::milliseconds;
using Core = RedisJobQueue::Core;

constexpr milliseconds kForever = std::chrono::hours(24 * 3650);

class RedisLease final : public LeaseState {
 public:
  RedisLease(std::shared_ptr<Core> core, Core::HoldPtr hold, Core::LatchPtr cancel)
      : core_(std::move(core)), hold_(std::move(hold)), cancel_(std::move(cancel)) {}

  ~RedisLease() override {
    {
      const std::lock_guard lock(core_->mutex);
      hold_->cancel.reset();
    }
    if (!answered_) core_->background(Core::Abandon(core_, hold_));
  }

  const JobSpec& job() const override { return hold_->spec; }
  int attempt() const override { return hold_->attempt; }
  bool cancelled() const override { return hold_->cancelled; }
  awaitable<void> wait_cancelled() override { return Wait(cancel_); }

  awaitable<Result<void>> complete(std::string answer) override {
    if (answered_) co_return Fail(ErrorCode::kConflict, "the job was answered before");
    if (answer.size() > core_->options.max_bytes)
      co_return Fail(ErrorCode::kTooLarge, "the answer is too large");
    co_return Noted(co_await Shielded(Core::Settle(core_, hold_, "ok", std::move(answer))));
  }

  awaitable<Result<void>> hand_back() override {
    if (answered_) co_return Fail(ErrorCode::kConflict, "the job was answered before");
    co_return Noted(co_await Shielded(Core::HandBack(core_, hold_)));
  }

 private:
  static awaitable<void> Wait(Core::LatchPtr cancel) { co_await cancel->wait(); }

  Result<void> Noted(Result<void> done) {
    answered_ = done || done.error().code != ErrorCode::kUnavailable;
    return done;
  }

  std::shared_ptr<Core> core_;
  Core::HoldPtr hold_;
  Core::LatchPtr cancel_;
  bool answered_ = false;  // or nothing that is said still counts
};

template <typename F>
class OnExit {
 public:
  explicit OnExit(F fn) : fn_(std::move(fn)) {}
  ~OnExit() { fn_(); }
  OnExit(const OnExit&) = delete;
  OnExit& operator=(const OnExit&) = delete;

 private:
  F fn_;
};

}  // namespace

bool RedisJobQueue::Core::seat(const TakerPtr& taker) {
  {
    const std::lock_guard lock(mutex);
    if (stopped) return false;
    taker->place = takers.insert(takers.end(), taker);
    taker->queued = true;
  }
  asio::post(io, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->kick();
  });
  return true;
}

// The job the taker was handed, from now on its own; none if it was handed none or it was cancelled
// meanwhile.
RedisJobQueue::Core::HoldPtr RedisJobQueue::Core::claim(Taker& taker, const LatchPtr& cancel) {
  HoldPtr hold;
  {
    const std::lock_guard lock(mutex);
    hold = std::move(taker.hold);
    if (hold == nullptr) return nullptr;
    if (!hold->cancelled) {
      hold->cancel = cancel;
      return hold;
    }
  }
  background(Abandon(shared_from_this(), std::move(hold)));
  return nullptr;
}

void RedisJobQueue::Core::leave(const TakerPtr& taker) {
  HoldPtr hold;
  {
    const std::lock_guard lock(mutex);
    if (taker->queued) takers.erase(taker->place);
    taker->queued = false;
    hold = std::move(taker->hold);
  }
  if (hold != nullptr) background(Return(shared_from_this(), std::move(hold)));
}

awaitable<Result<Lease>> RedisJobQueue::Core::Take(std::shared_ptr<Core> core) {
  const auto executor = co_await asio::this_coro::executor;
  for (;;) {
    const auto taker = std::make_shared<Taker>();
    const auto wake = std::make_shared<Latch>(executor);
    taker->wake = wake;
    const OnExit guard([&] { core->leave(taker); });
    if (!core->seat(taker)) co_return Fail(ErrorCode::kCancelled, "shutting down");
    co_await wake->wait();
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    if (cancellation.cancelled() != asio::cancellation_type::none) {
      co_return Fail(ErrorCode::kCancelled, "no longer waiting for work");
    }
    const auto cancel = std::make_shared<Latch>(executor);
    if (HoldPtr hold = core->claim(*taker, cancel)) {
      co_return Lease(std::make_unique<RedisLease>(core, std::move(hold), cancel));
    }
  }
}

void RedisJobQueue::Core::kick() {
  rung = true;
  if (std::exchange(fetching, true)) return;
  background(Fetch(shared_from_this()));
}

// Takes jobs for as long as there are some and somebody wants them. Only one at a time.
awaitable<void> RedisJobQueue::Core::Fetch(std::shared_ptr<Core> core) {
  while (std::exchange(core->rung, false) && !core->ending) {
    for (;;) {
      {
        const std::lock_guard lock(core->mutex);
        if (core->takers.empty()) break;
      }
      const Result<bool> more = co_await core->fetchOne();
      if (!more) {
        core->rung = true;
        co_await core->sleep(milliseconds(100));
      }
      if (!more || !*more) break;
    }
  }
  core->fetching = false;
}

awaitable<Result<void>> RedisJobQueue::Core::reconcile() {
  std::vector<std::string> args{name};
  {
    const std::lock_guard lock(mutex);
    for (const auto& [id, hold] : holds) args.push_back(id);
  }
  const auto done = co_await eval(scripts.reconcile, std::move(args));
  if (!done) co_return std::unexpected(done.error());
  uncertain = false;
  co_return Result<void>();
}

// Takes one job; whether there was one.
awaitable<Result<bool>> RedisJobQueue::Core::fetchOne() {
  if (uncertain) {
    const Result<void> done = co_await reconcile();
    if (!done) co_return std::unexpected(done.error());
  }
  uncertain = true;
  auto reply = co_await eval(scripts.take, {name, std::to_string(options.lease.count())});
  if (!reply) co_return std::unexpected(reply.error());
  uncertain = false;
  std::vector<RedisValue>& parts = reply->elements;
  if (parts.size() != 9) co_return false;
  auto hold = std::make_shared<Hold>();
  hold->id = std::move(parts[0].text);
  hold->fence = std::to_string(parts[1].integer);
  hold->attempt = static_cast<int>(parts[2].integer);
  hold->token = NewId();
  const milliseconds left(std::clamp<std::int64_t>(parts[3].integer, 0, kForever.count()));
  hold->spec = {.id = std::move(parts[4].text),
                .tenant = std::move(parts[5].text),
                .payload = std::move(parts[8].text),
                .deadline = std::chrono::system_clock::now() + left,
                .worker = std::move(parts[6].text),
                .trace = std::move(parts[7].text)};
  deliver(std::move(hold));
  co_return true;
}

void RedisJobQueue::Core::deliver(HoldPtr hold) {
  {
    const std::lock_guard lock(mutex);
    holds[hold->id] = hold;
    if (!takers.empty()) {
      const TakerPtr taker = takers.front();
      takers.pop_front();
      taker->queued = false;
      taker->hold = std::move(hold);
      taker->wake->set();
      return;
    }
  }
  background(Return(shared_from_this(), std::move(hold)));
}

void RedisJobQueue::Core::release(const HoldPtr& hold) {
  const std::lock_guard lock(mutex);
  const auto found = holds.find(hold->id);
  if (found != holds.end() && found->second == hold) holds.erase(found);
}

void RedisJobQueue::Core::cancelHold(const std::string& id, bool lost) {
  const std::lock_guard lock(mutex);
  const auto found = holds.find(id);
  if (found == holds.end()) return;
  if (lost) found->second->lost = true;
  found->second->cancelled = true;
  if (found->second->cancel) found->second->cancel->set();
}

// Runs a script that ends the hold until its outcome is known, which is what is returned. Any executor.
awaitable<Result<void>> RedisJobQueue::Core::tellUntilKnown(HoldPtr hold, const RedisScript& script,
                                                            std::vector<std::string> args) {
  const auto left = std::min<std::chrono::system_clock::duration>(
      hold->spec.deadline - std::chrono::system_clock::now(), kForever);
  const auto give_up = Steady::now() + std::max<Steady::duration>(options.lease, left);
  asio::steady_timer timer(co_await asio::this_coro::executor);
  std::vector<std::string> all{hold->id, name, hold->fence, hold->token};
  all.insert(all.end(), std::make_move_iterator(args.begin()), std::make_move_iterator(args.end()));
  for (int tries = 0;; ++tries) {
    {
      const std::lock_guard lock(mutex);
      if (closed) co_return Fail(ErrorCode::kUnavailable, "the queue was closed");
    }
    if (hold->lost) co_return Fail(ErrorCode::kConflict, "the job was taken over");
    const auto reply = co_await eval(script, all);
    if (reply) {
      if (reply->text == "ok") co_return Result<void>();
      // After a call without a reply: it was that one, and things have gone on since.
      const bool gone_on =
          reply->text == "gone" || (reply->text == "conflict" && &script == &scripts.hand_back);
      if (gone_on && tries > 0 && !hold->cancelled) co_return Result<void>();
      if (reply->text == "cancelled") co_return Fail(ErrorCode::kCancelled, "the submitter gave up");
      if (hold->cancelled && !hold->lost) co_return Fail(ErrorCode::kCancelled, "the submitter gave up");
      co_return Fail(ErrorCode::kConflict, "the job was answered before or taken over");
    }
    if (Steady::now() > give_up) co_return std::unexpected(reply.error());
    timer.expires_after(milliseconds(std::min(1000, 50 * (tries + 1))));
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

awaitable<Result<void>> RedisJobQueue::Core::Settle(std::shared_ptr<Core> core, HoldPtr hold,
                                                    std::string code, std::string text) {
  const std::vector<std::string> args{std::move(code), std::move(text)};
  const Result<void> done = co_await core->tellUntilKnown(hold, core->scripts.complete, args);
  core->release(hold);
  co_return done;
}

awaitable<Result<void>> RedisJobQueue::Core::HandBack(std::shared_ptr<Core> core, HoldPtr hold) {
  const Result<void> done = co_await core->tellUntilKnown(hold, core->scripts.hand_back, {});
  core->release(hold);
  co_return done;
}

awaitable<void> RedisJobQueue::Core::Abandon(std::shared_ptr<Core> core, HoldPtr hold) {
  co_await Settle(std::move(core), std::move(hold), "internal", "worker abandoned the job");
}

awaitable<void> RedisJobQueue::Core::Return(std::shared_ptr<Core> core, HoldPtr hold) {
  co_await HandBack(std::move(core), std::move(hold));
}

// Looks what became of everything this process runs.
awaitable<void> RedisJobQueue::Core::Probe(std::shared_ptr<Core> core) {
  std::vector<HoldPtr> held;
  std::vector<std::string> args{core->name};
  {
    const std::lock_guard lock(core->mutex);
    for (const auto& [id, hold] : core->holds) held.push_back(hold);
  }
  if (held.empty()) co_return;
  for (const HoldPtr& hold : held) {
    args.push_back(hold->id);
    args.push_back(hold->fence);
  }
  const auto reply = co_await core->eval(core->scripts.probe, std::move(args));
  if (!reply || reply->elements.size() != held.size()) co_return;  // the next subscription looks again
  for (std::size_t i = 0; i < held.size(); ++i) {
    const std::string& state = reply->elements[i].text;
    if (state != "r") core->cancelHold(held[i]->id, state == "l");
  }
}

}  // namespace codeapi
