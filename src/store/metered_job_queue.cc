#include "store/metered_job_queue.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;

constexpr std::string_view kOutcomes[] = {"answered", "queue_full", "shutting_down", "unavailable",
                                          "deadline", "cancelled",  "failed"};

std::string_view OutcomeName(const Result<std::string>& answer) {
  if (answer) return "answered";
  switch (answer.error().code) {
    case ErrorCode::kUnavailable:
      return answer.error().message == "queue_full"      ? "queue_full"
             : answer.error().message == "shutting down" ? "shutting_down"
                                                         : "unavailable";
    case ErrorCode::kDeadline:
      return "deadline";
    case ErrorCode::kCancelled:
      return "cancelled";
    default:
      return "failed";
  }
}

class MeteredLease final : public LeaseState {
 public:
  MeteredLease(Lease real, std::shared_ptr<CallTimes> times)
      : real_(std::move(real)), times_(std::move(times)) {}

  const JobSpec& job() const override { return real_.job(); }
  int attempt() const override { return real_.attempt(); }
  bool cancelled() const override { return real_.cancelled(); }
  asio::awaitable<void> wait_cancelled() override { return real_.wait_cancelled(); }
  asio::awaitable<Result<void>> complete(std::string answer) override {
    return times_->Time("complete", real_.complete(std::move(answer)));
  }
  asio::awaitable<Result<void>> hand_back() override { return times_->Time("hand_back", real_.hand_back()); }

 private:
  Lease real_;
  std::shared_ptr<CallTimes> times_;
};

}  // namespace

MeteredJobQueue::MeteredJobQueue(std::unique_ptr<JobQueue> real, Metrics& metrics)
    : real_(std::move(real)),
      metrics_(metrics),
      times_(std::make_shared<CallTimes>(
          metrics, "queue",
          std::initializer_list<std::string_view>{"cancel", "complete", "hand_back", "depth", "stats"})) {
  for (const std::string_view outcome : kOutcomes) Outcome(outcome);
}

prometheus::Counter& MeteredJobQueue::Outcome(std::string_view name) {
  return metrics_.counter("codeapi_queue_answers_total", "How submissions to the queue ended",
                          {{"outcome", std::string(name)}});
}

asio::awaitable<Result<std::string>> MeteredJobQueue::submit(JobSpec spec) {
  auto answer = co_await real_->submit(std::move(spec));
  Outcome(OutcomeName(answer)).Increment();
  co_return answer;
}

asio::awaitable<Result<Lease>> MeteredJobQueue::take() {
  auto lease = co_await real_->take();
  if (!lease) co_return lease;
  co_return Lease(std::make_unique<MeteredLease>(std::move(*lease), times_));
}

}  // namespace codeapi
