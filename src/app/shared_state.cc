#include "app/shared_state.h"

#include "app/object_store.h"
#include "app/wiring.h"
#include "net/redis_options.h"
#include "store/in_process_job_queue.h"
#include "store/metered_job_queue.h"
#include "store/metered_state_store.h"
#include "store/redis_job_queue.h"
#include "store/redis_state_store.h"
#include "store/sqlite_state_store.h"

namespace codeapi {

bool UsesRedis(const Settings& settings) {
  return !settings.redis_url.empty() || !settings.redis_host.empty();
}

namespace {

Result<std::unique_ptr<StateStore>> OpenState(ServiceHost& host) {
  auto redis = RedisOptionsFrom(host.settings);
  if (!redis) return std::unexpected(redis.error());
  if (*redis) {
    auto shared = RedisStateStore::Make(host.executor(), std::move(**redis), {host.settings.redis_prefix});
    if (!shared) return std::unexpected(shared.error());
    return std::move(*shared);
  }
  const std::string& directory = host.settings.data_dir;
  if (auto made = MakeDataDirectory(directory); !made) return std::unexpected(made.error());
  auto state = SqliteStateStore::Open(directory + "/state.sqlite");
  if (!state) return std::unexpected(state.error());
  return std::move(*state);
}

Result<std::unique_ptr<JobQueue>> OpenQueue(ServiceHost& host) {
  auto redis = RedisOptionsFrom(host.settings);
  if (!redis) return std::unexpected(redis.error());
  if (*redis) {
    RedisJobQueueOptions options;
    options.prefix = host.settings.redis_prefix;
    options.max_waiting = static_cast<std::size_t>(host.settings.queue_max);
    options.lease = host.settings.queue_lease;
    auto shared = RedisJobQueue::Make(std::move(**redis), std::move(options));
    if (!shared) return std::unexpected(shared.error());
    return std::move(*shared);
  }
  return std::make_unique<InProcessJobQueue>(
      InProcessJobQueueOptions{static_cast<std::size_t>(host.settings.queue_max)});
}

}  // namespace

Result<std::unique_ptr<StateStore>> OpenStateStore(ServiceHost& host) {
  auto state = OpenState(host);
  if (!state) return state;
  return std::make_unique<MeteredStateStore>(std::move(*state), host.metrics);
}

Result<std::unique_ptr<JobQueue>> OpenJobQueue(ServiceHost& host) {
  auto queue = OpenQueue(host);
  if (!queue) return queue;
  return std::make_unique<MeteredJobQueue>(std::move(*queue), host.metrics);
}

Result<void> SettleShared(Settings& settings, bool behind_gateway) {
  if (!UsesRedis(settings)) {
    return Fail(ErrorCode::kInvalid,
                "REDIS_HOST (or REDIS_URL) is not set: this process alone can do nothing, for it meets the "
                "others in Redis "
                "(`codeapi serve` needs none: it is everything in one process)");
  }
  if (behind_gateway) return {};
  const bool chosen = settings.object_store == ObjectStoreKind::kDirectory;
  if (settings.file_server_url.empty() && !UsesS3(settings) && !chosen) {
    return Fail(
        ErrorCode::kInvalid,
        "FILE_SERVER_URL is not set, nor an S3 service (MINIO_ENDPOINT): files must be kept where "
        "other processes have them too. If CODEAPI_DATA_DIR is shared, CODEAPI_OBJECT_STORE=directory "
        "says so");
  }
  return chosen && settings.data_dir.empty() ? UseDefaultDataDirectory(settings) : Result<void>();
}

}  // namespace codeapi
