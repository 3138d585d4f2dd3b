#include "worker/worker_metrics.h"

#include <gmock/gmock.h>

#include "worker/metered_sandbox.h"
#include "worker/testing.h"

namespace codeapi {
namespace {

using namespace testing;  // NOLINT: the helpers' own names
using ::testing::HasSubstr;
using ::testing::Not;

TEST(WorkerMetrics, CountsJobsByLanguageAndEnd) {
  Metrics metrics;
  WorkerMetrics worker(metrics);
  using End = WorkerMetrics::End;
  {
    WorkerMetrics::Job job(worker, "py");
    EXPECT_THAT(metrics.text(), HasSubstr("codeapi_active_jobs{language=\"py\"} 1\n"));
    job.Ended(End::kCompleted);
  }
  WorkerMetrics::Job(worker, "py").Ended(End::kFailed);
  {
    const WorkerMetrics::Job cancelled(worker, "py");
  }
  WorkerMetrics::Job(worker, "made-up-" + NewId()).Ended(End::kCompleted);
  const std::string text = metrics.text();
  for (const char* line :
       {"codeapi_active_jobs{language=\"py\"} 0\n", "codeapi_jobs_completed_total{language=\"py\"} 1\n",
        "codeapi_jobs_failed_total{language=\"py\"} 1\n", "codeapi_jobs_cancelled_total{language=\"py\"} 1\n",
        "codeapi_job_processing_duration_seconds_count{language=\"py\"} 2\n",
        "codeapi_jobs_completed_total{language=\"other\"} 1\n", "codeapi_waiting_programs 0\n"})
    EXPECT_THAT(text, HasSubstr(line));
  EXPECT_THAT(text, Not(HasSubstr("made-up")));
}

TEST(MeteredSandbox, CountsVerdictsAndSetUpSteps) {
  asio::io_context io;
  Metrics metrics;
  int runs = 0;
  ScriptedSandbox real([&](RunRequest, std::vector<RunInput>, RunSink&) -> awaitable<Result<Verdict>> {
    EXPECT_THAT(metrics.text(), HasSubstr("codeapi_cells_running 1\n"));
    if (++runs == 2) co_return Fail(ErrorCode::kSetupFailed, "no cell");
    Verdict verdict;
    verdict.end = RunEnd::kWallLimit;
    verdict.setup_us = {{"clone", 300}, {"a step that no jailer has", 5}};
    co_return verdict;
  });
  MeteredSandbox sandbox(real, metrics);
  RunTest(io, [&]() -> awaitable<void> {
    struct Sink final : RunSink {
      awaitable<Result<void>> Stdout(std::string_view) override { co_return Result<void>(); }
      awaitable<Result<void>> Stderr(std::string_view) override { co_return Result<void>(); }
      awaitable<Result<void>> FileBegin(const RunOutput&) override { co_return Result<void>(); }
      awaitable<Result<void>> FileData(std::string_view) override { co_return Result<void>(); }
      awaitable<Result<void>> FileEnd(bool) override { co_return Result<void>(); }
    } sink;
    RunRequest request;
    request.runtime = "py";
    EXPECT_TRUE(co_await sandbox.Run(request, {}, sink));
    EXPECT_FALSE(co_await sandbox.Run(request, {}, sink));
  });
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("codeapi_verdicts_total{end=\"" + std::string(RunEndName(RunEnd::kWallLimit)) +
                              "\",language=\"py\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("codeapi_cells_failed_total{reason=\"" +
                              std::string(ErrorCodeName(ErrorCode::kSetupFailed)) + "\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("codeapi_cell_setup_seconds_count{step=\"clone\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("codeapi_cells_running 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("no jailer has")));
}

}  // namespace
}  // namespace codeapi
