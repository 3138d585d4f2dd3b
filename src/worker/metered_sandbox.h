// A Sandbox whose runs are counted.
#pragma once

#include <array>

#include "net/metrics.h"
#include "sandbox/sandbox.h"

namespace codeapi {

/// Passes runs on and counts them: `codeapi_cells_running`, `codeapi_verdicts_total{language,end}`,
/// `codeapi_programs_started_total{language,start}`, `codeapi_cells_failed_total{reason}` for runs without a
/// verdict, and `codeapi_cell_setup_seconds{step}`: how long each step of making their cells took, whenever
/// that was.
class MeteredSandbox final : public Sandbox {
 public:
  /// Both must outlive it.
  MeteredSandbox(Sandbox& real, Metrics& metrics);

  boost::asio::awaitable<Result<Verdict>> Run(RunRequest request, std::vector<RunInput> files, RunSink& sink,
                                              ToolPeer* tools = nullptr) override;
  JailerInfo info() const override { return real_.info(); }

 private:
  void Count(const std::string& runtime, const Verdict& verdict);

  Sandbox& real_;
  Metrics& metrics_;
  prometheus::Gauge& running_;
  std::array<prometheus::Histogram*, kSetupSteps> steps_;
};

}  // namespace codeapi
