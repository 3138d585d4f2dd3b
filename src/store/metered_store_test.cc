// A store that is measured does what it did, and is measured.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/directory_object_store.h"
#include "store/in_process_job_queue.h"
#include "store/metered_job_queue.h"
#include "store/metered_object_store.h"
#include "store/metered_state_store.h"
#include "store/object_store_contract.h"
#include "store/sqlite_state_store.h"
#include "store/state_store_contract.h"

namespace codeapi::testing {
namespace {

using ::testing::HasSubstr;

class MeteredStateBackend {
 public:
  MeteredStateBackend() { reopen(); }
  StateStore& store() { return *store_; }
  void advance(milliseconds by) { now_ = now_.load() + by.count(); }
  void reopen() {
    store_.reset();
    SqliteStateStoreOptions options;
    options.now = [this] { return std::chrono::system_clock::time_point(milliseconds(now_)); };
    auto opened = SqliteStateStore::Open(dir_ / "state.db", options);
    if (!opened) throw std::runtime_error(opened.error().message);
    store_ = std::make_unique<MeteredStateStore>(std::move(*opened), metrics_);
  }

 private:
  TempDir dir_;
  Metrics metrics_;
  std::atomic<std::int64_t> now_ = 1'700'000'000'000;
  std::unique_ptr<StateStore> store_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Metered, StateStoreContract, MeteredStateBackend);

class MeteredObjectBackend {
 public:
  MeteredObjectBackend() { reopen(); }
  ObjectStore& store() { return *store_; }
  void close() { store_.reset(); }
  void reopen() {
    close();
    auto opened = DirectoryObjectStore::Open(dir_ / "store");
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::make_unique<MeteredObjectStore>(std::move(*opened), metrics_);
  }
  static std::vector<std::size_t> sizes() { return {0, 1, 300'000}; }

 private:
  TempDir dir_;
  Metrics metrics_;
  std::unique_ptr<ObjectStore> store_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Metered, ObjectStoreContract, MeteredObjectBackend);

TEST(MeteredStateStore, CountsCallsByOperation) {
  const TempDir dir;
  Metrics metrics;
  MeteredStateStore store(std::move(*SqliteStateStore::Open(dir / "state.db")), metrics);
  ASSERT_TRUE(Await(store.put("key", "value", {})));
  EXPECT_EQ(Await(store.get("key"))->value_or(""), "value");
  ASSERT_TRUE(Await(store.get("another")));
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("codeapi_store_seconds_count{operation=\"get\",store=\"state\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("codeapi_store_seconds_count{operation=\"put\",store=\"state\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("codeapi_store_errors_total{operation=\"get\",store=\"state\"} 0\n"));
}

TEST(MeteredObjectStore, CountsBytesAndWhatFailedButNotWhatIsMissing) {
  const TempDir dir;
  Metrics metrics;
  MeteredObjectStore store(std::move(*DirectoryObjectStore::Open(dir / "files")), metrics);
  const ObjectKey key{NewId(), NewId()};
  ASSERT_TRUE(Await(Put(store, key, std::string(1000, 'x'))));
  EXPECT_EQ(Await(Get(store, key))->size(), 1000u);
  EXPECT_FALSE(Await(store.stat({NewId(), NewId()})));
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("codeapi_object_bytes_total{direction=\"written\"} 1000\n"));
  EXPECT_THAT(text, HasSubstr("codeapi_object_bytes_total{direction=\"read\"} 1000\n"));
  EXPECT_THAT(text, HasSubstr("codeapi_store_seconds_count{operation=\"commit\",store=\"objects\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("codeapi_store_seconds_count{operation=\"stat\",store=\"objects\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("codeapi_store_errors_total{operation=\"stat\",store=\"objects\"} 0\n"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr(key.id)));
}

TEST(MeteredJobQueue, CountsHowSubmissionsEnd) {
  Metrics metrics;
  MeteredJobQueue queue(std::make_unique<InProcessJobQueue>(InProcessJobQueueOptions{0}), metrics);
  const auto soon = [] { return std::chrono::system_clock::now() + std::chrono::minutes(1); };
  EXPECT_FALSE(Await(queue.submit({"a", "t", "", soon()})));  // no room, and nobody takes
  EXPECT_FALSE(Await(queue.submit({"b", "t", "", std::chrono::system_clock::now()})));
  const auto answered = Await([&]() -> boost::asio::awaitable<Result<std::string>> {
    boost::asio::co_spawn(
        co_await boost::asio::this_coro::executor,
        [&]() -> boost::asio::awaitable<void> {
          auto lease = co_await queue.take();
          EXPECT_EQ(lease->job().id, "c");
          EXPECT_TRUE(co_await lease->complete("done"));
        },
        boost::asio::detached);
    co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
    co_return co_await queue.submit({"c", "t", "", soon()});
  }());
  EXPECT_EQ(answered, "done");
  queue.stop();
  EXPECT_FALSE(Await(queue.submit({"d", "t", "", soon()})));
  const std::string text = metrics.text();
  for (const char* outcome : {"queue_full", "deadline", "answered", "shutting_down"})
    EXPECT_THAT(text, HasSubstr("codeapi_queue_answers_total{outcome=\"" + std::string(outcome) + "\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("codeapi_store_seconds_count{operation=\"complete\",store=\"queue\"} 1\n"));
}

}  // namespace
}  // namespace codeapi::testing
