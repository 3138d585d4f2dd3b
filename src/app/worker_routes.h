// What a worker says over HTTP: of itself only, for orchestrators and monitoring.
#pragma once

#include <functional>

#include <boost/asio/awaitable.hpp>

#include "net/router.h"

namespace codeapi {

/// How a worker is. Everything in it must outlive the server.
struct WorkerState {
  std::function<bool()> programs_run;  ///< a canary has run lately
  std::function<boost::asio::awaitable<bool>()> queue_answers;
  int concurrency = 0;
};

///     GET /live      200 OK for as long as the process serves at all: whether to restart it
///     GET /health    200 or 503, with JSON that says which part is missing
///     GET /ready     200 ready, 503 not ready: the same in a word
///     GET /metrics
Router MakeWorkerRouter(const WorkerState& state, Handler metrics);

}  // namespace codeapi
