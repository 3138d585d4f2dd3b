// GET /metrics of the roles that work with a queue.
#pragma once

#include "net/metrics.h"
#include "net/router.h"
#include "store/job_queue.h"

namespace codeapi {

/// Answers with all of `metrics`, after asking the queue what waits in it: `codeapi_queue_up`, and
/// `codeapi_queue_waiting_jobs`, `codeapi_queue_waiting_tenants` and `codeapi_queue_oldest_seconds`, which
/// are NaN while it does not answer. Both must outlive the server.
Handler MetricsOf(Metrics& metrics, JobQueue& queue);

}  // namespace codeapi
