// How long the calls of a store take, by operation.
#pragma once

#include <chrono>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "net/metrics.h"

namespace codeapi {

/// `codeapi_store_seconds{store,operation}` and `codeapi_store_errors_total{store,operation}`, which counts
/// what is not the caller's doing. Thread-safe. `metrics` must outlive it.
class CallTimes {
 public:
  /// `store` and `operations` must live for ever: literals.
  CallTimes(Metrics& metrics, std::string_view store, std::initializer_list<std::string_view> operations);

  /// Awaits `call` and measures it as `operation`, which must be one of those.
  template <typename T>
  boost::asio::awaitable<Result<T>> Time(std::string_view operation, boost::asio::awaitable<Result<T>> call) {
    const auto start = std::chrono::steady_clock::now();
    Result<T> result = co_await std::move(call);
    Observe(operation, std::chrono::steady_clock::now() - start, result ? nullptr : &result.error());
    co_return result;
  }

 private:
  struct Series {
    prometheus::Histogram* seconds;
    prometheus::Counter* errors;
  };
  void Observe(std::string_view operation, std::chrono::duration<double> took, const Error* error);

  std::map<std::string_view, Series> series_;
};

}  // namespace codeapi
