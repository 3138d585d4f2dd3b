#include "worker/worker.h"

#include "store/in_process_job_queue.h"
#include "worker/testing.h"
#include "worker/tool_support.h"

namespace codeapi {
namespace {

using namespace testing;  // NOLINT: the helpers' own names

class WorkerTest : public ::testing::Test {
 protected:
  using Submission = std::shared_ptr<Started<Result<std::string>>>;

  WorkerTest()
      : objects(*DirectoryObjectStore::Open(dir / "files")),
        sandbox([this](RunRequest request, std::vector<RunInput>, RunSink&) -> awaitable<Result<Verdict>> {
          ++running;
          most = std::max(most, running);
          ran.push_back(request.args.at(0));
          called->Set();
          co_await gate->Wait();
          --running;
          if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) {
            ++cancelled;
            co_return Fail(ErrorCode::kCancelled, "cancelled");
          }
          co_return Verdict{};
        }),
        executor(sandbox, *objects, log, {}) {
    Block();
  }
  // Programs that start from now on run until Set() of the gate.
  void Block() {
    called = std::make_unique<Event>(io.get_executor());
    gate = std::make_unique<Event>(io.get_executor());
  }

  Submission Submit(std::string name) {
    ExecutionRequest request;
    request.id = NewId();
    request.runtime = "bash";
    request.args = {std::move(name)};
    return SubmitRaw(request.Encode());
  }
  Submission SubmitRaw(std::string payload) {
    return testing::Start(io, queue.submit({NewId(), "tenant", std::move(payload),
                                            std::chrono::system_clock::now() + std::chrono::hours(1)}));
  }
  awaitable<void> Settle() {
    for (int i = 0; i < 100; ++i) co_await asio::post(io, asio::use_awaitable);
  }

  TempDir dir;
  asio::io_context io;
  RecordingLog log;
  std::unique_ptr<DirectoryObjectStore> objects;
  InProcessJobQueue queue;
  int running = 0, most = 0, cancelled = 0;
  std::vector<std::string> ran;
  std::unique_ptr<Event> gate, called;
  ScriptedSandbox sandbox;
  Executor executor;
  ToolPrograms tools{io.get_executor(), executor, log, ToolSupport};
};

TEST_F(WorkerTest, AnswersJobs) {
  Worker worker(io.get_executor(), queue, executor, tools, log, 1);
  worker.Start();
  gate->Set();
  RunTest(io, [&]() -> awaitable<void> {
    for (const char* name : {"a", "b"}) {
      const auto submitted = co_await Submit(name)->Outcome();
      CO_ASSERT(submitted);
      const auto answer = ExecutionAnswer::Decode(*submitted);
      CO_ASSERT(answer);
      EXPECT_EQ(answer->status, 200);
    }
    EXPECT_EQ(ran, (std::vector<std::string>{"a", "b"}));
    queue.stop();
    co_await worker.Wait();
  });
}

TEST_F(WorkerTest, RunsAsManyAtOnceAsItWasTold) {
  Worker worker(io.get_executor(), queue, executor, tools, log, 2);
  worker.Start();
  RunTest(io, [&]() -> awaitable<void> {
    std::vector<Submission> jobs;
    for (const char* name : {"a", "b", "c", "d"}) jobs.push_back(Submit(name));
    while (ran.size() < 2) co_await asio::post(io, asio::use_awaitable);
    co_await Settle();
    EXPECT_EQ(ran.size(), 2u);
    gate->Set();
    for (const Submission& job : jobs) EXPECT_TRUE(co_await job->Outcome());
    EXPECT_EQ(ran.size(), 4u);
    EXPECT_EQ(most, 2);
    queue.stop();
    co_await worker.Wait();
  });
}

TEST_F(WorkerTest, UnreadableJobFailsAlone) {
  Worker worker(io.get_executor(), queue, executor, tools, log, 1);
  worker.Start();
  gate->Set();
  RunTest(io, [&]() -> awaitable<void> {
    const auto bad = co_await SubmitRaw("not a job")->Outcome();
    CO_ASSERT(!bad);
    EXPECT_EQ(bad.error().code, ErrorCode::kInternal);
    EXPECT_EQ(log.Count("job dropped"), 1);
    EXPECT_TRUE(co_await Submit("good")->Outcome());
    queue.stop();
    co_await worker.Wait();
  });
}

TEST_F(WorkerTest, CancelledJobEndsItsProgramAndFreesItsPlace) {
  Worker worker(io.get_executor(), queue, executor, tools, log, 1);
  worker.Start();
  RunTest(io, [&]() -> awaitable<void> {
    const Submission given_up = Submit("a");
    co_await called->Wait();
    given_up->Cancel();
    const auto outcome = co_await given_up->Outcome();
    CO_ASSERT(!outcome);
    EXPECT_EQ(outcome.error().code, ErrorCode::kCancelled);
    while (cancelled == 0) co_await asio::post(io, asio::use_awaitable);
    gate->Set();
    EXPECT_TRUE(co_await Submit("b")->Outcome());
    EXPECT_EQ(cancelled, 1);
    queue.stop();
    co_await worker.Wait();
  });
}

TEST_F(WorkerTest, StopFinishesWhatRunsAndStartsNothingMore) {
  Worker worker(io.get_executor(), queue, executor, tools, log, 1);
  worker.Start();
  RunTest(io, [&]() -> awaitable<void> {
    const Submission first = Submit("a"), second = Submit("b");
    co_await called->Wait();
    queue.stop();
    bool ended = false;
    asio::co_spawn(
        io,
        [&]() -> awaitable<void> {
          co_await worker.Wait();
          ended = true;
        },
        asio::detached);
    const auto refused = co_await second->Outcome();
    EXPECT_FALSE(refused);
    co_await Settle();
    EXPECT_FALSE(ended);
    gate->Set();
    EXPECT_TRUE(co_await first->Outcome());
    while (!ended) co_await asio::post(io, asio::use_awaitable);
    EXPECT_EQ(ran, std::vector<std::string>{"a"});
  });
}

TEST_F(WorkerTest, TakesNothingWhilePaused) {
  Worker worker(io.get_executor(), queue, executor, tools, log, 2);
  worker.Start();
  gate->Set();
  RunTest(io, [&]() -> awaitable<void> {
    co_await Settle();  // both loops wait for work
    worker.Pause();
    co_await Settle();
    const Submission waiting = Submit("a");
    co_await Settle();
    EXPECT_TRUE(ran.empty());
    EXPECT_EQ(co_await queue.depth(), 1u);
    worker.Resume();
    EXPECT_TRUE(co_await waiting->Outcome());
    // Time and again, and with every job run once.
    for (int i = 0; i < 20; ++i) {
      const Submission job = Submit("b");
      worker.Pause();
      worker.Resume();
      EXPECT_TRUE(co_await job->Outcome());
    }
    EXPECT_EQ(ran.size(), 21u);
    queue.stop();
    co_await worker.Wait();
  });
}

TEST_F(WorkerTest, PausedLetsWhatRunsEndAndCanBeStopped) {
  Worker worker(io.get_executor(), queue, executor, tools, log, 2);
  worker.Start();
  RunTest(io, [&]() -> awaitable<void> {
    const Submission running_one = Submit("a");
    co_await called->Wait();
    worker.Pause();
    co_await Settle();
    gate->Set();
    EXPECT_TRUE(co_await running_one->Outcome());
    queue.stop();
    co_await worker.Wait();
  });
}

TEST_F(WorkerTest, WhatOutlastsTheGraceIsGivenUp) {
  Worker worker(io.get_executor(), queue, executor, tools, log, 1);
  worker.Start();
  RunTest(io, [&]() -> awaitable<void> {
    const Submission endless = Submit("a");
    co_await called->Wait();
    queue.stop();
    co_await worker.Wait(std::chrono::milliseconds(1));
    EXPECT_EQ(cancelled, 1);
    EXPECT_FALSE(co_await endless->Outcome());
  });
}

}  // namespace
}  // namespace codeapi
