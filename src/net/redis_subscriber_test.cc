#include "net/redis_subscriber.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "net/redis_client_fixture.h"
#include "net/redis_test_server.h"

namespace codeapi {
namespace {

// What a subscriber told, in order.
class Heard {
 public:
  RedisListener listener() {
    return {.on_message = [this](std::string_view message) { add("message " + std::string(message)); },
            .on_subscribed = [this] { add("subscribed"); },
            .on_lost = [this] { add("lost"); }};
  }
  std::string next() {
    std::unique_lock lock(mutex_);
    if (!more_.wait_for(lock, std::chrono::minutes(1), [&] { return read_ < all_.size(); }))
      return "<nothing>";
    return all_[read_++];
  }

 private:
  void add(std::string what) {
    const std::lock_guard lock(mutex_);
    all_.push_back(std::move(what));
    more_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable more_;
  std::vector<std::string> all_;
  std::size_t read_ = 0;
};

TEST(RedisSubscriber, HearsWhatIsPublishedAndComesBackByItself) {
  RedisTestServer server;
  Heard heard;
  TestThreads threads;
  RedisOptions options = server.options();
  options.command_timeout = options.connect_timeout = std::chrono::milliseconds(300);
  auto subscriber = *RedisSubscriber::Make(threads.io().get_executor(), options, "channel", heard.listener());
  EXPECT_EQ(heard.next(), "subscribed");
  EXPECT_EQ(server.raw("PUBLISH channel one"), ":1\r\n");
  EXPECT_EQ(heard.next(), "message one");
  server.kill();
  EXPECT_EQ(heard.next(), "lost");
  server.start();
  EXPECT_EQ(heard.next(), "subscribed");
  EXPECT_EQ(server.raw("PUBLISH channel two"), ":1\r\n");
  EXPECT_EQ(heard.next(), "message two");
  server.pause();  // keeps the connection and says nothing
  EXPECT_EQ(heard.next(), "lost");
  server.resume();
  EXPECT_EQ(heard.next(), "subscribed");
  subscriber.reset();
  threads.finish();
}

}  // namespace
}  // namespace codeapi
