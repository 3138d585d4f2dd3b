#include "store/group_commit.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "store/testing.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using Access = GroupCommit::Access;

// Notes what happens, fails on demand, and lets the test hold up the first begin() until everything has
// queued up.
class Recorder final : public Transactions {
 public:
  Result<void> begin() override {
    std::unique_lock lock(mutex);
    log.push_back("begin");
    opened.wait(lock, [this] { return open; });
    in_transaction = !begin_fails;
    if (begin_fails) return Fail(ErrorCode::kUnavailable, "begin");
    return {};
  }
  Result<void> commit() override {
    const std::lock_guard lock(mutex);
    log.push_back("commit");
    in_transaction = false;
    if (commit_fails) return Fail(ErrorCode::kUnavailable, "commit");
    return {};
  }
  bool active() const override { return in_transaction; }

  void release() {
    const std::lock_guard lock(mutex);
    open = true;
    opened.notify_all();
  }

  std::mutex mutex;
  std::condition_variable opened;
  bool open = false;
  bool begin_fails = false;
  bool commit_fails = false;
  bool in_transaction = false;
  std::vector<std::string> log;
};

class GroupCommitTest : public ::testing::Test {
 protected:
  // Submits an operation called `name`; what it is answered goes to answers_.
  void submit(Access access, const std::string& name, bool ends_transaction = false) {
    asio::co_spawn(
        context_,
        [=, this]() -> awaitable<void> {
          auto answer = co_await group_.run(access, [=, this]() -> Result<std::string> {
            recorder_.log.push_back(name);
            if (!ends_transaction) return name;
            recorder_.in_transaction = false;
            return Fail(ErrorCode::kUnavailable, "full");
          });
          answers_.push_back(answer ? *answer : name + " failed: " + answer.error().message);
        },
        asio::detached);
    context_.restart();
    context_.poll();
  }

  void run() {
    recorder_.release();
    context_.restart();
    context_.run();
  }

  // Keeps the group's thread busy with a read until let_go(): what is submitted meanwhile makes one group.
  // Returns when the read is running, for one that still waits would be in that group itself.
  void hold() {
    asio::co_spawn(
        context_,
        [this]() -> awaitable<void> {
          EXPECT_TRUE(co_await group_.run(Access::kRead, [this]() -> Result<void> {
            held_.set_value();
            may_go_on_.get_future().wait();
            return {};
          }));
        },
        asio::detached);
    context_.poll();
    held_.get_future().wait();
  }
  void let_go() { may_go_on_.set_value(); }

  using Strings = std::vector<std::string>;
  std::promise<void> held_, may_go_on_;
  asio::io_context context_;
  Recorder recorder_;
  Strings answers_;
  GroupCommit group_{recorder_};
};

TEST_F(GroupCommitTest, WhatQueuesUpSharesOneCommit) {
  submit(Access::kWrite, "a");
  {
    // The thread is in begin() with what it found; the rest waits for the next group.
    std::unique_lock lock(recorder_.mutex);
    while (recorder_.log.empty()) {
      lock.unlock();
      std::this_thread::yield();
      lock.lock();
    }
  }
  for (const char* name : {"b", "c"}) submit(Access::kWrite, name);
  submit(Access::kRead, "r");
  submit(Access::kWrite, "d");
  run();
  EXPECT_EQ(recorder_.log, (Strings{"begin", "a", "commit", "begin", "b", "c", "r", "d", "commit"}));
  EXPECT_EQ(answers_, (Strings{"a", "b", "c", "r", "d"}));
}

TEST_F(GroupCommitTest, ReadsAloneNeedNoTransaction) {
  submit(Access::kRead, "r");
  run();
  EXPECT_EQ(recorder_.log, (Strings{"r"}));
  EXPECT_EQ(answers_, (Strings{"r"}));
}

TEST_F(GroupCommitTest, AFailedCommitFailsTheWritesAndRepeatsTheReads) {
  recorder_.commit_fails = true;
  recorder_.release();
  hold();
  submit(Access::kWrite, "a");
  submit(Access::kRead, "r");
  submit(Access::kWrite, "b");
  let_go();
  run();
  EXPECT_EQ(answers_, (Strings{"a failed: commit", "r", "b failed: commit"}));
  EXPECT_EQ(recorder_.log, (Strings{"begin", "a", "r", "b", "commit", "r"}));
}

TEST_F(GroupCommitTest, AFailedBeginFailsTheWrites) {
  recorder_.begin_fails = true;
  submit(Access::kWrite, "a");
  run();
  EXPECT_EQ(answers_, (Strings{"a failed: begin"}));
  EXPECT_EQ(recorder_.log, (Strings{"begin"}));
}

TEST_F(GroupCommitTest, AnErrorThatEndsTheTransactionFailsWhatCameBeforeIt) {
  recorder_.release();
  hold();
  submit(Access::kWrite, "a");
  submit(Access::kWrite, "b", true);
  submit(Access::kWrite, "c");
  let_go();
  run();
  EXPECT_EQ(answers_, (Strings{"a failed: full", "b failed: full", "c"}));
  EXPECT_EQ(recorder_.log, (Strings{"begin", "a", "b", "begin", "c", "commit"}));
}

}  // namespace
}  // namespace codeapi
