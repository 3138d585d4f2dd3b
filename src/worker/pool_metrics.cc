#include "worker/pool_metrics.h"

#include <utility>

#include "worker/worker_metrics.h"

namespace codeapi {

void PoolMetrics::Observe(const std::vector<PoolState>& states) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, PoolState> now;
  // What is not told of any more is not there any more.
  for (const auto& [runtime, seen] : seen_) now[runtime] = {};
  for (const PoolState& state : states) {
    now[state.runtime == PoolState::kPlain ? state.runtime : LanguageLabel(state.runtime)] = state;
  }
  for (const auto& [runtime, state] : now) Show(runtime, state);
}

void PoolMetrics::Show(const std::string& runtime, const PoolState& state) {
  for (const auto& [name, cells] : {std::pair{"ready", state.ready}, std::pair{"starting", state.coming},
                                    std::pair{"target", state.target}}) {
    metrics_
        .gauge("codeapi_warm_cells", "Cells that are ready before anybody wants them",
               {{"runtime", runtime}, {"state", name}})
        .Set(cells);
  }
  Seen& seen = seen_[runtime];
  if (runtime == PoolState::kPlain) return;
  metrics_
      .gauge("codeapi_warm_memory_bytes", "Memory of interpreters that wait for programs",
             {{"runtime", runtime}})
      .Set(static_cast<double>(state.memory_bytes));
  Add(runtime, "hit", state.hits, seen.hits);
  Add(runtime, "miss", state.misses, seen.misses);
}

void PoolMetrics::Add(const std::string& runtime, const char* result, std::uint64_t now,
                      std::uint64_t& before) {
  prometheus::Counter& counter =
      metrics_.counter("codeapi_warm_requests_total", "Programs that an interpreter could have waited for",
                       {{"runtime", runtime}, {"result", result}});
  counter.Increment(static_cast<double>(now >= before ? now - before : now));
  before = now;
}

}  // namespace codeapi
