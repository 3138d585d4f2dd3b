#include "worker/health.h"

#include <algorithm>
#include <string>

#include <boost/asio.hpp>

namespace codeapi {
namespace {

namespace asio = boost::asio;
using asio::as_tuple;
using asio::use_awaitable;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kCanaryOutput = "alive\n";
// After a failed canary the next one does not wait for the usual interval.
constexpr auto kRetry = std::chrono::seconds(2);

class CanarySink final : public RunSink {
 public:
  asio::awaitable<Result<void>> Stdout(std::string_view bytes) override {
    if (bytes.size() > kCanaryOutput.size() - out.size()) {
      co_return Fail(ErrorCode::kSetupFailed, "the canary program printed what it should not");
    }
    out.append(bytes);
    co_return Result<void>();
  }
  asio::awaitable<Result<void>> Stderr(std::string_view) override { co_return Result<void>(); }
  asio::awaitable<Result<void>> FileBegin(const RunOutput&) override { co_return Result<void>(); }
  asio::awaitable<Result<void>> FileData(std::string_view) override { co_return Result<void>(); }
  asio::awaitable<Result<void>> FileEnd(bool) override { co_return Result<void>(); }
  std::string out;
};

}  // namespace

struct HealthMonitor::State {
  State(asio::any_io_executor e, Sandbox& s, Log& l, std::chrono::milliseconds age)
      : executor(asio::make_strand(std::move(e))),
        sandbox(s),
        log(l),
        max_age(age),
        timer(executor),
        ended(executor) {}
  asio::strand<asio::any_io_executor> executor;
  Sandbox& sandbox;
  Log& log;
  std::chrono::milliseconds max_age;
  std::atomic<Clock::rep> last_success{0};  // 0: never
  bool started = false, stopping = false, finished = false;
  asio::steady_timer timer, ended;
};

HealthMonitor::HealthMonitor(asio::any_io_executor executor, Sandbox& sandbox, Log& log,
                             std::chrono::milliseconds max_age)
    : state_(std::make_shared<State>(std::move(executor), sandbox, log, max_age)) {}

HealthMonitor::~HealthMonitor() = default;

bool HealthMonitor::healthy() const {
  const Clock::rep last = state_->last_success;
  return last != 0 && Clock::now().time_since_epoch() - Clock::duration(last) <= state_->max_age;
}

asio::awaitable<Result<void>> HealthMonitor::RunCanary(std::shared_ptr<State> state) {
  RunRequest request;
  request.runtime = "bash";
  request.source_name = "canary.sh";
  request.wall_ms = 10'000;
  request.cpu_ms = 10'000;
  request.memory_bytes = 128ull << 20;
  std::vector<RunInput> files;
  files.push_back({{CellFileKind::kSource, request.source_name, 0, false}, std::string("echo alive\n")});
  CanarySink sink;
  auto verdict = co_await state->sandbox.Run(std::move(request), std::move(files), sink);
  if (!verdict) co_return std::unexpected(verdict.error());
  if (verdict->end != RunEnd::kExit || verdict->code != 0 || sink.out != kCanaryOutput) {
    co_return Fail(ErrorCode::kSetupFailed,
                   std::string("the canary program ended as ") + RunEndName(verdict->end) + " " +
                       std::to_string(verdict->end == RunEnd::kSignal ? verdict->signal : verdict->code));
  }
  state->last_success = Clock::now().time_since_epoch().count();
  co_return Result<void>();
}

asio::awaitable<Result<void>> HealthMonitor::Probe() {
  const auto state = state_;
  co_return co_await RunCanary(state);
}

asio::awaitable<void> HealthMonitor::Loop(std::shared_ptr<State> state) {
  while (!state->stopping) {
    const auto probed = co_await RunCanary(state);
    if (!probed) state->log.Write(Severity::kError, "no program runs", {{"detail", probed.error().message}});
    if (state->stopping) break;
    const auto interval =
        std::max<std::chrono::milliseconds>(state->max_age / 2, std::chrono::milliseconds(100));
    state->timer.expires_after(probed ? interval : std::min<std::chrono::milliseconds>(interval, kRetry));
    co_await state->timer.async_wait(as_tuple(use_awaitable));
  }
  state->finished = true;
  state->ended.cancel();
}

void HealthMonitor::Start() {
  state_->started = true;
  asio::co_spawn(state_->executor, Loop(state_), asio::detached);
}

asio::awaitable<void> HealthMonitor::Stop() {
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
