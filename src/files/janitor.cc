#include "files/janitor.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio.hpp>

#include "auth/ownership.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;
using asio::as_tuple;
using asio::use_awaitable;

constexpr std::size_t kPage = 1000;

}  // namespace

struct Janitor::State {
  State(asio::any_io_executor e, ObjectStore& o, StateStore& s, Log& l, JanitorOptions opts)
      : executor(asio::make_strand(std::move(e))),
        objects(o),
        state(s),
        log(l),
        options(std::move(opts)),
        timer(executor),
        ended(executor) {}

  // Files written after this may still be given an owner.
  std::chrono::system_clock::time_point horizon() const {
    const auto now = options.now ? options.now() : std::chrono::system_clock::now();
    return now - options.file_ttl - options.grace;
  }

  asio::strand<asio::any_io_executor> executor;
  ObjectStore& objects;
  StateStore& state;
  Log& log;
  const JanitorOptions options;
  bool started = false, stopping = false, finished = false;  // on the strand
  asio::steady_timer timer, ended;
};

Janitor::Janitor(asio::any_io_executor executor, ObjectStore& objects, StateStore& state, Log& log,
                 JanitorOptions options)
    : state_(std::make_shared<State>(std::move(executor), objects, state, log, std::move(options))) {}

Janitor::~Janitor() = default;

asio::awaitable<Result<std::size_t>> Janitor::SweepSession(State& state, const std::string& session) {
  auto files = co_await state.objects.list(session);
  if (!files) co_return std::unexpected(files.error());
  std::size_t removed = 0;
  for (const ObjectInfo& file : *files) {
    if (file.last_modified > state.horizon()) continue;
    auto gone = co_await state.objects.remove(file.key);
    // Somebody else may sweep the same store.
    if (!gone && gone.error().code != ErrorCode::kNotFound) co_return std::unexpected(gone.error());
    if (gone) ++removed;
  }
  co_return removed;
}

asio::awaitable<Result<std::size_t>> Janitor::SweepAll(std::shared_ptr<State> state) {
  std::size_t removed = 0;
  std::string after;
  while (!state->stopping) {
    auto sessions = co_await state->objects.sessions(after, kPage);
    if (!sessions) co_return std::unexpected(sessions.error());
    if (sessions->empty()) break;
    std::vector<std::string> keys;
    for (const std::string& session : *sessions) keys.push_back(OwnerKey(session));
    auto owners = co_await state->state.get_many(std::move(keys));
    if (!owners) co_return std::unexpected(owners.error());
    for (std::size_t i = 0; i < sessions->size() && !state->stopping; ++i) {
      if ((*owners)[i]) continue;
      auto swept = co_await SweepSession(*state, (*sessions)[i]);
      if (!swept) co_return swept;
      removed += *swept;
    }
    after = sessions->back();
    if (sessions->size() < kPage) break;
  }
  co_return removed;
}

asio::awaitable<Result<std::size_t>> Janitor::Sweep() {
  const auto state = state_;
  co_return co_await asio::co_spawn(state->executor, SweepAll(state), use_awaitable);
}

asio::awaitable<void> Janitor::Loop(std::shared_ptr<State> state) {
  while (!state->stopping) {
    const auto swept = co_await SweepAll(state);
    if (!swept) {
      state->log.Write(Severity::kWarning, "expired files not removed", {{"detail", swept.error().message}});
    } else if (*swept > 0) {
      state->log.Write(Severity::kInfo, "expired files removed",
                       {{"files", static_cast<std::int64_t>(*swept)}});
    }
    if (state->stopping) break;
    state->timer.expires_after(state->options.interval);
    co_await state->timer.async_wait(as_tuple(use_awaitable));
  }
  state->finished = true;
  state->ended.cancel();
}

void Janitor::Start() {
  state_->started = true;
  asio::co_spawn(state_->executor, Loop(state_), asio::detached);
}

asio::awaitable<void> Janitor::Stop() {
  const auto state = state_;
  co_await asio::co_spawn(
      state->executor,
      [state]() -> asio::awaitable<void> {
        state->stopping = true;
        state->timer.cancel();
        while (state->started && !state->finished) {
          state->ended.expires_at(asio::steady_timer::time_point::max());
          co_await state->ended.async_wait(as_tuple(use_awaitable));
        }
      },
      use_awaitable);
}

}  // namespace codeapi
