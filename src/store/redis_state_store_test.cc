#include "store/redis_state_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "net/redis_client_fixture.h"
#include "net/redis_test_server.h"
#include "store/job_queue_contract.h"
#include "store/state_store_contract.h"
#include "store/testing.h"

namespace codeapi::testing {
namespace {

// Redis counts by its own clock, which cannot be set: a millisecond of the tests is minutes there, and passes
// when what is left of all keys is shortened.
constexpr std::int64_t kStretch = 300'000;

class RedisStateBackend {
 public:
  RedisStateBackend() { reopen(); }
  ~RedisStateBackend() { store_.reset(); }
  StateStore& store() { return *store_; }
  void advance(milliseconds by) {
    const std::string moved = server_.raw(
        "EVAL \"for _, k in ipairs(redis.call('KEYS', '*')) do local t = redis.call('PTTL', k) "
        "if t >= 0 then redis.call('PEXPIRE', k, t - " +
        std::to_string(by.count() * kStretch) + ") end end return 1\" 0");
    if (moved != ":1\r\n") throw std::runtime_error(moved);
  }
  void reopen() {
    const bool again = store_ != nullptr;
    store_.reset();
    if (again) {
      server_.kill();
      server_.start();
    }
    store_ = *RedisStateStore::Make(threads_.io().get_executor(), server_.options(), {.stretch = kStretch});
  }

 private:
  RedisTestServer server_;
  TestThreads threads_;
  std::unique_ptr<RedisStateStore> store_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Redis, StateStoreContract, RedisStateBackend);

// Connections break all the time, and every call still ends: with the truth or with kUnavailable.
TEST(RedisStateStore, CallsEndWhateverBecomesOfTheConnection) {
  RedisTestServer server;
  TestThreads threads;
  RedisOptions options = server.options();
  options.min_backoff = options.max_backoff = milliseconds(1);
  auto store = *RedisStateStore::Make(threads.io().get_executor(), options);
  std::atomic<int> finished = 0, failed = 0, succeeded = 0;
  const auto work = [&](int number) -> boost::asio::awaitable<int> {
    const std::string key = "key" + std::to_string(number);
    for (int i = 0; i < 100; ++i) {
      const std::string value = std::to_string(i);
      const auto put = co_await store->put(key, value);
      EXPECT_TRUE(put || put.error().code == ErrorCode::kUnavailable);
      const auto got = co_await store->get(key);
      EXPECT_TRUE(got || got.error().code == ErrorCode::kUnavailable);
      if (put && got) EXPECT_EQ(*got, value);
      (put && got ? succeeded : failed)++;
    }
    co_return ++finished;
  };
  std::vector<std::future<int>> all;
  for (int i = 0; i < 8; ++i) {
    all.push_back(
        boost::asio::co_spawn(boost::asio::make_strand(threads.io()), work(i), boost::asio::use_future));
  }
  while (finished < 8) server.raw("CLIENT KILL TYPE normal SKIPME yes");
  for (auto& each : all) each.get();
  EXPECT_EQ(failed + succeeded, 800);
  EXPECT_GT(failed, 0);
  Eventually([&] { return threads.await(store->check()).has_value(); });
  EXPECT_TRUE(threads.await(store->put("last", "x")));
  server.pause();
  EXPECT_EQ(CodeOf(threads.await(store->get("last"))), ErrorCode::kUnavailable);
  server.resume();
  Eventually([&] { return threads.await(store->get("last")).value_or(std::nullopt) == "x"; });
}

}  // namespace
}  // namespace codeapi::testing
