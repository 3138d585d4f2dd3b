// Theory of operation.
//
// Everything about the connection happens on one strand. A call puts itself into the inbox, which a mutex
// guards, and waits to be woken; the strand moves it to the outbox, and from there, when it is written, to
// those in flight, whose order is the order of replies. Deadlines of all calls are kept sorted and served by
// one timer: an overdue call that was not written fails alone, one in flight takes the connection with it.
//
// One coroutine makes connections and reads replies, for ever. Writes are a chain of their own: each takes
// all that is in the outbox.
#include "net/redis_client.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <random>
#include <set>
#include <utility>

#include <boost/asio.hpp>

#include "net/redis_link.h"
#include "net/wake.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using error_code = boost::system::error_code;
using Clock = std::chrono::steady_clock;
using Reply = Result<RedisValue>;

constexpr std::size_t kMaxBatch = 256;  // commands of one write

struct Call {
  RedisCommand command;
  Clock::time_point deadline;
  std::multiset<Clock::time_point>::iterator place;  // on the strand
  Reply reply = Fail(ErrorCode::kInternal, "no reply");
  std::atomic<bool> done = false;
  Wake wake;
};
using CallPtr = std::shared_ptr<Call>;

void Finish(Call& call, Reply reply) {
  call.reply = std::move(reply);
  call.done = true;
  call.wake.notify();
}

}  // namespace

struct RedisClient::Core : std::enable_shared_from_this<Core> {
  Core(const asio::any_io_executor& executor, RedisOptions o, RedisTrust t)
      : options(std::move(o)),
        trust(std::move(t)),
        strand(asio::make_strand(executor)),
        timer(strand),
        pause(strand) {}
  ~Core() { failAll(Fail(ErrorCode::kUnavailable, "the Redis client was closed")); }

  const RedisOptions options;
  const RedisTrust trust;
  const asio::strand<asio::any_io_executor> strand;

  std::mutex mutex;  // guards what follows
  std::deque<CallPtr> inbox;
  bool kicked = false;        // the strand has been told to look into the inbox
  std::optional<Error> away;  // why calls fail at once
  std::size_t pending = 0, pending_bytes = 0;

  std::atomic<bool> closed = false;
  std::atomic<bool> connected = false;

  // On the strand.
  std::shared_ptr<RedisLink> link;
  std::deque<CallPtr> outbox, flight;
  bool writing = false;
  bool useful = false;  // the link has answered something
  std::multiset<Clock::time_point> deadlines;
  asio::steady_timer timer, pause;
  bool armed = false;  // the timer
  int failures = 0;    // in a row

  // Any thread.
  awaitable<Reply> call(std::span<const std::string_view> args, std::chrono::milliseconds timeout);
  Result<void> enter(const CallPtr& call);
  void close();

  // The strand.
  static awaitable<void> Run(std::shared_ptr<Core> core);
  awaitable<Error> readReplies();
  void collect();
  void startWrite();
  static awaitable<void> Write(std::shared_ptr<Core> core, std::shared_ptr<RedisLink> link,
                               std::vector<CallPtr> batch);
  void settle(Call& call, Reply reply);
  void failAll(const std::unexpected<Error>& error);
  void setAway(std::optional<Error> error);
  void arm();
  void expire();
  std::chrono::milliseconds backoff() const;
};

Result<void> RedisClient::Core::enter(const CallPtr& call) {
  const std::size_t size = call->command.bytes().size();
  const std::lock_guard lock(mutex);
  if (closed) return Fail(ErrorCode::kUnavailable, "the Redis client was closed");
  if (away) return std::unexpected(*away);
  if (pending >= options.max_pending || pending_bytes + size > options.max_pending_bytes) {
    return Fail(ErrorCode::kUnavailable, "too much waits for Redis");
  }
  ++pending;
  pending_bytes += size;
  inbox.push_back(call);
  if (std::exchange(kicked, true)) return {};
  asio::post(strand, [self = shared_from_this()] {
    self->collect();
    self->startWrite();
  });
  return {};
}

awaitable<Reply> RedisClient::Core::call(std::span<const std::string_view> args,
                                         std::chrono::milliseconds timeout) {
  const auto call = std::make_shared<Call>();
  Result<RedisCommand> command = RedisCommand::Encode(args);
  if (!command) co_return std::unexpected(std::move(command.error()));
  call->command = std::move(*command);
  call->deadline = Clock::now() + timeout;
  const Result<void> entered = enter(call);
  if (!entered) co_return std::unexpected(entered.error());
  while (!call->done) {
    co_await call->wake.wait();
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    if (!call->done && cancellation.cancelled() != asio::cancellation_type::none) {
      co_return Fail(ErrorCode::kCancelled, "no longer waiting for Redis");
    }
  }
  co_return std::move(call->reply);
}

// The inbox becomes part of the outbox, or fails if Redis went away meanwhile.
void RedisClient::Core::collect() {
  std::deque<CallPtr> arrived;
  std::optional<Error> refused;
  {
    const std::lock_guard lock(mutex);
    kicked = false;
    arrived.swap(inbox);
    refused = away;
  }
  for (CallPtr& call : arrived) {
    call->place = deadlines.insert(call->deadline);
    outbox.push_back(std::move(call));
  }
  if (refused) failAll(std::unexpected(*refused));
  arm();
}

void RedisClient::Core::startWrite() {
  if (writing || link == nullptr || outbox.empty()) return;
  std::vector<CallPtr> batch;
  while (!outbox.empty() && batch.size() < kMaxBatch) {
    batch.push_back(outbox.front());
    flight.push_back(std::move(outbox.front()));
    outbox.pop_front();
  }
  writing = true;
  asio::co_spawn(strand, Write(shared_from_this(), link, std::move(batch)), asio::detached);
}

awaitable<void> RedisClient::Core::Write(std::shared_ptr<Core> core, std::shared_ptr<RedisLink> link,
                                         std::vector<CallPtr> batch) {
  std::vector<asio::const_buffer> buffers;
  for (const CallPtr& call : batch) buffers.push_back(asio::buffer(call->command.bytes()));
  const error_code error = co_await link->write(buffers);
  if (core->link != link) co_return;  // another chain has begun
  core->writing = false;
  if (error) {
    link->close();  // the reader notices
    co_return;
  }
  core->startWrite();
}

void RedisClient::Core::settle(Call& call, Reply reply) {
  deadlines.erase(call.place);
  {
    const std::lock_guard lock(mutex);
    --pending;
    pending_bytes -= call.command.bytes().size();
  }
  Finish(call, std::move(reply));
}

void RedisClient::Core::failAll(const std::unexpected<Error>& error) {
  for (std::deque<CallPtr>* queue : {&flight, &outbox}) {
    while (!queue->empty()) {
      const CallPtr call = std::move(queue->front());
      queue->pop_front();
      settle(*call, error);
    }
  }
  std::deque<CallPtr> arrived;
  {
    const std::lock_guard lock(mutex);
    arrived.swap(inbox);
    pending -= arrived.size();
    for (const CallPtr& call : arrived) pending_bytes -= call->command.bytes().size();
  }
  for (const CallPtr& call : arrived) Finish(*call, error);
}

void RedisClient::Core::setAway(std::optional<Error> error) {
  const std::lock_guard lock(mutex);
  away = std::move(error);
}

void RedisClient::Core::arm() {
  // A timer that is set to earlier finds out when it fires: cheaper than to set it anew for each call.
  if (deadlines.empty() || (armed && timer.expiry() <= *deadlines.begin())) return;
  armed = true;
  timer.expires_at(*deadlines.begin());
  timer.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (error || self == nullptr) return;
    self->armed = false;
    self->expire();
    self->arm();
  });
}

void RedisClient::Core::expire() {
  const auto now = Clock::now();
  const auto overdue = [&](const CallPtr& call) { return call->deadline <= now; };
  if (link != nullptr && std::ranges::any_of(flight, overdue)) {
    link->close();  // the reader fails what is in flight
  }
  for (std::size_t i = 0; i < outbox.size();) {
    if (!overdue(outbox[i])) {
      ++i;
      continue;
    }
    const CallPtr call = std::move(outbox[i]);
    outbox.erase(outbox.begin() + static_cast<std::ptrdiff_t>(i));
    settle(*call, Fail(ErrorCode::kUnavailable, "Redis at " + options.where() + " is not connected"));
  }
}

// Returns why the connection has ended.
awaitable<Error> RedisClient::Core::readReplies() {
  const auto current = link;
  for (;;) {
    Reply reply = co_await current->read();
    if (!reply) co_return std::move(reply.error());
    if (flight.empty()) co_return Error{ErrorCode::kUnavailable, "Redis sent what nobody asked for"};
    const CallPtr call = std::move(flight.front());
    flight.pop_front();
    const bool elsewhere = reply->type == RedisValue::Type::kError && IsRedisElsewhere(reply->text);
    const Error error = elsewhere ? RedisReplyError(reply->text) : Error{};
    settle(*call, std::move(reply));
    if (elsewhere) co_return error;
    useful = true;
  }
}

std::chrono::milliseconds RedisClient::Core::backoff() const {
  const auto limit = options.max_backoff.count();
  const auto full = std::min(limit, options.min_backoff.count() << std::min(failures - 1, 20));
  // Clients that lost the same server do not come back in step.
  std::minstd_rand random(std::random_device{}());
  return std::chrono::milliseconds(full -
                                   static_cast<std::int64_t>(random() % static_cast<unsigned>(full / 2 + 1)));
}

awaitable<void> RedisClient::Core::Run(std::shared_ptr<Core> core) {
  while (!core->closed) {
    auto opened = co_await RedisLink::Open(core->strand, core->options, core->trust);
    Error why;
    if (opened && !core->closed) {
      core->link = std::move(*opened);
      core->writing = false;
      core->useful = false;
      core->setAway({});
      core->connected = true;
      core->collect();
      core->startWrite();
      why = co_await core->readReplies();
      core->connected = false;
      core->link->close();
      core->link.reset();
      if (core->useful) core->failures = 0;
    } else if (!opened) {
      why = std::move(opened.error());
    }
    why.code = ErrorCode::kUnavailable;
    const auto failed = std::unexpected(std::move(why));
    // A connection that has been of use is made again at once, and calls wait for that.
    const bool at_once = !opened ? false : core->useful;
    if (!at_once) {
      ++core->failures;
      core->setAway(failed.error());
    }
    // What was written may have been executed; what was not can be sent over the next connection.
    std::deque<CallPtr> unsent;
    if (at_once) unsent.swap(core->outbox);
    for (const CallPtr& call : std::exchange(core->flight, {})) core->settle(*call, failed);
    if (at_once) {
      core->outbox.swap(unsent);
      continue;
    }
    core->failAll(failed);
    if (core->closed) break;
    core->pause.expires_after(core->backoff());
    co_await core->pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  core->failAll(Fail(ErrorCode::kUnavailable, "the Redis client was closed"));
}

void RedisClient::Core::close() {
  {
    const std::lock_guard lock(mutex);
    closed = true;
  }
  asio::post(strand, [self = shared_from_this()] {
    if (self->link != nullptr) self->link->close();
    self->pause.cancel();
    self->failAll(Fail(ErrorCode::kUnavailable, "the Redis client was closed"));
    self->timer.cancel();
  });
}

RedisClient::RedisClient(std::shared_ptr<Core> core) : core_(std::move(core)) {}

RedisClient::~RedisClient() {
  core_->close();
}

Result<std::unique_ptr<RedisClient>> RedisClient::Make(const asio::any_io_executor& executor,
                                                       RedisOptions options) {
  Result<RedisTrust> trust = RedisTrust::Make(options);
  if (!trust) return std::unexpected(std::move(trust.error()));
  auto core = std::make_shared<Core>(executor, std::move(options), std::move(*trust));
  asio::co_spawn(core->strand, Core::Run(core), asio::detached);
  return std::unique_ptr<RedisClient>(new RedisClient(std::move(core)));
}

namespace {

Reply Judge(Reply reply) {
  if (reply && reply->type == RedisValue::Type::kError) return std::unexpected(RedisReplyError(reply->text));
  return reply;
}

awaitable<Reply> RunCommand(std::shared_ptr<RedisClient::Core> core, std::vector<std::string> args,
                            std::chrono::milliseconds timeout) {
  const std::vector<std::string_view> views(args.begin(), args.end());
  co_return Judge(co_await core->call(views, timeout));
}

awaitable<Reply> RunScript(std::shared_ptr<RedisClient::Core> core, const RedisScript& script,
                           std::vector<std::string> keys, std::vector<std::string> args) {
  const std::string key_count = std::to_string(keys.size());
  std::vector<std::string_view> views{"EVALSHA", script.sha1(), key_count};
  views.insert(views.end(), keys.begin(), keys.end());
  views.insert(views.end(), args.begin(), args.end());
  Reply reply = co_await core->call(views, core->options.command_timeout);
  if (reply && reply->type == RedisValue::Type::kError && reply->text.starts_with("NOSCRIPT")) {
    views[0] = "EVAL";
    views[1] = script.source();
    reply = co_await core->call(views, core->options.command_timeout);
  }
  co_return Judge(std::move(reply));
}

}  // namespace

awaitable<Reply> RedisClient::Command(std::vector<std::string> args,
                                      std::optional<std::chrono::milliseconds> timeout) {
  return RunCommand(core_, std::move(args), timeout.value_or(core_->options.command_timeout));
}

awaitable<Reply> RedisClient::Eval(const RedisScript& script, std::vector<std::string> keys,
                                   std::vector<std::string> args) {
  return RunScript(core_, script, std::move(keys), std::move(args));
}

void RedisClient::close() {
  core_->close();
}

bool RedisClient::connected() const {
  return core_->connected;
}

const RedisOptions& RedisClient::options() const {
  return core_->options;
}

}  // namespace codeapi
