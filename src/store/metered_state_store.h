// A StateStore whose calls are measured.
#pragma once

#include <memory>
#include <utility>

#include "store/call_times.h"
#include "store/state_store.h"

namespace codeapi {

/// Passes every call on, and measures it (call_times.h) with `store="state"`.
class MeteredStateStore final : public StateStore {
 public:
  /// `metrics` must outlive it.
  MeteredStateStore(std::unique_ptr<StateStore> real, Metrics& metrics)
      : real_(std::move(real)),
        times_(metrics, "state",
               {"get", "get_many", "put", "put_many", "put_if_absent", "remove", "touch", "keys", "count",
                "hold", "release", "holder", "check"}) {}

  boost::asio::awaitable<Result<std::optional<std::string>>> get(std::string key) override {
    return times_.Time("get", real_->get(std::move(key)));
  }
  boost::asio::awaitable<Result<std::vector<std::optional<std::string>>>> get_many(
      std::vector<std::string> keys) override {
    return times_.Time("get_many", real_->get_many(std::move(keys)));
  }
  boost::asio::awaitable<Result<void>> put(std::string key, std::string value, StateTtl ttl) override {
    return times_.Time("put", real_->put(std::move(key), std::move(value), ttl));
  }
  boost::asio::awaitable<Result<void>> put_many(std::vector<StateEntry> entries) override {
    return times_.Time("put_many", real_->put_many(std::move(entries)));
  }
  boost::asio::awaitable<Result<bool>> put_if_absent(std::string key, std::string value,
                                                     StateTtl ttl) override {
    return times_.Time("put_if_absent", real_->put_if_absent(std::move(key), std::move(value), ttl));
  }
  boost::asio::awaitable<Result<bool>> remove(std::string key) override {
    return times_.Time("remove", real_->remove(std::move(key)));
  }
  boost::asio::awaitable<Result<bool>> touch(std::string key, std::chrono::milliseconds ttl) override {
    return times_.Time("touch", real_->touch(std::move(key), ttl));
  }
  boost::asio::awaitable<Result<std::vector<std::string>>> keys(std::string prefix, std::string after,
                                                                std::size_t limit) override {
    return times_.Time("keys", real_->keys(std::move(prefix), std::move(after), limit));
  }
  boost::asio::awaitable<Result<Tally>> count(std::string key, std::chrono::milliseconds window) override {
    return times_.Time("count", real_->count(std::move(key), window));
  }
  boost::asio::awaitable<Result<bool>> hold(std::string key, std::string holder,
                                            std::chrono::milliseconds ttl) override {
    return times_.Time("hold", real_->hold(std::move(key), std::move(holder), ttl));
  }
  boost::asio::awaitable<Result<bool>> release(std::string key, std::string holder) override {
    return times_.Time("release", real_->release(std::move(key), std::move(holder)));
  }
  boost::asio::awaitable<Result<std::optional<std::string>>> holder(std::string key) override {
    return times_.Time("holder", real_->holder(std::move(key)));
  }
  boost::asio::awaitable<Result<void>> check() override { return times_.Time("check", real_->check()); }

 private:
  std::unique_ptr<StateStore> real_;
  CallTimes times_;
};

}  // namespace codeapi
