// What the tests of the Redis client share.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "net/redis_client.h"

namespace codeapi {

/// Two threads that run coroutines.
class TestThreads {
 public:
  TestThreads() {
    for (int i = 0; i < 2; ++i) threads_.emplace_back([this] { io_.run(); });
  }
  ~TestThreads() { finish(); }
  TestThreads(const TestThreads&) = delete;
  TestThreads& operator=(const TestThreads&) = delete;

  boost::asio::io_context& io() { return io_; }

  /// Runs a coroutine on the threads and waits for it.
  template <typename T>
  T await(boost::asio::awaitable<T> work) {
    return boost::asio::co_spawn(io_, std::move(work), boost::asio::use_future).get();
  }

  /// Waits until nothing is left to do.
  void finish() {
    work_.reset();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_ =
      boost::asio::make_work_guard(io_);
  std::vector<std::thread> threads_;
};

/// A client that runs on threads of its own.
class TestRedis {
 public:
  explicit TestRedis(RedisOptions options) {
    auto made = RedisClient::Make(threads_.io().get_executor(), std::move(options));
    if (!made) std::abort();
    client_ = std::move(*made);
  }

  RedisClient& operator*() { return *client_; }
  RedisClient* operator->() { return client_.get(); }
  TestThreads& threads() { return threads_; }
  void destroy() { client_.reset(); }

  Result<RedisValue> command(std::vector<std::string> args) {
    return threads_.await(client_->Command(std::move(args)));
  }
  Result<RedisValue> eval(const RedisScript& script, std::vector<std::string> keys = {},
                          std::vector<std::string> args = {}) {
    return threads_.await(client_->Eval(script, std::move(keys), std::move(args)));
  }
  /// The text of a reply, or its error's code and message.
  std::string text(std::vector<std::string> args) {
    auto reply = command(std::move(args));
    if (!reply) return std::string(ErrorCodeName(reply.error().code)) + ": " + reply.error().message;
    return reply->type == RedisValue::Type::kInteger ? std::to_string(reply->integer) : reply->text;
  }
  /// Asks until Redis answers, for a minute.
  bool reachable() {
    for (int i = 0; i < 6000; ++i) {
      if (command({"PING"})) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

 private:
  TestThreads threads_;
  std::unique_ptr<RedisClient> client_;
};

}  // namespace codeapi
