// Which queue and which state store the settings choose: the one place that knows all of them.
#pragma once

#include <memory>

#include "app/service_host.h"
#include "base/result.h"
#include "base/settings.h"
#include "store/job_queue.h"
#include "store/state_store.h"

namespace codeapi {

/// Whether queue and state are shared with other processes: REDIS_URL or REDIS_HOST names a Redis.
bool UsesRedis(const Settings& settings);

/// The state of a process: Redis, or the file `state.sqlite` below the data directory, which is made. Does
/// not wait for Redis. Its calls are measured in the host's metrics. The host must outlive it.
Result<std::unique_ptr<StateStore>> OpenStateStore(ServiceHost& host);

/// The queue of a process: in Redis, or within the process. Otherwise as OpenStateStore().
Result<std::unique_ptr<JobQueue>> OpenJobQueue(ServiceHost& host);

/// Completes the settings of a process that is nothing by itself, an `api` or a `worker`. kInvalid, naming
/// the setting, unless they lead to a queue, and to files, that other processes have too. `behind_gateway`:
/// files are the egress gateway's business.
Result<void> SettleShared(Settings& settings, bool behind_gateway = false);

}  // namespace codeapi
