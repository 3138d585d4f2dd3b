#include "net/redis_client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/strand.hpp>

#include "net/raw_peer.h"
#include "net/redis_client_fixture.h"
#include "net/redis_test_server.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using std::chrono::milliseconds;

RedisOptions Quick(RedisOptions options) {
  options.connect_timeout = options.command_timeout = milliseconds(300);
  options.min_backoff = options.max_backoff = milliseconds(10);
  return options;
}

TEST(RedisClient, SpeaksBytes) {
  RedisTestServer server;
  TestRedis redis(server.options());
  const std::string value("\0\r\n$-1\r\n\xff", 9);
  EXPECT_EQ(redis.text({"SET", value, value}), "OK");
  EXPECT_EQ(redis.text({"GET", value}), value);
  EXPECT_EQ(redis.text({"SET", "empty", ""}), "OK");
  EXPECT_EQ(redis.command({"GET", "empty"})->type, RedisValue::Type::kString);
  EXPECT_TRUE(redis.command({"GET", "none"})->nil());
  EXPECT_EQ(redis.text({"INCRBY", "n", "-5"}), "-5");
  const auto nested = redis.command({"EVAL", "return {1, {'a', {false}}, redis.error_reply('E x')}", "0"});
  ASSERT_TRUE(nested && nested->elements.size() == 3);
  EXPECT_EQ(nested->elements[0].integer, 1);
  EXPECT_EQ(nested->elements[1].elements[0].text, "a");
  EXPECT_TRUE(nested->elements[1].elements[1].elements[0].nil());
  EXPECT_EQ(nested->elements[2].type, RedisValue::Type::kError);
  EXPECT_EQ(redis.command({"NONSENSE"}).error().code, ErrorCode::kInternal);
  EXPECT_EQ(redis.command({}).error().code, ErrorCode::kInvalid);
}

TEST(RedisClient, LargeValuesGoThroughAndTooLargeOnesEndTheConnection) {
  RedisTestServer server({"--appendonly", "no"});
  RedisOptions options = server.options();
  options.max_reply_bytes = 65uz << 20;
  options.command_timeout = std::chrono::minutes(1);
  TestRedis redis(options);
  std::string large(64uz << 20, 'x');
  large[12345] = '\n';
  EXPECT_EQ(redis.text({"SET", "large", large}), "OK");
  EXPECT_TRUE(redis.text({"GET", "large"}) == large);
  EXPECT_TRUE(redis.command({"APPEND", "large", std::string(2uz << 20, 'y')}));
  EXPECT_EQ(redis.command({"GET", "large"}).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(redis.text({"STRLEN", "large"}), std::to_string(66uz << 20));
}

TEST(RedisClient, ManyCoroutinesOnManyThreadsGetTheirOwnReplies) {
  RedisTestServer server;
  TestRedis redis(server.options());
  asio::io_context context;
  std::atomic<int> right = 0;
  const auto work = [&](int number) -> awaitable<void> {
    const auto executor = co_await asio::this_coro::executor;
    for (int i = 0; i < 50; ++i) {
      const std::string text = std::to_string(number) + "/" + std::to_string(i);
      const auto reply = co_await redis->Command({"ECHO", text});
      if (reply && reply->text == text && co_await asio::this_coro::executor == executor) ++right;
    }
  };
  for (int i = 0; i < 64; ++i) asio::co_spawn(asio::make_strand(context), work(i), asio::detached);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([&] { context.run(); });
  threads.clear();
  EXPECT_EQ(right, 64 * 50);
  EXPECT_NE(redis.text({"INFO", "stats"}).find("total_connections_received:"), std::string::npos);
  EXPECT_EQ(redis.text({"CLIENT", "LIST", "TYPE", "normal"}).find("\nid="), std::string::npos);  // one line
}

TEST(RedisClient, ScriptsAreSentOnce) {
  RedisTestServer server;
  TestRedis redis(server.options());
  const RedisScript script("return {KEYS[1], ARGV[1], ARGV[2]}");
  for (int i = 0; i < 3; ++i) {
    const auto reply = redis.eval(script, {"k"}, {"a", "b"});
    ASSERT_TRUE(reply) << reply.error().message;
    ASSERT_EQ(reply->elements.size(), 3u);
    EXPECT_EQ(reply->elements[0].text + reply->elements[1].text + reply->elements[2].text, "kab");
  }
  EXPECT_NE(redis.text({"INFO", "commandstats"}).find("cmdstat_eval:calls=1,"), std::string::npos);
  ASSERT_TRUE(redis.command({"SCRIPT", "FLUSH"}));
  EXPECT_TRUE(redis.eval(script, {"k"}, {"a", "b"}));
  EXPECT_EQ(redis.eval(RedisScript("return redis.error_reply('MINE no')")).error().message, "Redis: MINE no");
}

TEST(RedisClient, SpeaksOverAUnixSocketInItsDatabase) {
  RedisTestServer server;
  RedisOptions options = server.options();
  options.unix_path = server.socket();
  options.db = 3;
  options.client_name = "somebody";
  TestRedis redis(options);
  EXPECT_EQ(redis.text({"SET", "a", "1"}), "OK");
  EXPECT_EQ(redis.text({"CLIENT", "GETNAME"}), "somebody");
  TestRedis other(server.options());
  EXPECT_TRUE(other.command({"GET", "a"})->nil());
}

TEST(RedisClient, ProvesWhoItIs) {
  RedisTestServer server({"--requirepass", "secret"});
  RedisOptions options = Quick(server.options());
  TestRedis nobody(options);
  EXPECT_EQ(nobody.command({"PING"}).error().code, ErrorCode::kUnavailable);
  options.password = "secret";
  TestRedis admin(options);
  EXPECT_EQ(admin.text({"PING"}), "PONG");
  ASSERT_EQ(admin.text({"ACL", "SETUSER", "worker", "on", ">hunter2", "~mine:*", "+get", "+set", "+ping"}),
            "OK");
  options.username = "worker";
  TestRedis impostor(options);
  const auto refused = impostor.command({"GET", "mine:a"});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("WRONGPASS"), std::string::npos);
  options.password = "hunter2";
  TestRedis worker(options);
  EXPECT_EQ(worker.text({"SET", "mine:a", "1"}), "OK");
  EXPECT_EQ(worker.command({"GET", "yours"}).error().code, ErrorCode::kForbidden);
  EXPECT_EQ(worker.text({"GET", "mine:a"}), "1");
}

TEST(RedisClient, WithNobodyThereCallsFailAndItRecovers) {
  RedisTestServer server;
  TestRedis redis(Quick(server.options()));
  EXPECT_EQ(redis.text({"SET", "a", "1"}), "OK");
  server.kill();
  EXPECT_EQ(redis.command({"GET", "a"}).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(redis.command({"GET", "a"}).error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(redis->connected());
  server.start();
  ASSERT_TRUE(redis.reachable());
  EXPECT_EQ(redis.text({"GET", "a"}), "1");
}

TEST(RedisClient, AServerThatStopsAnsweringIsGivenUp) {
  RedisTestServer server;
  TestRedis redis(Quick(server.options()));
  EXPECT_EQ(redis.text({"PING"}), "PONG");
  server.pause();
  std::vector<std::future<Result<RedisValue>>> calls;
  for (int i = 0; i < 5; ++i) {
    calls.push_back(asio::co_spawn(redis.threads().io(), redis->Command({"ECHO", "late"}), asio::use_future));
  }
  for (auto& call : calls) EXPECT_EQ(call.get().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(redis.command({"PING"}).error().code, ErrorCode::kUnavailable);
  server.resume();
  ASSERT_TRUE(redis.reachable());
  EXPECT_EQ(redis.text({"ECHO", "mine"}), "mine");  // and not what came late
}

TEST(RedisClient, AReplicaIsLeftForTheNextMaster) {
  RedisTestServer server;
  TestRedis redis(Quick(server.options()));
  EXPECT_EQ(redis.text({"SET", "a", "1"}), "OK");
  const std::string before = redis.text({"CLIENT", "ID"});
  const std::string nowhere = std::to_string(RedisTestServer::FreePort());
  ASSERT_EQ(server.raw("REPLICAOF 127.0.0.1 " + nowhere), "+OK\r\n");
  for (int i = 0; i < 3; ++i) {
    const auto refused = redis.command({"SET", "a", "2"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable) << refused.error().message;
  }
  ASSERT_EQ(server.raw("REPLICAOF NO ONE"), "+OK\r\n");
  ASSERT_TRUE(redis.reachable());
  EXPECT_EQ(redis.text({"SET", "a", "3"}), "OK");
  EXPECT_NE(redis.text({"CLIENT", "ID"}), before);
}

TEST(RedisClient, ACancelledCallEndsAndLeavesTheOthersTheirReplies) {
  RedisTestServer server;
  TestRedis redis(server.options());
  EXPECT_EQ(redis.text({"PING"}), "PONG");
  server.pause();
  asio::io_context context;
  asio::cancellation_signal signal;
  std::optional<Result<RedisValue>> cancelled;
  asio::co_spawn(
      context, [&]() -> awaitable<void> { cancelled.emplace(co_await redis->Command({"ECHO", "a"})); },
      asio::bind_cancellation_slot(signal.slot(), asio::detached));
  context.poll();
  auto other = asio::co_spawn(redis.threads().io(), redis->Command({"ECHO", "b"}), asio::use_future);
  signal.emit(asio::cancellation_type::terminal);
  context.run();
  ASSERT_TRUE(cancelled);
  EXPECT_EQ(cancelled->error().code, ErrorCode::kCancelled);
  server.resume();
  EXPECT_EQ(other.get()->text, "b");
}

TEST(RedisClient, PendingCallsEndWithTheClient) {
  RedisTestServer server;
  TestRedis redis(server.options());
  EXPECT_EQ(redis.text({"PING"}), "PONG");
  auto waiting =
      asio::co_spawn(redis.threads().io(), redis->Command({"BLPOP", "nothing", "0"}, std::chrono::hours(1)),
                     asio::use_future);
  redis.destroy();
  EXPECT_EQ(waiting.get().error().code, ErrorCode::kUnavailable);
}

TEST(RedisClient, TooMuchPendingIsRefused) {
  RedisTestServer server;
  RedisOptions options = server.options();
  options.max_pending = 1;
  TestRedis redis(options);
  EXPECT_EQ(redis.text({"PING"}), "PONG");
  auto blocking = asio::co_spawn(
      redis.threads().io(), redis->Command({"BLPOP", "list", "0"}, std::chrono::hours(1)), asio::use_future);
  while (server.raw("INFO clients").find("blocked_clients:1") == std::string::npos) std::this_thread::yield();
  EXPECT_EQ(redis.command({"PING"}).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(server.raw("RPUSH list x"), ":1\r\n");
  EXPECT_EQ(blocking.get()->elements.size(), 2u);
  EXPECT_EQ(redis.text({"PING"}), "PONG");
}

// Peers that are no Redis, or leave in the middle of a reply.
TEST(RedisClient, NonsenseAndHalfRepliesAreUnavailable) {
  for (const std::string after : {"HTTP/1.1 400 Bad Request\r\n\r\n", "$5\r\nab", "*3\r\n:1\r\n",
                                  "*2147483647\r\n", "$99999999999999999999\r\n", ":1\r\n:2\r\n"}) {
    RawPeer peer([&](RawPeer::Connection& connection) {
      connection.read_until("PING\r\n");
      connection.send("+PONG\r\n");
      connection.read_until("ME\r\n");
      connection.send(after);
    });
    RedisOptions options;
    options.port = peer.port();
    TestRedis redis(Quick(options));
    const auto reply = redis.command({"ME"});
    if (after.starts_with(":1")) {
      EXPECT_EQ(reply->integer, 1);
    } else {
      ASSERT_FALSE(reply) << after;
      EXPECT_EQ(reply.error().code, ErrorCode::kUnavailable);
    }
    redis.destroy();
  }
}

}  // namespace
}  // namespace codeapi
