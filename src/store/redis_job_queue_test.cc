// What only a queue of several processes can meet: processes that die, and a Redis that does.
#include "store/redis_job_queue.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "net/redis_test_server.h"
#include "store/job_queue_contract.h"

namespace codeapi::testing {
namespace {

using std::chrono::milliseconds;

class RedisJobQueueTest : public ::testing::Test {
 protected:
  using Queue = std::unique_ptr<RedisJobQueue>;

  // A queue as another process has it, with a Redis user of its own, by which it can be cut off.
  Queue process(const std::string& name) {
    EXPECT_EQ(server_.raw("ACL SETUSER " + name + " on nopass ~* &* +@all"), "+OK\r\n");
    RedisOptions options = server_.options();
    options.username = name;
    options.password = "any";
    options.min_backoff = options.max_backoff = milliseconds(10);
    return *RedisJobQueue::Make(options, {.name = name, .lease = milliseconds(600)});
  }

  // As if its machine had lost the network.
  void cutOff(const std::string& name) {
    EXPECT_EQ(server_.raw("ACL SETUSER " + name + " off"), "+OK\r\n");
    server_.raw("CLIENT KILL USER " + name);
  }
  void reconnect(const std::string& name) { server_.raw("ACL SETUSER " + name + " on"); }

  Underway<std::string> submit(Queue& queue, JobSpec spec) {
    return {threads_, queue->submit(std::move(spec))};
  }
  Underway<Lease> take(Queue& queue) { return {threads_, queue->take()}; }
  Result<void> complete(Lease& lease, std::string answer) {
    return threads_.await(lease.complete(std::move(answer)));
  }
  std::size_t depth(Queue& queue) { return threads_.await(queue->depth()).value_or(999); }

  static boost::asio::awaitable<Result<int>> UntilCancelled(Lease& lease) {
    co_await lease.wait_cancelled();
    co_return 1;
  }

  RedisTestServer server_;
  TestThreads threads_;
};

TEST_F(RedisJobQueueTest, AJobOfADeadWorkerIsTakenOverOnceAndFenced) {
  Queue api = process("api"), first = process("first"), second = process("second");
  auto submission = submit(api, SomeJob("1"));
  auto late = take(first).get();
  ASSERT_TRUE(late);
  EXPECT_EQ(late->attempt(), 1);
  cutOff("first");
  auto lease = take(second).get();
  ASSERT_TRUE(lease) << lease.error().message;
  EXPECT_EQ(lease->attempt(), 2);
  EXPECT_EQ(lease->job().payload, "payload");
  auto other = take(api);
  reconnect("first");
  EXPECT_TRUE(Underway<int>(threads_, UntilCancelled(*late)).get());
  EXPECT_EQ(CodeOf(complete(*late, "by the first")), ErrorCode::kConflict);
  EXPECT_FALSE(other.over());
  EXPECT_TRUE(complete(*lease, "by the second"));
  EXPECT_EQ(submission.get(), "by the second");
  other.cancel();
  EXPECT_EQ(CodeOf(other.get()), ErrorCode::kCancelled);
}

TEST_F(RedisJobQueueTest, AJobThatKillsItsWorkersIsGivenUp) {
  Queue api = process("api"), first = process("first"), second = process("second");
  auto submission = submit(api, SomeJob("1"));
  auto one = take(first).get();
  cutOff("first");
  auto two = take(second).get();
  ASSERT_TRUE(two);
  cutOff("second");
  const auto answer = submission.get();
  ASSERT_EQ(CodeOf(answer), ErrorCode::kInternal);
  EXPECT_EQ(answer.error().message, "worker abandoned the job");
}

TEST_F(RedisJobQueueTest, JobsOfADeadSubmitterAreCancelled) {
  Queue api = process("api"), worker = process("worker");
  auto running = submit(api, SomeJob("1"));
  auto lease = take(worker).get();
  ASSERT_TRUE(lease);
  auto waiting = submit(api, SomeJob("2"));
  Eventually([&] { return depth(worker) == 1; });
  cutOff("api");
  EXPECT_TRUE(Underway<int>(threads_, UntilCancelled(*lease)).get());
  EXPECT_EQ(CodeOf(complete(*lease, "to nobody")), ErrorCode::kCancelled);
  Eventually([&] { return depth(worker) == 0; });
  reconnect("api");
  EXPECT_EQ(CodeOf(running.get()), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(waiting.get()), ErrorCode::kUnavailable);
}

TEST_F(RedisJobQueueTest, WhatIsHandedBackIsNextAndHasNotBeenTried) {
  Queue api = process("api"), first = process("first"), second = process("second");
  auto one = submit(api, SomeJob("1"));
  auto lease = take(first).get();
  ASSERT_TRUE(lease);
  auto two = submit(api, SomeJob("2"));
  Eventually([&] { return depth(api) == 1; });
  EXPECT_TRUE(threads_.await(lease->hand_back()));
  EXPECT_EQ(CodeOf(complete(*lease, "mine after all")), ErrorCode::kConflict);
  auto again = take(second).get();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->job().id, "1");
  EXPECT_EQ(again->attempt(), 1);
  first.reset();
  EXPECT_TRUE(complete(*again, "done"));
  EXPECT_EQ(one.get(), "done");
  two.cancel();
}

TEST_F(RedisJobQueueTest, ADirectedJobWaitsForItsWorkerAndIsEverybodysWithoutIt) {
  Queue api = process("api"), wanted = process("wanted"), other = process("other");
  auto idle = take(other);
  {
    auto first = submit(api, SomeJob("warm-up"));
    auto lease = idle.get();
    ASSERT_TRUE(lease && complete(*lease, ""));
    auto second = submit(api, SomeJob("warm-up"));
    lease = take(wanted).get();
    ASSERT_TRUE(lease && complete(*lease, ""));
    EXPECT_TRUE(first.get() && second.get());
  }
  idle = take(other);
  JobSpec spec = SomeJob("directed");
  spec.worker = wanted->taker();
  auto one = submit(api, spec);
  Eventually([&] { return depth(api) == 1; });
  auto lease = take(wanted).get();
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->job().id, "directed");
  EXPECT_FALSE(idle.over());
  EXPECT_TRUE(complete(*lease, "here"));
  EXPECT_EQ(one.get(), "here");
  auto two = submit(api, spec);
  Eventually([&] { return depth(api) == 1; });
  wanted.reset();
  lease = idle.get();
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->job().worker, "wanted");
  EXPECT_TRUE(complete(*lease, "there"));
  EXPECT_EQ(two.get(), "there");
  auto three = submit(api, spec);  // to one that is gone
  EXPECT_TRUE(take(other).get());
}

TEST_F(RedisJobQueueTest, ARestartOfRedisLosesNothing) {
  // The users are gone with a restart, so these are plain ones.
  RedisOptions options = server_.options();
  options.min_backoff = options.max_backoff = milliseconds(10);
  Queue api = *RedisJobQueue::Make(options, {.lease = milliseconds(600)});
  Queue worker = *RedisJobQueue::Make(options, {.lease = milliseconds(600)});
  auto running = submit(api, SomeJob("running"));
  auto lease = take(worker).get();
  ASSERT_TRUE(lease);
  auto waiting = submit(api, SomeJob("waiting"));
  Eventually([&] { return depth(api) == 1; });
  server_.kill();
  Eventually([&] { return !api->connected() && !worker->connected(); });
  EXPECT_EQ(CodeOf(submit(api, SomeJob("unlucky")).get()), ErrorCode::kUnavailable);
  Underway<void> completing(threads_, lease->complete("kept"));
  std::this_thread::sleep_for(milliseconds(700));  // longer than a lease
  EXPECT_FALSE(completing.over() || running.over() || waiting.over());
  server_.start();
  EXPECT_TRUE(completing.get());
  EXPECT_EQ(running.get(), "kept");
  auto next = take(worker).get();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->job().id, "waiting");
  EXPECT_EQ(next->attempt(), 1);
  EXPECT_TRUE(complete(*next, "too"));
  EXPECT_EQ(waiting.get(), "too");
}

TEST_F(RedisJobQueueTest, LargePayloadsAndAnswersPassAndTooLargeOnesDoNot) {
  RedisTestServer memory({"--appendonly", "no"});
  RedisOptions options = memory.options();
  options.command_timeout = std::chrono::minutes(1);
  Queue queue = *RedisJobQueue::Make(options, {});
  JobSpec spec = SomeJob("1");
  spec.payload.assign(64uz << 20, 'p');
  auto submission = submit(queue, spec);
  auto lease = take(queue).get();
  ASSERT_TRUE(lease) << lease.error().message;
  EXPECT_TRUE(lease->job().payload == spec.payload);
  EXPECT_EQ(CodeOf(complete(*lease, std::string((64uz << 20) + 1, 'a'))), ErrorCode::kTooLarge);
  EXPECT_TRUE(complete(*lease, std::string(64uz << 20, 'a')));
  const auto answer = submission.get();
  ASSERT_TRUE(answer);
  EXPECT_TRUE(*answer == std::string(64uz << 20, 'a'));
  spec.payload += 'p';
  EXPECT_EQ(CodeOf(submit(queue, spec).get()), ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace codeapi::testing
