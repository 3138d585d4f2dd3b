// What the tests of the HTTP client share.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "net/http_client.h"
#include "net/http_test_server.h"

namespace codeapi {

/// A client whose transfers run on two threads of its own.
class TestClient {
 public:
  explicit TestClient(HttpClientOptions options = {}) {
    auto made = HttpClient::Make(io_.get_executor(), std::move(options));
    if (!made) std::abort();
    client_ = std::move(*made);
    for (int i = 0; i < 2; ++i) threads_.emplace_back([this] { io_.run(); });
  }

  ~TestClient() {
    client_.reset();
    work_.reset();
    for (std::thread& thread : threads_) thread.join();  // ends when the last transfer has
  }

  HttpClient& operator*() { return *client_; }
  HttpClient* operator->() { return client_.get(); }
  asio::io_context& io() { return io_; }
  void destroy() { client_.reset(); }

  /// Runs a coroutine on the client's threads and waits for it.
  template <typename T>
  T await(asio::awaitable<T> work) {
    return asio::co_spawn(io_, std::move(work), asio::use_future).get();
  }

  Result<FetchedResponse> fetch(ClientRequest request, std::size_t limit = 64uz << 20) {
    return await(client_->fetch(std::move(request), limit));
  }

 private:
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
  std::unique_ptr<HttpClient> client_;
  std::vector<std::thread> threads_;
};

/// Produces `total` bytes that differ everywhere, `piece` at a time.
class PatternSource final : public BodySource {
 public:
  PatternSource(std::uint64_t total, std::optional<std::uint64_t> length, std::size_t piece = 50'000)
      : left_(total), length_(length), piece_(piece) {}

  asio::awaitable<Result<std::size_t>> read(std::span<char> into) override {
    const std::size_t size = std::min({into.size(), piece_, static_cast<std::size_t>(left_)});
    for (char& c : into.first(size)) c = Next(state_);
    left_ -= size;
    co_return size;
  }

  std::optional<std::uint64_t> length() const override { return length_; }

  static char Next(std::uint32_t& state) {
    state = state * 1664525 + 1013904223;
    return static_cast<char>(state >> 24);
  }

 private:
  std::uint64_t left_;
  std::optional<std::uint64_t> length_;
  std::size_t piece_;
  std::uint32_t state_ = 1;
};

/// Whether `data` continues the pattern.
inline bool FollowsPattern(std::span<const char> data, std::uint32_t& state) {
  return std::ranges::all_of(data, [&](char c) { return c == PatternSource::Next(state); });
}

}  // namespace codeapi
