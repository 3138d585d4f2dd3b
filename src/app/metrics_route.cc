#include "app/metrics_route.h"

#include <limits>

namespace codeapi {

Handler MetricsOf(Metrics& metrics, JobQueue& queue) {
  prometheus::Gauge& up = metrics.gauge("codeapi_queue_up", "Whether the queue answers");
  prometheus::Gauge& waiting =
      metrics.gauge("codeapi_queue_waiting_jobs", "Jobs that wait for a worker, in the whole queue");
  return [&metrics, &queue, &up, &waiting](Request&) -> asio::awaitable<Response> {
    const auto depth = co_await queue.depth();
    up.Set(depth ? 1 : 0);
    waiting.Set(depth ? static_cast<double>(*depth) : std::numeric_limits<double>::quiet_NaN());
    co_return TextResponse(200, metrics.text(), "text/plain; version=0.0.4; charset=utf-8");
  };
}

}  // namespace codeapi
