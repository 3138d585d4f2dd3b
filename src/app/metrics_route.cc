#include "app/metrics_route.h"

#include <chrono>
#include <limits>

namespace codeapi {

Handler MetricsOf(Metrics& metrics, JobQueue& queue) {
  prometheus::Gauge& up = metrics.gauge("codeapi_queue_up", "Whether the queue answers");
  prometheus::Gauge& waiting =
      metrics.gauge("codeapi_queue_waiting_jobs", "Jobs that wait for a worker, in the whole queue");
  prometheus::Gauge& tenants =
      metrics.gauge("codeapi_queue_waiting_tenants", "Tenants that have waiting jobs, in the whole queue");
  prometheus::Gauge& oldest =
      metrics.gauge("codeapi_queue_oldest_seconds", "How long the first of the waiting jobs has waited");
  return [&metrics, &queue, &up, &waiting, &tenants, &oldest](Request&) -> asio::awaitable<Response> {
    constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
    const auto stats = co_await queue.stats();
    up.Set(stats ? 1 : 0);
    waiting.Set(stats ? static_cast<double>(stats->waiting) : kUnknown);
    tenants.Set(stats ? static_cast<double>(stats->tenants) : kUnknown);
    oldest.Set(stats ? std::chrono::duration<double>(stats->oldest).count() : kUnknown);
    co_return TextResponse(200, metrics.text(), "text/plain; version=0.0.4; charset=utf-8");
  };
}

}  // namespace codeapi
