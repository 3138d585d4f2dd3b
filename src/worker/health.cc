#include "worker/health.h"

#include <algorithm>
#include <string>
#include <utility>

#include "jailer/canary.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

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

HealthMonitor::HealthMonitor(asio::any_io_executor executor, Sandbox& sandbox, Log& log,
                             std::chrono::milliseconds max_age, std::function<void(bool)> probed)
    : sandbox_(sandbox),
      log_(log),
      max_age_(max_age),
      probed_(std::move(probed)),
      periodic_(std::move(executor), [this] { return Turn(); }) {}

bool HealthMonitor::healthy() const {
  const Clock::rep last = last_success_;
  return last != 0 && Clock::now().time_since_epoch() - Clock::duration(last) <= max_age_;
}

asio::awaitable<Result<void>> HealthMonitor::Probe() {
  auto ran = co_await RunCanary();
  if (ran) last_success_ = Clock::now().time_since_epoch().count();
  if (probed_) probed_(ran.has_value());
  co_return ran;
}

asio::awaitable<Result<void>> HealthMonitor::RunCanary() {
  RunRequest request;
  request.runtime = kCanaryRuntime;
  request.source_name = kCanaryName;
  request.wall_ms = kCanaryMillis;
  request.cpu_ms = kCanaryMillis;
  request.memory_bytes = kCanaryMemory;
  std::vector<RunInput> files;
  files.push_back({{CellFileKind::kSource, request.source_name, 0, false}, std::string(kCanaryCode)});
  CanarySink sink;
  auto verdict = co_await sandbox_.Run(std::move(request), std::move(files), sink);
  if (!verdict) co_return std::unexpected(verdict.error());
  if (verdict->end != RunEnd::kExit || verdict->code != 0 || sink.out != kCanaryOutput) {
    co_return Fail(ErrorCode::kSetupFailed,
                   std::string("the canary program ended as ") + RunEndName(verdict->end) + " " +
                       std::to_string(verdict->end == RunEnd::kSignal ? verdict->signal : verdict->code));
  }
  co_return Result<void>();
}

asio::awaitable<std::chrono::milliseconds> HealthMonitor::Turn() {
  const auto probed = co_await Probe();
  if (!probed) log_.Write(Severity::kError, "no program runs", {{"detail", probed.error().message}});
  const auto interval = std::max<std::chrono::milliseconds>(max_age_ / 2, std::chrono::milliseconds(100));
  co_return probed ? interval : std::min<std::chrono::milliseconds>(interval, kRetry);
}

}  // namespace codeapi
