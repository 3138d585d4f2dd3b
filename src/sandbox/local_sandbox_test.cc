#include "sandbox/local_sandbox.h"

#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <fstream>

#include "sandbox/testing.h"

namespace codeapi {
namespace {

using namespace testing;  // NOLINT: the helpers' own names

// The pids of this program's children, whichever thread started them.
std::vector<pid_t> Children() {
  std::vector<pid_t> out;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream list(task.path() / "children");
    for (pid_t pid; list >> pid;) out.push_back(pid);
  }
  return out;
}

LocalSandboxOptions Options() {
  LocalSandboxOptions options;
  options.jailer.path = BesideThisProgram("codeapi-jailer");
  options.settings.max_cells = 4;
  return options;
}

// The real jailer and real cells.
class LocalSandboxTest : public ::testing::Test {
 protected:
  std::shared_ptr<Started<Result<Verdict>>> Bash(std::string code, RecordingSink& sink) {
    RunRequest request;
    request.runtime = "bash";
    request.source_name = "script.sh";
    std::vector<RunInput> files;
    files.push_back({{CellFileKind::kSource, "script.sh", 0, false}, std::move(code)});
    return testing::Start(io, sandbox->Run(std::move(request), std::move(files), sink));
  }
  awaitable<void> ExpectRuns() {
    RecordingSink sink;
    const auto verdict = co_await Bash("echo hello; echo bad >&2; exit 5", sink)->Outcome();
    CO_ASSERT(verdict);
    EXPECT_EQ(verdict->end, RunEnd::kExit);
    EXPECT_EQ(verdict->code, 5);
    std::ranges::sort(sink.calls);
    EXPECT_EQ(sink.calls, (std::vector<std::string>{"err bad\n", "out hello\n"}));
  }
  // Starts a program that does not end by itself and waits until it runs.
  awaitable<std::shared_ptr<Started<Result<Verdict>>>> Endless(RecordingSink& sink) {
    Event called(io.get_executor());
    sink.called = &called;
    auto running = Bash("echo started; exec sleep 1000", sink);
    co_await called.Wait();
    sink.called = nullptr;
    co_return running;
  }

  asio::io_context io;
  std::optional<LocalSandbox> sandbox{std::in_place, io.get_executor(), Options()};
};

TEST_F(LocalSandboxTest, RunsAProgram) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await ExpectRuns();
    EXPECT_EQ(Children().size(), 1u);
    const JailerInfo info = sandbox->info();
    EXPECT_NE(std::ranges::find(info.runtimes, "bash"), info.runtimes.end());
    co_await sandbox->Stop();
  });
}

TEST_F(LocalSandboxTest, ManyRunsAtOnceShareOneJailer) {
  RunTest(io, [&]() -> awaitable<void> {
    std::vector<std::unique_ptr<RecordingSink>> sinks;
    std::vector<std::shared_ptr<Started<Result<Verdict>>>> runs;
    for (int i = 0; i < 8; ++i) {
      sinks.push_back(std::make_unique<RecordingSink>());
      runs.push_back(Bash("echo " + std::to_string(i), *sinks.back()));
    }
    for (int i = 0; i < 8; ++i) {
      const auto verdict = co_await runs[static_cast<std::size_t>(i)]->Outcome();
      CO_ASSERT(verdict);
      EXPECT_EQ(sinks[static_cast<std::size_t>(i)]->calls,
                std::vector<std::string>{"out " + std::to_string(i) + "\n"});
    }
    EXPECT_EQ(Children().size(), 1u);
    co_await sandbox->Stop();
  });
}

TEST_F(LocalSandboxTest, StartsANewJailerWhenOneWasKilled) {
  RunTest(io, [&]() -> awaitable<void> {
    RecordingSink sink;
    const auto running = co_await Endless(sink);
    const auto before = Children();
    CO_ASSERT(before.size() == 1);
    CO_ASSERT(::kill(before[0], SIGKILL) == 0);
    const auto verdict = co_await running->Outcome();
    CO_ASSERT(!verdict);
    EXPECT_EQ(verdict.error().code, ErrorCode::kSetupFailed);
    co_await ExpectRuns();
    const auto after = Children();
    EXPECT_EQ(std::ranges::count(after, before[0]), 0);
    EXPECT_EQ(after.size(), 1u);
    co_await sandbox->Stop();
  });
}

TEST_F(LocalSandboxTest, ANewRootGetsANewJailerWhileRunsUnderWayGoOn) {
  std::string root;
  LocalSandboxOptions options = Options();
  options.root = [&] { return root; };
  sandbox.emplace(io.get_executor(), options);
  RunTest(io, [&]() -> awaitable<void> {
    RecordingSink sink, second_sink;
    auto running = co_await Endless(sink);
    const auto first = Children();
    CO_ASSERT(first.size() == 1);
    root = "/";
    co_await ExpectRuns();
    co_await ExpectRuns();
    EXPECT_EQ(Children().size(), 2u);
    running->Cancel();
    EXPECT_FALSE(co_await running->Outcome());
    while (Children().size() != 1) co_await asio::post(io, asio::use_awaitable);
    EXPECT_NE(Children(), first);
    // Stop() ends runs in every root.
    running = co_await Endless(second_sink);
    root = "";
    co_await ExpectRuns();
    co_await sandbox->Stop();
    EXPECT_FALSE(co_await running->Outcome());
    EXPECT_TRUE(Children().empty());
  });
}

TEST_F(LocalSandboxTest, ARootThatCannotBeUsedLeavesTheOldOne) {
  std::string root;
  LocalSandboxOptions options = Options();
  options.root = [&] { return root; };
  sandbox.emplace(io.get_executor(), options);
  RunTest(io, [&]() -> awaitable<void> {
    co_await ExpectRuns();
    root = "/nonexistent";
    co_await ExpectRuns();
    co_await sandbox->Stop();
    EXPECT_TRUE(Children().empty());
  });
}

TEST_F(LocalSandboxTest, StopEndsRunsAndLeavesNoChild) {
  RunTest(io, [&]() -> awaitable<void> {
    RecordingSink sink;
    const auto running = co_await Endless(sink);
    co_await sandbox->Stop();
    EXPECT_FALSE(co_await running->Outcome());
    EXPECT_TRUE(Children().empty());
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
    const auto later = co_await Bash("echo", sink)->Outcome();
    CO_ASSERT(!later);
    EXPECT_EQ(later.error().code, ErrorCode::kSetupFailed);
    EXPECT_TRUE(Children().empty());
    co_await sandbox->Stop();  // again does nothing
  });
}

TEST_F(LocalSandboxTest, StopWhileTheJailerStartsLeavesNoChild) {
  RunTest(io, [&]() -> awaitable<void> {
    RecordingSink sink;
    const auto running = Bash("echo", sink);
    while (Children().empty()) co_await asio::post(io, asio::use_awaitable);
    co_await sandbox->Stop();
    EXPECT_FALSE(co_await running->Outcome());
    EXPECT_TRUE(Children().empty());
  });
}

TEST_F(LocalSandboxTest, WhoeverCancelsWhileTheJailerStartsSpoilsItForNobody) {
  RunTest(io, [&]() -> awaitable<void> {
    RecordingSink first_sink, second_sink;
    const auto first = Bash("echo", first_sink);
    const auto second = Bash("echo second", second_sink);
    const auto third = Bash("echo", first_sink);
    while (Children().empty()) co_await asio::post(io, asio::use_awaitable);
    first->Cancel();
    third->Cancel();
    for (const auto& cancelled : {first, third}) {
      const auto verdict = co_await cancelled->Outcome();
      CO_ASSERT(!verdict);
      EXPECT_EQ(verdict.error().code, ErrorCode::kCancelled);
    }
    EXPECT_TRUE(co_await second->Outcome());
    EXPECT_EQ(second_sink.calls, std::vector<std::string>{"out second\n"});
    EXPECT_TRUE(first_sink.calls.empty());
    co_await sandbox->Stop();
  });
}

TEST_F(LocalSandboxTest, CancellingARunEndsItsProgram) {
  RunTest(io, [&]() -> awaitable<void> {
    RecordingSink sink;
    const auto running = co_await Endless(sink);
    running->Cancel();
    const auto verdict = co_await running->Outcome();
    CO_ASSERT(!verdict);
    EXPECT_EQ(verdict.error().code, ErrorCode::kCancelled);
    co_await ExpectRuns();
    co_await sandbox->Stop();
  });
}

TEST_F(LocalSandboxTest, JailerThatIsNotThere) {
  sandbox.emplace(io.get_executor(), LocalSandboxOptions{{"/nonexistent/codeapi-jailer"}, {}});
  RunTest(io, [&]() -> awaitable<void> {
    for (int i = 0; i < 2; ++i) {
      RecordingSink sink;
      const auto verdict = co_await Bash("echo", sink)->Outcome();
      CO_ASSERT(!verdict);
      EXPECT_EQ(verdict.error().code, ErrorCode::kSetupFailed);
      EXPECT_NE(verdict.error().message.find("/nonexistent/codeapi-jailer"), std::string::npos);
    }
    EXPECT_TRUE(Children().empty());
  });
}

TEST_F(LocalSandboxTest, JailerThatEndsAtOnce) {
  sandbox.emplace(io.get_executor(), LocalSandboxOptions{{"/bin/true"}, {}});
  RunTest(io, [&]() -> awaitable<void> {
    RecordingSink sink;
    const auto verdict = co_await Bash("echo", sink)->Outcome();
    CO_ASSERT(!verdict);
    EXPECT_EQ(verdict.error().code, ErrorCode::kSetupFailed);
    co_await sandbox->Stop();
    EXPECT_TRUE(Children().empty());
  });
}

TEST_F(LocalSandboxTest, JailerThatCannotMakeCellsSaysWhy) {
  LocalSandboxOptions options = Options();
  options.settings.cgroup = "no such mode";
  sandbox.emplace(io.get_executor(), options);
  RunTest(io, [&]() -> awaitable<void> {
    const auto started = co_await sandbox->Start();
    CO_ASSERT(!started);
    EXPECT_EQ(started.error().code, ErrorCode::kSetupFailed);
    EXPECT_NE(started.error().message.find("no such mode"), std::string::npos);
    co_await sandbox->Stop();
    EXPECT_TRUE(Children().empty());
  });
}

}  // namespace
}  // namespace codeapi
