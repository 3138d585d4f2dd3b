#include "net/periodic.h"

#include <atomic>
#include <utility>

#include <boost/asio.hpp>

namespace codeapi {
namespace {

namespace asio = boost::asio;
using asio::as_tuple;
using asio::use_awaitable;

}  // namespace

struct Periodic::State {
  State(asio::any_io_executor e, Work w)
      : executor(asio::make_strand(std::move(e))), work(std::move(w)), timer(executor), ended(executor) {}

  const asio::strand<asio::any_io_executor> executor;
  const Work work;
  std::atomic<bool> started = false;
  std::atomic<bool> stopping = false;
  bool finished = false;            // on the strand
  asio::steady_timer timer, ended;  // on the strand
};

Periodic::Periodic(asio::any_io_executor executor, Work work)
    : state_(std::make_shared<State>(std::move(executor), std::move(work))) {}

Periodic::~Periodic() = default;

asio::awaitable<void> Periodic::Loop(std::shared_ptr<State> state) {
  while (!state->stopping) {
    const std::chrono::milliseconds pause = co_await state->work();
    if (state->stopping) break;
    state->timer.expires_after(pause);
    co_await state->timer.async_wait(as_tuple(use_awaitable));
  }
  state->finished = true;
  state->ended.cancel();
}

void Periodic::Start() {
  state_->started = true;
  asio::co_spawn(state_->executor, Loop(state_), asio::detached);
}

bool Periodic::stopping() const {
  return state_->stopping;
}

asio::awaitable<void> Periodic::Stop() {
  state_->stopping = true;
  co_await asio::co_spawn(
      state_->executor,
      [state = state_]() -> asio::awaitable<void> {
        state->timer.cancel();
        while (state->started && !state->finished) {
          state->ended.expires_at(asio::steady_timer::time_point::max());
          co_await state->ended.async_wait(as_tuple(use_awaitable));
        }
      },
      use_awaitable);
}

}  // namespace codeapi
