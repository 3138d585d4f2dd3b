#include "store/in_process_job_queue.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "store/in_process_job_queue_fixture.h"

namespace codeapi::testing {
namespace {

TEST_F(InProcessJobQueueTest, TheAnswerReachesItsSubmitter) {
  auto first = submit(job("1"));
  auto second = submit(job("2"));
  EXPECT_EQ(depth(), 2u);
  auto taking = take();
  ASSERT_TRUE(taking->result && *taking->result);
  Lease& lease = **taking->result;
  EXPECT_EQ(lease.job().id, "1");
  EXPECT_EQ(lease.job().tenant, "t");
  EXPECT_EQ(lease.job().payload, "payload");
  EXPECT_EQ(lease.attempt(), 1);
  EXPECT_FALSE(lease.cancelled());
  EXPECT_FALSE(first->result);
  EXPECT_EQ(runNext(), "2");
  ASSERT_TRUE(second->result);
  EXPECT_EQ(*second->result, "answer to 2");
  EXPECT_FALSE(first->result);
  EXPECT_TRUE(Await(lease.complete("one")));
  poll();
  EXPECT_EQ(*first->result, "one");
  EXPECT_EQ(depth(), 0u);
}

TEST_F(InProcessJobQueueTest, AWaitingWorkerIsWoken) {
  auto first = take();
  auto second = take();
  EXPECT_FALSE(first->result || second->result);
  auto submission = submit(job("1"));
  ASSERT_TRUE(first->result);
  EXPECT_EQ((**first->result).job().id, "1");
  EXPECT_FALSE(second->result);
}

TEST_F(InProcessJobQueueTest, OnlyOneAnswerCounts) {
  auto submission = submit(job("1"));
  auto taking = take();
  EXPECT_TRUE(Await((*taking->result)->complete("first")));
  EXPECT_EQ(CodeOf(Await((*taking->result)->complete("second"))), ErrorCode::kConflict);
  taking->result.reset();
  poll();
  EXPECT_EQ(*submission->result, "first");
}

TEST_F(InProcessJobQueueTest, AnAbandonedLeaseFailsTheJob) {
  auto submission = submit(job("1"));
  take()->result.reset();
  poll();
  ASSERT_TRUE(submission->result);
  ASSERT_EQ(CodeOf(*submission->result), ErrorCode::kInternal);
  EXPECT_EQ(submission->result->error().message, "worker abandoned the job");
}

TEST_F(InProcessJobQueueTest, AFullQueueRefusesAtOnce) {
  std::vector<Submission> waiting;
  for (const char* id : {"1", "2", "3"}) waiting.push_back(submit(job(id)));
  auto refused = submit(job("4"));
  ASSERT_TRUE(refused->result);
  ASSERT_EQ(CodeOf(*refused->result), ErrorCode::kUnavailable);
  EXPECT_EQ(refused->result->error().message, "queue_full");
  EXPECT_EQ(runNext(), "1");
  EXPECT_FALSE(submit(job("5"))->result);
  EXPECT_TRUE(submit(job("6"))->result);
}

TEST_F(InProcessJobQueueTest, WithNoRoomToWaitIdleWorkersAreStillServed) {
  queue_.emplace(InProcessJobQueueOptions{.max_waiting = 0});
  EXPECT_EQ(CodeOf(*submit(job("1"))->result), ErrorCode::kUnavailable);
  auto taking = take();
  EXPECT_FALSE(submit(job("2"))->result);
  EXPECT_EQ((**taking->result).job().id, "2");
}

TEST_F(InProcessJobQueueTest, TenantsTakeTurns) {
  queue_.emplace(InProcessJobQueueOptions{.max_waiting = 100});
  std::vector<Submission> waiting;
  for (const char* id : {"a1", "a2", "a3", "a4"}) waiting.push_back(submit(job(id, "a")));
  for (const char* id : {"b1", "b2"}) waiting.push_back(submit(job(id, "b")));
  waiting.push_back(submit(job("c1", "c")));
  std::string order;
  for (int i = 0; i < 3; ++i) order += runNext() + " ";
  waiting.push_back(submit(job("d1", "d")));  // joins behind a and b
  for (int i = 0; i < 5; ++i) order += runNext() + " ";
  EXPECT_EQ(order, "a1 b1 c1 a2 b2 d1 a3 a4 ");
}

TEST_F(InProcessJobQueueTest, AnOverdueJobIsNeverRun) {
  JobSpec late = job("late");
  late.deadline = Clock::now() - std::chrono::seconds(1);
  EXPECT_EQ(CodeOf(*submit(late)->result), ErrorCode::kDeadline);
  EXPECT_EQ(depth(), 0u);
  JobSpec soon = job("soon");
  soon.deadline = Clock::now() + std::chrono::milliseconds(20);
  auto submission = submit(soon);
  auto next = submit(job("next"));
  context_.restart();
  while (!submission->result) context_.run_one();  // until its timer fires
  EXPECT_EQ(CodeOf(*submission->result), ErrorCode::kDeadline);
  EXPECT_EQ(depth(), 1u);
  EXPECT_EQ(runNext(), "next");
}

TEST_F(InProcessJobQueueTest, ATakerPassesOverWhatBecameOverdueUnnoticed) {
  JobSpec soon = job("soon");
  soon.deadline = Clock::now() + std::chrono::milliseconds(5);
  auto submission = submit(soon);
  auto next = submit(job("next"));
  std::this_thread::sleep_until(soon.deadline + std::chrono::milliseconds(1));
  // Nothing has run since, so the timer has not told anybody.
  auto taking = start(queue_->take());
  context_.restart();
  while (!taking->result) context_.run_one();
  EXPECT_EQ((**taking->result).job().id, "next");
  poll();
  EXPECT_EQ(CodeOf(*submission->result), ErrorCode::kDeadline);
}

TEST_F(InProcessJobQueueTest, TheDeadlineDoesNotEndARunningJob) {
  JobSpec soon = job("soon");
  soon.deadline = Clock::now() + std::chrono::milliseconds(400);
  auto submission = start(queue_->submit(soon));
  auto taking = start(queue_->take());
  poll();
  ASSERT_TRUE(taking->result && *taking->result);
  std::this_thread::sleep_until(soon.deadline + std::chrono::milliseconds(1));
  poll();  // the timer fires
  EXPECT_FALSE(submission->result);
  EXPECT_FALSE((*taking->result)->cancelled());
  EXPECT_TRUE(Await((*taking->result)->complete("in time")));
  poll();
  EXPECT_EQ(*submission->result, "in time");
}

TEST_F(InProcessJobQueueTest, ADeadlineAtTheEndOfTimeIsFine) {
  JobSpec spec = job("1");
  spec.deadline = Clock::time_point::max();
  auto submission = submit(spec);
  EXPECT_FALSE(submission->result);
  EXPECT_EQ(runNext(), "1");
  EXPECT_TRUE(*submission->result);
}

}  // namespace
}  // namespace codeapi::testing
