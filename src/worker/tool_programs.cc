#include "worker/tool_programs.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio.hpp>

#include "worker/tool_program.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

asio::awaitable<bool> IsCancelled() {
  co_return (co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none;
}

}  // namespace

struct ToolPrograms::Core : std::enable_shared_from_this<ToolPrograms::Core> {
  Core(asio::any_io_executor e, Executor& r, Log& l, MakeSupport s, ToolProgramLimits most)
      : executor(std::move(e)), runner(r), log(l), support(std::move(s)), limits(most) {}

  struct Kept {
    std::shared_ptr<ToolProgram> program;
    bool waits = false;
    Clock::time_point since;
    std::uint64_t wait = 0;                    // which one this is
    std::unique_ptr<asio::steady_timer> idle;  // runs out when it has waited too long; goes when it has not
  };

  asio::any_io_executor executor;
  Executor& runner;
  Log& log;
  MakeSupport support;
  const ToolProgramLimits limits;
  mutable std::mutex mutex;
  std::unordered_map<std::string, Kept> programs;  // by execution
  std::vector<std::weak_ptr<ToolProgram>> ending;  // killed, and their cells may not be gone
  std::uint64_t waits = 0;                         // there have been so far

  std::shared_ptr<ToolProgram> Find(const std::string& execution);
  void Keep(const std::string& execution, std::shared_ptr<ToolProgram> program);
  void Forget(const std::string& execution, const ToolProgram* program, const char* why);
  void StartsWaiting(const std::string& execution, const ToolProgram* program);
  void WaitedTooLong(const std::string& execution, std::uint64_t wait);
  std::vector<std::shared_ptr<ToolProgram>> EndAll();
  Result<std::shared_ptr<ToolProgram>> Begin(ToolJob& job);

 private:
  void End(std::unordered_map<std::string, Kept>::iterator entry, const char* why);  // with the mutex held
  void MakeRoom();
};

// Takes a program that waits back to work. One that does not wait has a round under way still, whose client
// has left: it is about to be ended, and this client's program is run anew.
std::shared_ptr<ToolProgram> ToolPrograms::Core::Find(const std::string& execution) {
  const std::lock_guard lock(mutex);
  const auto entry = programs.find(execution);
  if (entry == programs.end() || !entry->second.waits) return nullptr;
  entry->second.waits = false;
  entry->second.idle.reset();
  return entry->second.program;
}

void ToolPrograms::Core::End(std::unordered_map<std::string, Kept>::iterator entry, const char* why) {
  if (why != nullptr) {
    log.Write(Severity::kInfo, "program with tools ended", {{"execution", entry->first}, {"reason", why}});
  }
  entry->second.program->Kill();
  std::erase_if(ending, [](const auto& program) { return program.expired(); });
  ending.push_back(entry->second.program);
  programs.erase(entry);
}

// Another attempt may have taken the name meanwhile.
void ToolPrograms::Core::Forget(const std::string& execution, const ToolProgram* program, const char* why) {
  const std::lock_guard lock(mutex);
  const auto entry = programs.find(execution);
  if (entry != programs.end() && (program == nullptr || entry->second.program.get() == program))
    End(entry, why);
}

void ToolPrograms::Core::Keep(const std::string& execution, std::shared_ptr<ToolProgram> program) {
  const std::lock_guard lock(mutex);
  if (const auto entry = programs.find(execution); entry != programs.end()) End(entry, "another attempt");
  programs.emplace(execution, Kept{std::move(program), false, Clock::now(), 0, nullptr});
}

void ToolPrograms::Core::StartsWaiting(const std::string& execution, const ToolProgram* program) {
  const std::lock_guard lock(mutex);
  const auto entry = programs.find(execution);
  if (entry == programs.end() || entry->second.program.get() != program) return;
  Kept& kept = entry->second;
  kept.waits = true;
  kept.since = Clock::now();
  kept.wait = ++waits;
  // It is begun and destroyed with the mutex held, so no two threads have it at once.
  kept.idle = std::make_unique<asio::steady_timer>(executor, limits.idle);
  kept.idle->async_wait([weak = weak_from_this(), execution, wait = kept.wait](boost::system::error_code ec) {
    const auto core = weak.lock();
    if (!ec && core != nullptr) core->WaitedTooLong(execution, wait);
  });
  MakeRoom();
}

void ToolPrograms::Core::WaitedTooLong(const std::string& execution, std::uint64_t wait) {
  const std::lock_guard lock(mutex);
  const auto entry = programs.find(execution);
  if (entry != programs.end() && entry->second.waits && entry->second.wait == wait) End(entry, "idle");
}

// Everything whose cell may still be there.
std::vector<std::shared_ptr<ToolProgram>> ToolPrograms::Core::EndAll() {
  const std::lock_guard lock(mutex);
  while (!programs.empty()) End(programs.begin(), nullptr);
  std::vector<std::shared_ptr<ToolProgram>> out;
  for (const auto& weak : ending) {
    if (auto program = weak.lock()) out.push_back(std::move(program));
  }
  return out;
}

void ToolPrograms::Core::MakeRoom() {
  while (true) {
    std::size_t count = 0;
    std::uint64_t memory = 0;
    auto oldest = programs.end();
    for (auto entry = programs.begin(); entry != programs.end(); ++entry) {
      if (!entry->second.waits) continue;
      ++count;
      memory += entry->second.program->memory_bytes();
      if (oldest == programs.end() || entry->second.since < oldest->second.since) oldest = entry;
    }
    if (count <= 1 || (count <= limits.max_waiting && memory <= limits.max_waiting_memory)) return;
    End(oldest, "too many wait");
  }
}

Result<std::shared_ptr<ToolProgram>> ToolPrograms::Core::Begin(ToolJob& job) {
  auto files = support(job.request->runtime, job.tools);
  if (!files) return std::unexpected(files.error());
  auto program = std::make_shared<ToolProgram>(executor, std::move(job.calls), limits.max_calls);
  Keep(job.execution, program);
  program->Start(runner, std::move(*job.request), std::move(*files));
  return program;
}

ToolPrograms::ToolPrograms(asio::any_io_executor executor, Executor& runner, Log& log, MakeSupport support,
                           ToolProgramLimits limits)
    : core_(std::make_shared<Core>(std::move(executor), runner, log, std::move(support), limits)) {}

ToolPrograms::~ToolPrograms() = default;

asio::awaitable<RoundAnswer> ToolPrograms::Round(ToolJob job) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto core = core_;
  std::shared_ptr<ToolProgram> program;
  switch (job.kind) {
    case ToolJob::Kind::kDrop:
      core->Forget(job.execution, nullptr, "dropped");
      co_return RoundAnswer{};
    case ToolJob::Kind::kContinue:
      program = core->Find(job.execution);
      if (program == nullptr || !program->Deliver(std::move(job.calls))) {
        if (program != nullptr) core->Forget(job.execution, program.get(), "behind another attempt");
        RoundAnswer answer;
        answer.state = RoundAnswer::State::kNeedReplay;
        co_return answer;
      }
      break;
    case ToolJob::Kind::kStart:
    case ToolJob::Kind::kReplay: {
      auto begun = core->Begin(job);
      if (!begun) {
        core->log.Write(Severity::kError, "tools not prepared",
                        {{"execution", job.execution}, {"detail", begun.error().message}});
        RoundAnswer answer;
        answer.state = RoundAnswer::State::kRefused;
        answer.status = 500;
        answer.body = R"({"error":"Internal server error"})";
        co_return answer;
      }
      program = std::move(*begun);
      break;
    }
  }
  RoundAnswer answer = co_await program->Settle();
  if (co_await IsCancelled()) {
    core->Forget(job.execution, program.get(), "cancelled");
    co_return answer;
  }
  if (answer.state == RoundAnswer::State::kWaiting) {
    core->StartsWaiting(job.execution, program.get());
  } else {
    core->Forget(job.execution, program.get(), nullptr);
  }
  co_return answer;
}

std::size_t ToolPrograms::waiting() const {
  const std::lock_guard lock(core_->mutex);
  return static_cast<std::size_t>(
      std::ranges::count_if(core_->programs, [](const auto& entry) { return entry.second.waits; }));
}

asio::awaitable<void> ToolPrograms::Stop() {
  for (const auto& program : core_->EndAll()) {
    while (!program->ended()) (void)co_await program->Settle();
  }
}

}  // namespace codeapi
