#include "jailer/warm_pool.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace codeapi {
namespace {

double Seconds(std::chrono::steady_clock::duration d) {
  return std::chrono::duration<double>(d).count();
}

// Requests do not come one by one as the average has it.
constexpr double kSafety = 2;
// And a rate that low is one request now and then.
constexpr double kSlack = 0.25;

}  // namespace

WarmPool::WarmPool(WarmPoolRules rules, Now now) : rules_(rules), now_(std::move(now)) {}

WarmPool::Kind* WarmPool::Find(const std::string& name) {
  const auto it = kinds_.find(name);
  return it == kinds_.end() ? nullptr : &it->second;
}

void WarmPool::Asked(const std::string& name, bool hit) {
  const Time now = now_();
  const auto [it, added] = kinds_.try_emplace(name);
  Kind& kind = it->second;
  ++(hit ? kind.hits : kind.misses);
  const double settle = Seconds(rules_.settle);
  if (!added) {
    kind.before = kind.asked;
    kind.rate *= std::exp(-Seconds(now - kind.asked) / settle);
  }
  // Requests at a steady rate bring the sum of their decaying parts to that rate.
  kind.rate += 1 / settle;
  kind.asked = now;
  Forget(now);
}

// What still has cells stays, with a target of none, until Surplus() has seen to them.
void WarmPool::Forget(Time now) {
  std::erase_if(kinds_, [&](const auto& entry) {
    const Kind& kind = entry.second;
    return kind.ready + kind.coming == 0 && now - kind.asked > rules_.keep;
  });
  while (kinds_.size() > rules_.most_kinds) {
    auto oldest = kinds_.end();
    for (auto it = kinds_.begin(); it != kinds_.end(); ++it) {
      const bool idle = it->second.ready + it->second.coming == 0;
      if (idle && (oldest == kinds_.end() || it->second.asked < oldest->second.asked)) oldest = it;
    }
    if (oldest == kinds_.end() || oldest->second.asked == now) return;
    kinds_.erase(oldest);
  }
}

std::size_t WarmPool::TargetOf(const Kind& kind, Time now) const {
  const auto quiet = now - kind.asked;
  if (rules_.memory == 0 || quiet > rules_.keep) return 0;
  const bool again = kind.before && quiet <= rules_.again && kind.asked - *kind.before <= rules_.again;
  const double rate = kind.rate * std::exp(-Seconds(quiet) / Seconds(rules_.settle));
  const auto refill =
      kind.refill.count() != 0 ? kind.refill : std::chrono::steady_clock::duration(rules_.refill);
  const double gone = std::min(rate * Seconds(refill) * kSafety, static_cast<double>(rules_.most_cells));
  const std::size_t needed = 1 + static_cast<std::size_t>(std::ceil(std::max(gone - kSlack, 0.0)));
  return std::min(std::max<std::size_t>(needed, again ? 2 : 1), rules_.most_cells);
}

std::size_t WarmPool::Target(const std::string& name) {
  const Kind* kind = Find(name);
  return kind == nullptr ? 0 : TargetOf(*kind, now_());
}

std::uint64_t WarmPool::charged() const {
  std::uint64_t out = 0;
  for (const auto& [name, kind] : kinds_) out += kind.memory + kind.coming * EachOf(kind);
  return out;
}

// One at a time over all kinds; the one that was asked for last has the best reason.
std::optional<std::string> WarmPool::Next() {
  const Time now = now_();
  std::size_t cells = 0;
  for (const auto& [name, kind] : kinds_) {
    if (kind.coming > 0) return std::nullopt;
    cells += kind.ready;
  }
  if (cells >= rules_.most_cells) return std::nullopt;
  const std::uint64_t charge = charged();
  const std::pair<const std::string, Kind>* best = nullptr;
  for (const auto& entry : kinds_) {
    const Kind& kind = entry.second;
    if (kind.not_before > now || kind.ready >= TargetOf(kind, now)) continue;
    if (charge + EachOf(kind) > rules_.memory) continue;
    // A kind that has none goes before one that has too few.
    const auto rank = [](const Kind& k) { return std::pair(k.ready == 0, k.asked); };
    if (best == nullptr || rank(kind) > rank(best->second)) best = &entry;
  }
  return best == nullptr ? std::nullopt : std::optional(best->first);
}

// The end of a pause, or of a kind's time.
std::optional<WarmPool::Time> WarmPool::NextAt() {
  const Time now = now_();
  std::optional<Time> out;
  const auto at = [&](Time time) {
    if (time > now && (!out || time < *out)) out = time;
  };
  for (const auto& [name, kind] : kinds_) {
    at(kind.not_before);
    at(kind.asked + rules_.again + std::chrono::milliseconds(1));
    at(kind.asked + rules_.keep + std::chrono::milliseconds(1));
  }
  return out;
}

void WarmPool::Started(const std::string& name) {
  Kind& kind = kinds_[name];
  ++kind.coming;
  kind.started = now_();
}

void WarmPool::Ready(const std::string& name, std::uint64_t memory) {
  Kind* kind = Find(name);
  if (kind == nullptr || kind->coming == 0) return;
  --kind->coming;
  ++kind->ready;
  kind->memory += memory != 0 ? memory : EachOf(*kind);
  // The largest of late, but not for ever: one that came first may have paid for what all of them share.
  kind->each = memory == 0 ? kind->each : std::max(memory, kind->each - kind->each / 4);
  const auto took =
      std::max<std::chrono::steady_clock::duration>(now_() - kind->started, std::chrono::milliseconds(1));
  kind->refill = kind->refill.count() == 0 ? took : (kind->refill * 3 + took) / 4;
  kind->pause = {};
}

void WarmPool::Pause(Kind& kind) {
  kind.pause = std::clamp(kind.pause * 2, rules_.first_pause, rules_.longest_pause);
  kind.not_before = now_() + kind.pause;
}

void WarmPool::Failed(const std::string& name) {
  Dropped(name);
  if (Kind* kind = Find(name)) Pause(*kind);
}

void WarmPool::Dropped(const std::string& name) {
  Kind* kind = Find(name);
  if (kind != nullptr && kind->coming > 0) --kind->coming;
}

void WarmPool::Taken(const std::string& name, std::uint64_t memory) {
  Kind* kind = Find(name);
  if (kind == nullptr || kind->ready == 0) return;
  --kind->ready;
  kind->memory =
      kind->ready == 0 ? 0 : kind->memory - std::min(kind->memory, memory != 0 ? memory : EachOf(*kind));
}

void WarmPool::Died(const std::string& name, std::uint64_t memory) {
  Taken(name, memory);
  if (Kind* kind = Find(name)) Pause(*kind);
}

std::optional<std::string> WarmPool::Surplus() {
  const Time now = now_();
  Forget(now);
  for (const auto& [name, kind] : kinds_) {
    // A rate that goes up and down is no reason to make and end cells all the time.
    if (kind.ready > 0 && kind.ready > 2 * TargetOf(kind, now)) return name;
    if (kind.ready > 2 && kind.ready > TargetOf(kind, now) && now - kind.asked > rules_.again) return name;
  }
  return charged() > rules_.memory || kinds_.size() > rules_.most_kinds ? Victim() : std::nullopt;
}

std::optional<std::string> WarmPool::Victim() {
  const std::pair<const std::string, Kind>* out = nullptr;
  for (const auto& entry : kinds_) {
    if (entry.second.ready > 0 && (out == nullptr || entry.second.asked < out->second.asked)) out = &entry;
  }
  return out == nullptr ? std::nullopt : std::optional(out->first);
}

std::vector<WarmPoolKind> WarmPool::Kinds() {
  const Time now = now_();
  std::vector<WarmPoolKind> out;
  out.reserve(kinds_.size());
  for (const auto& [name, kind] : kinds_) {
    out.push_back({name, kind.ready, kind.coming, TargetOf(kind, now), kind.memory, kind.hits, kind.misses});
  }
  return out;
}

}  // namespace codeapi
