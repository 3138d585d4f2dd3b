#include "net/metrics.h"

#include <prometheus/family.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <string_view>
#include <tuple>
#include <utility>

namespace codeapi {
namespace {

// The reference's buckets, in seconds, so that its dashboards go on working.
const std::vector<double> kDurationBuckets = {.01, .05, .1, .25, .5, 1, 2.5, 5, 10};

// A client may send any word as a method.
std::string_view MethodLabel(std::string_view method) {
  static constexpr std::array<std::string_view, 9> kMethods = {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS",
                                                               "PATCH",   "POST",   "PUT", "TRACE"};
  const auto* known = std::ranges::find(kMethods, method);
  return known == kMethods.end() ? "other" : *known;
}

// One time series of each HTTP metric, looked up once per combination of labels: prometheus-cpp would build a
// whole histogram for every look.
struct HttpSeries {
  prometheus::Counter* requests = nullptr;
  prometheus::Histogram* duration = nullptr;
};

}  // namespace

struct Metrics::Impl {
  mutable std::mutex mutex;  // guards the two below
  std::map<std::tuple<std::string_view, std::string, int>, HttpSeries> http;
  std::vector<std::function<void()>> refreshers;
  prometheus::Registry registry;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

prometheus::Counter& Metrics::counter(const std::string& name, const std::string& help,
                                      const Labels& labels) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry).Add(labels);
}

prometheus::Gauge& Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry).Add(labels);
}

prometheus::Histogram& Metrics::histogram(const std::string& name, const std::string& help,
                                          const std::vector<double>& buckets, const Labels& labels) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(impl_->registry).Add(labels, buckets);
}

void Metrics::on_scrape(std::function<void()> refresh) {
  const std::lock_guard lock(impl_->mutex);
  impl_->refreshers.push_back(std::move(refresh));
}

std::string Metrics::text() const {
  std::vector<std::function<void()>> refreshers;
  {
    const std::lock_guard lock(impl_->mutex);
    refreshers = impl_->refreshers;
  }
  for (const auto& refresh : refreshers) refresh();
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

Handler Metrics::handler() const {
  return [this](Request&) -> asio::awaitable<Response> {
    co_return TextResponse(200, text(), "text/plain; version=0.0.4; charset=utf-8");
  };
}

std::function<void(const Request&, int)> Metrics::http_observer() {
  return [this](const Request& request, int status) {
    const std::string_view method = MethodLabel(request.method);
    std::string route(request.route.empty() ? "unmatched" : request.route);
    HttpSeries series;
    {
      const std::lock_guard lock(impl_->mutex);
      HttpSeries& kept = impl_->http[{method, route, status}];
      if (kept.requests == nullptr) {
        const Labels labels = {{"method", std::string(method)},
                               {"route", std::move(route)},
                               {"status_code", std::to_string(status)}};
        kept.requests = &counter("codeapi_http_requests_total", "HTTP requests answered", labels);
        kept.duration =
            &histogram("codeapi_http_request_duration_seconds",
                       "Time from a request's header to the end of its response", kDurationBuckets, labels);
      }
      series = kept;
    }
    series.requests->Increment();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - request.started;
    series.duration->Observe(took.count());
  };
}

}  // namespace codeapi
