// Which cells a jailer makes and when: those that runs wait for, the plain ones that are kept ready, and
// those in which an interpreter waits. See jailer.h.

#include <algorithm>
#include <cstdio>
#include <utility>

#include "jailer/jailer.h"

namespace codeapi {
namespace {

// After a cell could not be made the next try for the pool waits; one for a waiting run does not.
constexpr auto kRefillPause = std::chrono::seconds(1);
// An interpreter's start takes a CPU for a while, so it comes behind programs, though not for ever.
constexpr auto kWarmRetry = std::chrono::milliseconds(20);
constexpr auto kWarmPatience = std::chrono::milliseconds(500);
// What a fork of a zygote has to itself before its program runs, most of it page tables.
constexpr std::uint64_t kForkMemory = 6u << 20;
// The worker is told of the pool no more often than this.
constexpr auto kReportPause = std::chrono::milliseconds(500);

std::uint32_t Micros(EventLoop::Clock::duration d) {
  return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::microseconds>(d).count());
}

}  // namespace

// Plain cells: those that any run may have.
std::size_t Jailer::CountCells(Cell::State state) const {
  return static_cast<std::size_t>(std::ranges::count_if(cells_, [&](const auto& cell) {
    return cell && cell->state() == state && !(warm_ && warm_->Owns(*cell));
  }));
}

// Cells that a run may have, now or soon.
std::size_t Jailer::CountComing() const {
  return CountCells(Cell::State::kSettingUp) + CountCells(Cell::State::kIdle);
}

// As many cells on their way as there are runs waiting for one.
void Jailer::MakeNeededCells() {
  if (stopping_) return;
  while (CountComing() < waiting_.size()) {
    std::string why;
    if (SpawnCell(usual_limits_, why) != nullptr) continue;
    if (!why.empty()) return SpawnFailed(why);
    // Without a free slot the next cell that goes makes room; one that only waits can go at once.
    Cell* victim = warm_ ? warm_->TakeVictim() : nullptr;
    if (victim != nullptr) victim->Kill();
    return;
  }
}

// The pool is filled one cell at a time, a little later: what is on its way to or from a run goes first.
void Jailer::RefillIn(EventLoop::Clock::duration delay) {
  const auto when = EventLoop::Clock::now() + delay;
  if (stopping_ || (refill_timer_ != 0 && refill_at_ <= when)) return;
  if (CountComing() >= waiting_.size() + settings_.pool_size) return;
  loop_.Cancel(refill_timer_);
  refill_at_ = when;
  refill_timer_ = loop_.At(when, [this] {
    refill_timer_ = 0;
    std::string why;
    if (SpawnCell(usual_limits_, why) != nullptr) return RefillIn(kRefillAfterEnd);
    if (!why.empty()) SpawnFailed(why);
  });
}

void Jailer::SpawnFailed(const std::string& why) {
  if (!waiting_order_.empty()) {
    const std::uint32_t job = waiting_order_.front();
    waiting_order_.pop_front();
    waiting_.erase(job);
    FailRun(job, "sandbox_setup_failed", why);
  }
  RefillIn(kRefillPause);
}

Cell* Jailer::SpawnCell(const CgroupLimits& limits, std::string& why) {
  const auto free = std::ranges::find_if(cells_, [](const auto& cell) { return cell == nullptr; });
  if (free == cells_.end()) return nullptr;
  const auto slot = static_cast<std::uint32_t>(free - cells_.begin());
  SetupTimings timings{};
  const auto start = EventLoop::Clock::now();
  auto cgroup = host_.cgroups().Create("cell-" + std::to_string(cells_made_++));
  if (!cgroup) {
    why = cgroup.error().message;
    return nullptr;
  }
  // Most runs are like the last one, and then need not wait for this. What fails is tried again for the run.
  if (limits != CgroupLimits{}) {
    [[maybe_unused]] const Result<void> tried = (*cgroup)->SetLimits(limits);
  }
  const auto grouped = EventLoop::Clock::now();
  auto process = host_.StartInit(**cgroup);
  if (!process) {
    why = process.error().message;
    (*cgroup)->Remove();
    return nullptr;
  }
  timings[static_cast<std::size_t>(SetupStep::kCgroup)] = Micros(grouped - start);
  timings[static_cast<std::size_t>(SetupStep::kClone)] = Micros(EventLoop::Clock::now() - grouped);
  *free = std::make_unique<Cell>(loop_, static_cast<CellEvents&>(*this), environment_, slot,
                                 std::move(*process), std::move(*cgroup), timings);
  (*free)->SetUp(host_.Setup(slot));
  return free->get();
}

// What refused calls a program makes is looked at by a filter of its own, which is loaded at its start.
void Jailer::StartWarmCells() {
  if (!settings_.warm || settings_.log_refusals || settings_.warm_memory == 0) return;
  WarmPoolRules rules;
  rules.memory = settings_.warm_memory;
  rules.most_cells = settings_.warm_cells;
  warm_.emplace(environment_, rules);
}

// Whether an interpreter that starts now would take the CPU from a program.
bool Jailer::Busy() const {
  const auto running = std::ranges::count_if(
      bound_, [](const auto& entry) { return entry.second->state() != Cell::State::kHarvesting; });
  return !waiting_.empty() || static_cast<std::size_t>(running) >= host_.cpus().size();
}

// Never before `delay`, so that what is on its way to or from a run goes first.
void Jailer::WarmIn(EventLoop::Clock::duration delay) {
  const auto when = EventLoop::Clock::now() + delay;
  if (stopping_ || !warm_ || (warm_timer_ != 0 && warm_at_ <= when)) return;
  loop_.Cancel(warm_timer_);
  warm_at_ = when;
  warm_timer_ = loop_.At(when, [this] {
    warm_timer_ = 0;
    MakeWarmCell();
  });
}

void Jailer::MakeWarmCell() {
  if (stopping_) return;
  while (Cell* cell = warm_->TakeSurplus()) cell->Kill();
  ReportPoolLater();
  const auto plan = warm_->Next();
  const auto now = EventLoop::Clock::now();
  if (plan && Busy()) {
    if (!warm_waits_since_) warm_waits_since_ = now;
    if (now - *warm_waits_since_ < kWarmPatience) return WarmIn(kWarmRetry);
  }
  warm_waits_since_.reset();
  if (plan) {
    std::string why;
    Cell* cell = SpawnCell(plan->limits, why);
    if (cell != nullptr) {
      warm_->Made(*cell, *plan);
    } else {
      warm_->NotMade(*plan);
    }
  }
  if (const auto next = warm_->NextAt()) WarmIn(*next - now);
}

void Jailer::CellReady(Cell& cell) {
  const WarmCells::Plan* plan = warm_ ? warm_->PlanOf(cell) : nullptr;
  if (plan != nullptr && !plan->fork) return cell.Prestart(plan->prestart, cpus_->Take());
  if (plan != nullptr) {
    if (cell.ForkAhead(*plan->fork)) return CellWaits(cell, kForkMemory);
    warm_->Gone(cell);
    if (CountComing() > waiting_.size() + settings_.pool_size) return cell.Kill();  // one plain cell too many
  }
  BindWaiting(cell);
  MakeNeededCells();
}

void Jailer::CellWaits(Cell& cell, std::uint64_t memory) {
  warm_->Waits(cell, memory);
  WarmIn(kRefillAfterEnd);
}

// One that nobody waits for fails nobody.
void Jailer::CellNeverReady(Cell& cell, const std::string& why) {
  if (!warm_ || !warm_->Owns(cell)) return SpawnFailed(why);
  std::fprintf(stderr, "codeapi-jailer: programs start cold for a while: %s\n", why.c_str());
}

void Jailer::CellGone(Cell& cell) {
  cpus_->Return(cell.cpus());
  if (warm_ && warm_->Owns(cell)) {
    warm_->Gone(cell);
    WarmIn(kRefillAfterEnd);
  }
  cells_[cell.slot()].reset();
  if (!stopping_) {
    MakeNeededCells();
    return RefillIn(kRefillAfterEnd);
  }
  StopWhenGone();
}

void Jailer::ReportPoolLater() {
  if (!warm_ || stopping_ || report_timer_ != 0) return;
  const auto at = std::max(EventLoop::Clock::now(), reported_at_ + kReportPause);
  report_timer_ = loop_.At(at, [this] {
    report_timer_ = 0;
    reported_at_ = EventLoop::Clock::now();
    std::vector<PoolState> states = warm_->States();
    PoolState plain;
    plain.runtime = PoolState::kPlain;
    plain.ready = static_cast<std::uint32_t>(CountCells(Cell::State::kIdle));
    plain.coming = static_cast<std::uint32_t>(CountCells(Cell::State::kSettingUp));
    plain.target = settings_.pool_size;
    states.push_back(std::move(plain));
    std::string payload = EncodePoolStates(states);
    if (payload == reported_) return;
    Queue(FrameType::kPoolState, 0, payload);
    reported_ = std::move(payload);
  });
}

}  // namespace codeapi
