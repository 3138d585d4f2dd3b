// An ObjectStore whose calls are measured.
#pragma once

#include <memory>
#include <utility>

#include "store/call_times.h"
#include "store/object_store.h"

namespace codeapi {

/// What a MeteredObjectStore counts with. Shared with its readers and writers, which may outlive it.
struct ObjectMeters {
  explicit ObjectMeters(Metrics& metrics)
      : times(metrics, "objects", {"open", "stat", "list", "sessions", "remove", "commit", "check"}),
        read(metrics.counter("codeapi_object_bytes_total", "Bytes of stored files moved",
                             {{"direction", "read"}})),
        written(metrics.counter("codeapi_object_bytes_total", "Bytes of stored files moved",
                                {{"direction", "written"}})) {}

  CallTimes times;
  prometheus::Counter& read;
  prometheus::Counter& written;
};

/// Passes every call on, and measures those that ask the store something (call_times.h) with
/// `store="objects"`: reading takes as long as whoever reads, so its bytes are counted instead, and writing
/// is measured in commit().
class MeteredObjectStore final : public ObjectStore {
 public:
  /// `metrics` must outlive it, its readers and its writers.
  MeteredObjectStore(std::unique_ptr<ObjectStore> real, Metrics& metrics)
      : MeteredObjectStore(std::move(real), std::make_shared<ObjectMeters>(metrics)) {}

  boost::asio::awaitable<Result<std::unique_ptr<ObjectWriter>>> create(ObjectKey key,
                                                                       ObjectMeta meta) override;
  boost::asio::awaitable<Result<std::unique_ptr<ObjectReader>>> open(ObjectKey key) override;
  boost::asio::awaitable<Result<ObjectInfo>> stat(ObjectKey key) override {
    return meters_->times.Time("stat", real_->stat(std::move(key)));
  }
  boost::asio::awaitable<Result<std::vector<ObjectInfo>>> list(std::string session) override {
    return meters_->times.Time("list", real_->list(std::move(session)));
  }
  boost::asio::awaitable<Result<std::vector<std::string>>> sessions(std::string after,
                                                                    std::size_t limit) override {
    return meters_->times.Time("sessions", real_->sessions(std::move(after), limit));
  }
  boost::asio::awaitable<Result<void>> remove(ObjectKey key) override {
    return meters_->times.Time("remove", real_->remove(std::move(key)));
  }
  boost::asio::awaitable<Result<void>> check() override {
    return meters_->times.Time("check", real_->check());
  }
  std::unique_ptr<ObjectStore> traced(std::string trace) override;

 private:
  MeteredObjectStore(std::unique_ptr<ObjectStore> real, std::shared_ptr<ObjectMeters> meters)
      : real_(std::move(real)), meters_(std::move(meters)) {}

  std::unique_ptr<ObjectStore> real_;
  std::shared_ptr<ObjectMeters> meters_;
};

}  // namespace codeapi
