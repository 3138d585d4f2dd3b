#include "worker/metered_sandbox.h"

#include <utility>

#include "worker/worker_metrics.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;

const std::vector<double> kStepSeconds = {.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .5, 1};

}  // namespace

MeteredSandbox::MeteredSandbox(Sandbox& real, Metrics& metrics)
    : real_(real),
      metrics_(metrics),
      running_(metrics.gauge("codeapi_cells_running", "Cells in which a program runs now")) {
  for (std::size_t i = 0; i < kSetupSteps; ++i) {
    steps_[i] = &metrics.histogram("codeapi_cell_setup_seconds", "Time of each step of making a cell",
                                   kStepSeconds, {{"step", SetupStepName(static_cast<SetupStep>(i))}});
  }
}

asio::awaitable<Result<Verdict>> MeteredSandbox::Run(RunRequest request, std::vector<RunInput> files,
                                                     RunSink& sink, ToolPeer* tools) {
  struct Running {
    explicit Running(prometheus::Gauge& g) : gauge(g) { gauge.Increment(); }
    ~Running() { gauge.Decrement(); }
    prometheus::Gauge& gauge;
  };
  const Running running(running_);
  const std::string runtime = request.runtime;
  auto verdict = co_await real_.Run(std::move(request), std::move(files), sink, tools);
  if (verdict) {
    Count(runtime, *verdict);
  } else {
    metrics_
        .counter("codeapi_cells_failed_total", "Runs that came to no verdict",
                 {{"reason", ErrorCodeName(verdict.error().code)}})
        .Increment();
  }
  co_return verdict;
}

void MeteredSandbox::Count(const std::string& runtime, const Verdict& verdict) {
  metrics_
      .counter("codeapi_verdicts_total", "How programs ended",
               {{"language", LanguageLabel(runtime)}, {"end", RunEndName(verdict.end)}})
      .Increment();
  metrics_
      .counter("codeapi_programs_started_total",
               "Programs by how they were started: warm ones by an interpreter that was there already",
               {{"language", LanguageLabel(runtime)}, {"start", verdict.warm ? "warm" : "cold"}})
      .Increment();
  for (std::size_t i = 0; i < kSetupSteps; ++i) {
    const auto took = verdict.setup_us.find(SetupStepName(static_cast<SetupStep>(i)));
    if (took != verdict.setup_us.end()) steps_[i]->Observe(static_cast<double>(took->second) / 1e6);
  }
}

}  // namespace codeapi
