#include "store/metered_object_store.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;
using Meters = std::shared_ptr<ObjectMeters>;

class MeteredWriter final : public ObjectWriter {
 public:
  MeteredWriter(std::unique_ptr<ObjectWriter> real, Meters meters)
      : real_(std::move(real)), meters_(std::move(meters)) {}

  asio::awaitable<Result<void>> write(std::span<const char> data) override {
    meters_->written.Increment(static_cast<double>(data.size()));
    return real_->write(data);
  }
  asio::awaitable<Result<ObjectInfo>> commit() override {
    return meters_->times.Time("commit", real_->commit());
  }

 private:
  std::unique_ptr<ObjectWriter> real_;
  Meters meters_;
};

class MeteredReader final : public ObjectReader {
 public:
  MeteredReader(std::unique_ptr<ObjectReader> real, Meters meters)
      : real_(std::move(real)), meters_(std::move(meters)) {}

  const ObjectInfo& info() const override { return real_->info(); }
  asio::awaitable<Result<std::size_t>> read(std::span<char> buffer) override {
    auto got = co_await real_->read(buffer);
    if (got) meters_->read.Increment(static_cast<double>(*got));
    co_return got;
  }

 private:
  std::unique_ptr<ObjectReader> real_;
  Meters meters_;
};

}  // namespace

asio::awaitable<Result<std::unique_ptr<ObjectWriter>>> MeteredObjectStore::create(ObjectKey key,
                                                                                  ObjectMeta meta) {
  auto writer = co_await real_->create(std::move(key), std::move(meta));
  if (!writer) co_return std::unexpected(writer.error());
  co_return std::make_unique<MeteredWriter>(std::move(*writer), meters_);
}

asio::awaitable<Result<std::unique_ptr<ObjectReader>>> MeteredObjectStore::open(ObjectKey key) {
  auto reader = co_await meters_->times.Time("open", real_->open(std::move(key)));
  if (!reader) co_return std::unexpected(reader.error());
  co_return std::make_unique<MeteredReader>(std::move(*reader), meters_);
}

std::unique_ptr<ObjectStore> MeteredObjectStore::traced(std::string trace) {
  auto view = real_->traced(std::move(trace));
  if (!view) return nullptr;
  return std::unique_ptr<ObjectStore>(new MeteredObjectStore(std::move(view), meters_));
}

}  // namespace codeapi
