// What the services count, in the text format that Prometheus reads.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/http_message.h"
#include "net/http_server.h"

namespace codeapi {

/// The metrics of one process. Thread-safe, except that nothing may be added or read while it is destroyed.
/// What it returns lives as long as it does and is thread-safe too.
///
/// A label takes values out of a small fixed set only: every combination is a time series that is kept for
/// ever, so that an id or a path in a label lets any client fill our memory and Prometheus's.
class Metrics {
 public:
  using Labels = std::map<std::string, std::string>;

  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// A number that only grows. The same name and labels give the same counter; one name has one kind and one
  /// help text. A malformed name, or one of another kind, throws: that is a mistake in the program.
  prometheus::Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});

  /// A number that goes up and down.
  prometheus::Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});

  /// A distribution. `buckets` are upper bounds, ascending, without infinity.
  prometheus::Histogram& histogram(const std::string& name, const std::string& help,
                                   const std::vector<double>& buckets, const Labels& labels = {});

  /// Has `refresh` called before every text(), to set gauges of what is cheap to look at and not worth
  /// following. On the thread of text(), so it must not block and, as text() may run on several at once, must
  /// be thread-safe.
  void on_scrape(std::function<void()> refresh);

  /// Everything in Prometheus's text format 0.0.4.
  std::string text() const;

  /// Answers text(): for GET /metrics.
  Handler handler() const;

  /// For ServerOptions::observe: counts `codeapi_http_requests_total{method,route,status_code}` and measures
  /// `codeapi_http_request_duration_seconds` with the same labels, from the request's header to the end of
  /// its response. `route` is the router's template, or `unmatched`; `method` is one of HTTP's own, or
  /// `other`.
  std::function<void(const Request&, int status)> http_observer();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace codeapi
