#include "jailer/warm_cells.h"

#include <algorithm>
#include <utility>

namespace codeapi {
namespace {

// While it gets ready it only takes CPU time that nobody else wants: the lowest weight there is but for a
// few. A program's own limits are set when it is bound.
constexpr std::uint32_t kWeight = 10;

std::string RuntimeOf(const std::string& kind) {
  return kind.substr(0, kind.find('\0'));
}

}  // namespace

WarmCells::WarmCells(const CellEnvironment& environment, WarmPoolRules rules, WarmPool::Now now)
    : environment_(environment), pool_(rules, std::move(now)) {}

std::optional<WarmCells::Plan> WarmCells::PlanFor(const RunRequest& request) const {
  const InstalledRuntime* installed = environment_.Find(request.runtime);
  if (installed == nullptr) return std::nullopt;
  const Runtime& runtime = *installed->runtime;
  const Command& command = *installed->command;
  const bool usual =
      request.args.empty() && request.source_name == runtime.source_stem + runtime.source_extension;
  const bool forks = command.forks && environment_.zygotes != nullptr;
  const bool takes = forks ? request.own_modules.empty()
                           : command.prestart.possible && request.tool_calls == 0 && !request.early_input;
  if (!usual || !takes) return std::nullopt;
  Plan plan;
  plan.prestart.begin = MakeBegin(environment_, *installed, request);
  if (!plan.prestart.begin.compile.empty()) return std::nullopt;
  plan.kind = request.runtime + '\0' + plan.prestart.begin.Encode();
  plan.limits = LimitsOf(environment_, request, request.memory_bytes);
  if (forks) {
    const ZygoteKind kind{request.tool_calls > 0, request.data};
    plan.fork = ZygoteProgram{kind, plan.prestart.begin.argv, plan.prestart.begin.env, {}};
    if (kind.data) plan.kind += " data";
    return plan;  // it takes no CPU time before it is bound
  }
  if (command.prestart.opens_program) plan.prestart.program = request.source_name;
  plan.prestart.missing = command.prestart.missing;
  plan.limits.cpu_weight = std::min(plan.limits.cpu_weight, kWeight);
  return plan;
}

Cell* WarmCells::Take(const RunRequest& request) {
  auto plan = PlanFor(request);
  if (!plan) return nullptr;
  const std::string kind = plan->kind;
  Cell* cell = TakeOne(kind);
  pool_.Asked(kind, cell != nullptr);
  plans_.insert_or_assign(kind, std::move(*plan));
  Tally& tally = tallies_[request.runtime];
  ++(cell != nullptr ? tally.hits : tally.misses);
  const auto kinds = pool_.Kinds();
  std::erase_if(plans_, [&](const auto& entry) {
    return std::ranges::find(kinds, entry.first, &WarmPoolKind::name) == kinds.end();
  });
  return cell;
}

// The oldest, so that none outlives for long the zygote that it has its memory from.
Cell* WarmCells::TakeOne(const std::optional<std::string>& kind) {
  if (!kind) return nullptr;
  auto it = cells_.end();
  for (auto entry = cells_.begin(); entry != cells_.end(); ++entry) {
    const Member& member = entry->second;
    if (!member.waits || member.plan.kind != *kind) continue;
    if (it == cells_.end() || member.number < it->second.number) it = entry;
  }
  if (it == cells_.end()) return nullptr;
  Cell* cell = it->second.cell;
  pool_.Taken(*kind, it->second.memory);
  cells_.erase(it);
  return cell;
}

std::optional<WarmCells::Plan> WarmCells::Next() {
  const auto kind = pool_.Next();
  if (!kind) return std::nullopt;
  const auto it = plans_.find(*kind);
  return it == plans_.end() ? std::nullopt : std::optional(it->second);
}

void WarmCells::Made(Cell& cell, const Plan& plan) {
  pool_.Started(plan.kind);
  cells_.insert_or_assign(&cell, Member{&cell, plan, 0, false, made_++});
}

void WarmCells::NotMade(const Plan& plan) {
  pool_.Started(plan.kind);
  pool_.Failed(plan.kind);
}

const WarmCells::Plan* WarmCells::PlanOf(const Cell& cell) const {
  const auto it = cells_.find(&cell);
  return it == cells_.end() || it->second.waits ? nullptr : &it->second.plan;
}

void WarmCells::Waits(Cell& cell, std::uint64_t memory) {
  const auto it = cells_.find(&cell);
  if (it == cells_.end()) return;
  it->second.waits = true;
  it->second.memory = memory;
  pool_.Ready(it->second.plan.kind, memory);
}

void WarmCells::Gone(const Cell& cell) {
  const auto it = cells_.find(&cell);
  if (it == cells_.end()) return;
  if (it->second.waits) {
    pool_.Died(it->second.plan.kind, it->second.memory);
  } else {
    pool_.Failed(it->second.plan.kind);
  }
  cells_.erase(it);
}

std::vector<PoolState> WarmCells::States() {
  std::map<std::string, PoolState> states;
  for (const auto& [runtime, tally] : tallies_) {
    PoolState& state = states[runtime];
    state.runtime = runtime;
    state.hits = tally.hits;
    state.misses = tally.misses;
  }
  for (const WarmPoolKind& kind : pool_.Kinds()) {
    PoolState& state = states[RuntimeOf(kind.name)];
    state.ready += static_cast<std::uint32_t>(kind.ready);
    state.coming += static_cast<std::uint32_t>(kind.coming);
    state.target += static_cast<std::uint32_t>(kind.target);
    state.memory_bytes += kind.memory;
  }
  std::vector<PoolState> out;
  out.reserve(states.size());
  for (auto& [runtime, state] : states) out.push_back(std::move(state));
  return out;
}

}  // namespace codeapi
