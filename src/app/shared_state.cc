#include "app/shared_state.h"

#include "app/object_store.h"
#include "app/wiring.h"
#include "store/in_process_job_queue.h"
#include "store/sqlite_state_store.h"

namespace codeapi {

bool UsesRedis(const Settings& settings) {
  return IsSet(settings, "REDIS_URL") || IsSet(settings, "REDIS_HOST");
}

Result<std::unique_ptr<StateStore>> OpenStateStore(const boost::asio::any_io_executor&,
                                                   const Settings& settings) {
  if (auto made = MakeDataDirectory(settings.data_dir); !made) return std::unexpected(made.error());
  auto state = SqliteStateStore::Open(settings.data_dir + "/state.sqlite");
  if (!state) return std::unexpected(state.error());
  return std::move(*state);
}

Result<std::unique_ptr<JobQueue>> OpenJobQueue(const boost::asio::any_io_executor&,
                                               const Settings& settings) {
  return std::make_unique<InProcessJobQueue>(
      InProcessJobQueueOptions{static_cast<std::size_t>(settings.queue_max)});
}

Result<void> SettleShared(Settings& settings) {
  if (!UsesRedis(settings)) {
    return Fail(ErrorCode::kInvalid,
                "REDIS_HOST (or REDIS_URL) is not set: this process alone can do nothing, for it meets the "
                "others in Redis "
                "(`codeapi serve` needs none: it is everything in one process)");
  }
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
