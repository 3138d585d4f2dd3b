// What goes wrong around a run: the answer says so, and nothing is left behind.
#include "worker/executor_fixture.h"

namespace codeapi {
namespace {

using namespace testing;  // NOLINT: the fixture's own names

std::string Error(const ExecutionAnswer& answer) {
  return std::string(json::parse(answer.body).at("error").as_string());
}

// As a sandbox does before it lets the program run.
awaitable<Result<void>> ReadAll(std::vector<RunInput>& files) {
  for (RunInput& file : files) {
    if (auto read = co_await ReadInput(file); !read) co_return std::unexpected(read.error());
  }
  co_return Result<void>();
}

TEST_F(ExecutorTest, SandboxErrorsAreAnswers) {
  const std::tuple<ErrorCode, int, const char*> rows[] = {
      {ErrorCode::kSetupFailed, 503, "sandbox_setup_failed"},
      {ErrorCode::kInternal, 503, "sandbox_setup_failed"},
      {ErrorCode::kInvalid, 400, "bad_request"},
      {ErrorCode::kTooLarge, 413, "session_input_too_large"},
      {ErrorCode::kUnavailable, 502, "session_input_source_failed"},
      {ErrorCode::kCancelled, 499, "execution_cancelled"}};
  for (const auto& [code, status, error] : rows) {
    RunTest(io, [&]() -> awaitable<void> {
      sandbox.script = [&](RunRequest, std::vector<RunInput>, RunSink&) -> awaitable<Result<Verdict>> {
        co_return Fail(code, "mount failed at /secret/path");
      };
      const ExecutionAnswer answer = co_await Execute();
      EXPECT_EQ(answer.status, status);
      EXPECT_EQ(Error(answer), error);
      EXPECT_FALSE(answer.stored_files);
      EXPECT_EQ(answer.body.find("secret"), std::string::npos) << "the client sees no path of ours";
      EXPECT_GE(log.Count("detail=mount failed at /secret/path"), 1);
    });
  }
}

TEST_F(ExecutorTest, InputsThatCannotBeOpened) {
  RunTest(io, [&]() -> awaitable<void> {
    bool ran = false;
    sandbox.script = [&](RunRequest, std::vector<RunInput> files, RunSink&) -> awaitable<Result<Verdict>> {
      if (auto read = co_await ReadAll(files); !read) co_return std::unexpected(read.error());
      ran = true;
      co_return Verdict{};
    };
    request.files.push_back({NewId(), NewId(), "gone.txt"});
    ExecutionAnswer answer = co_await Execute();
    EXPECT_EQ(answer.status, 403);
    EXPECT_EQ(answer.body, R"({"error":"Unauthorized file reference"})");
    store.failing = {"open"};
    answer = co_await Execute();
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(Error(answer), "session_input_source_failed");
    EXPECT_FALSE(ran);
  });
}

TEST_F(ExecutorTest, InputThatFailsWhileItIsRead) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await AddInput("in.txt", "x");
    store.failing = {"read"};
    sandbox.script = [](RunRequest, std::vector<RunInput> files, RunSink&) -> awaitable<Result<Verdict>> {
      for (RunInput& input : files) {
        if (auto content = co_await ReadInput(input); !content) co_return std::unexpected(content.error());
      }
      co_return Verdict{};
    };
    EXPECT_EQ((co_await Execute()).status, 502);
  });
}

using Hostile = std::function<awaitable<Result<void>>(RunSink&, Verdict&)>;

awaitable<Result<void>> Begin(RunSink& sink, std::string name, std::uint64_t size = 1,
                              std::optional<std::uint32_t> input = {}) {
  const RunOutput output{std::move(name), size, input};
  co_return co_await sink.FileBegin(output);
}

awaitable<Result<void>> Whole(RunSink& sink, std::string name) {
  if (auto r = co_await Begin(sink, std::move(name)); !r) co_return r;
  if (auto r = co_await sink.FileData("x"); !r) co_return r;
  co_return co_await sink.FileEnd(true);
}

// Each breaks one limit that the jailer was given. One honest file has been stored before. There is one
// input.
const std::pair<const char*, Hostile> kHostile[] = {
    {"too much stdout",
     [](RunSink& s, Verdict&) -> awaitable<Result<void>> {
       const std::string text(1001, 'x');
       co_return co_await s.Stdout(text);
     }},
    {"too much stderr in pieces",
     [](RunSink& s, Verdict&) -> awaitable<Result<void>> {
       const std::string piece(600, 'x');
       if (auto r = co_await s.Stderr(piece); !r) co_return Result<void>();  // too early
       co_return co_await s.Stderr(piece);
     }},
    {"the same name again", [](RunSink& s, Verdict&) { return Whole(s, "honest.txt"); }},
    {"an input there is not", [](RunSink& s, Verdict&) { return Begin(s, "a.txt", 1, 1); }},
    {"an input far out", [](RunSink& s, Verdict&) { return Begin(s, "a.txt", 1, 0xffffffff); }},
    {"a file too large", [](RunSink& s, Verdict&) { return Begin(s, "a.txt", 2001); }},
    {"a way out", [](RunSink& s, Verdict&) { return Begin(s, "../a.txt"); }},
    {"an absolute name", [](RunSink& s, Verdict&) { return Begin(s, "/a.txt"); }},
    {"an empty name", [](RunSink& s, Verdict&) { return Begin(s, ""); }},
    {"a name with NUL", [](RunSink& s, Verdict&) { return Begin(s, std::string("a\0b", 3)); }},
    {"a name that is not UTF-8", [](RunSink& s, Verdict&) { return Begin(s, "\xff.txt"); }},
    {"a name too long", [](RunSink& s, Verdict&) { return Begin(s, std::string(257, 'a')); }},
    {"a name too deep", [](RunSink& s, Verdict&) { return Begin(s, "1/2/3/4/5/6/7/8/9/10/11"); }},
    {"too many files",
     [](RunSink& s, Verdict&) -> awaitable<Result<void>> {
       if (auto r = co_await Whole(s, "a.txt"); !r) co_return Result<void>();
       if (auto r = co_await Whole(s, "b.txt"); !r) co_return Result<void>();
       co_return co_await Whole(s, "c.txt");
     }},
    {"more data than announced",
     [](RunSink& s, Verdict&) -> awaitable<Result<void>> {
       if (auto r = co_await Begin(s, "a.txt", 3); !r) co_return Result<void>();
       if (auto r = co_await s.FileData("abc"); !r) co_return Result<void>();
       co_return co_await s.FileData("d");
     }},
    {"an unchanged input there is not",
     [](RunSink&, Verdict& v) -> awaitable<Result<void>> {
       v.harvest.unchanged = {1};
       co_return Result<void>();
     }},
    {"an unchanged input a million times",
     [](RunSink&, Verdict& v) -> awaitable<Result<void>> {
       v.harvest.unchanged.assign(1'000'000, 0);
       co_return Result<void>();
     }},
    {"a deleted input there is not",
     [](RunSink&, Verdict& v) -> awaitable<Result<void>> {
       v.harvest.deleted = {0xffffffff};
       co_return Result<void>();
     }},
    {"an input both unchanged and deleted",
     [](RunSink&, Verdict& v) -> awaitable<Result<void>> {
       v.harvest.unchanged = v.harvest.deleted = {0};
       co_return Result<void>();
     }},
};

TEST_F(ExecutorTest, JailerThatBreaksItsLimitsGetsNothingStored) {
  for (const auto& [name, hostile] : kHostile) {
    SCOPED_TRACE(name);
    request.id = NewId();
    request.files.clear();
    RunTest(io, [&]() -> awaitable<void> {
      co_await AddInput("in.txt", "x");
      sandbox.script = [&](RunRequest, std::vector<RunInput>, RunSink& sink) -> awaitable<Result<Verdict>> {
        EXPECT_TRUE(co_await Deliver(sink, "honest.txt", "x"));
        Verdict verdict;
        auto done = co_await hostile(sink, verdict);
        const bool in_verdict = !verdict.harvest.unchanged.empty() || !verdict.harvest.deleted.empty();
        EXPECT_EQ(done.has_value(), in_verdict) << "the sink noticed";
        if (!done) co_return std::unexpected(done.error());  // as the client of the jailer does
        co_return verdict;
      };
      const ExecutionAnswer answer = co_await Execute();
      EXPECT_EQ(answer.status, 503);
      EXPECT_EQ(Error(answer), "sandbox_setup_failed");
      EXPECT_FALSE(answer.stored_files);
      EXPECT_TRUE((co_await Stored()).empty());
    });
  }
}

TEST_F(ExecutorTest, LimitsMayBeUsedUp) {
  RunTest(io, [&]() -> awaitable<void> {
    sandbox.script = [&](RunRequest, std::vector<RunInput>, RunSink& sink) -> awaitable<Result<Verdict>> {
      EXPECT_TRUE(co_await sink.Stdout(std::string(1000, 'x')));
      EXPECT_TRUE(co_await sink.Stderr(std::string(1000, 'x')));
      EXPECT_TRUE(co_await Deliver(sink, std::string(255, 'n'), std::string(2000, 'x')));
      EXPECT_TRUE(co_await Deliver(sink, "1/2/3/4/5/6/7/8/9/10", "x"));
      EXPECT_TRUE(co_await Deliver(sink, "c.txt", "x"));
      co_return Verdict{};
    };
    EXPECT_EQ((co_await Execute()).status, 200);
    EXPECT_EQ((co_await Stored()).size(), 3u);
  });
}

TEST_F(ExecutorTest, CancellingEndsTheRunAndTakesBackWhatWasStored) {
  RunTest(io, [&]() -> awaitable<void> {
    Event running(io.get_executor()), never(io.get_executor());
    sandbox.script = [&](RunRequest, std::vector<RunInput>, RunSink& sink) -> awaitable<Result<Verdict>> {
      EXPECT_TRUE(co_await Deliver(sink, "a.txt", "x"));
      EXPECT_TRUE(co_await Begin(sink, "half.txt", 5));
      running.Set();
      co_await never.Wait();
      co_return Fail(ErrorCode::kCancelled, "cancelled");
    };
    const auto execution = testing::Start(io, Execute());
    co_await running.Wait();
    while ((co_await Stored()).empty()) continue;  // it is being committed
    EXPECT_EQ((co_await Stored()).size(), 1u);
    execution->Cancel();
    EXPECT_EQ((co_await execution->Outcome()).status, 499);
    EXPECT_TRUE((co_await Stored()).empty());
  });
}

TEST_F(ExecutorTest, CancellingWhileInputsAreOpenedRunsNothing) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await AddInput("in.txt", "x");
    bool ran = false;
    sandbox.script = [&](RunRequest, std::vector<RunInput> files, RunSink&) -> awaitable<Result<Verdict>> {
      if (auto read = co_await ReadAll(files); !read) co_return std::unexpected(read.error());
      ran = true;
      co_return Verdict{};
    };
    Event opening(io.get_executor()), gate(io.get_executor());
    store.opening = &opening;
    store.gate = &gate;
    const auto execution = testing::Start(io, Execute());
    co_await opening.Wait();
    execution->Cancel();
    gate.Set();
    EXPECT_EQ((co_await execution->Outcome()).status, 499);
    EXPECT_FALSE(ran);
  });
}

TEST_F(ExecutorTest, AFileIsCommittedWhileOthersArrive) {
  RunTest(io, [&]() -> awaitable<void> {
    Event committing(io.get_executor()), gate(io.get_executor());
    store.committing = &committing;
    store.commit_gate = &gate;
    sandbox.script = [&](RunRequest, std::vector<RunInput>, RunSink& sink) -> awaitable<Result<Verdict>> {
      EXPECT_TRUE(co_await Deliver(sink, "a.txt", "a"));
      co_await committing.Wait();  // and would hold up the next ones if they waited for it
      EXPECT_TRUE(co_await Deliver(sink, "b.txt", "b"));
      EXPECT_TRUE(co_await Deliver(sink, "c.txt", "c"));
      EXPECT_TRUE((co_await Stored()).empty());
      gate.Set();
      co_return Verdict{};
    };
    const ExecutionAnswer answer = co_await Execute();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(json::parse(answer.body).at("files").as_array().size(), 3u);
    EXPECT_EQ((co_await Stored()).size(), 3u) << "all of what the client is told of is there";
  });
}

TEST_F(ExecutorTest, InputsAreOpenedTogetherAndWhileTheRunBegins) {
  RunTest(io, [&]() -> awaitable<void> {
    for (int i = 0; i < 20; ++i)
      co_await AddInput(std::to_string(i) + ".txt", "content " + std::to_string(i));
    Event opening(io.get_executor()), gate(io.get_executor());
    store.opening = &opening;
    store.gate = &gate;
    sandbox.script = [&](RunRequest, std::vector<RunInput> files, RunSink&) -> awaitable<Result<Verdict>> {
      co_await opening.Wait();
      for (int i = 0; i < 100; ++i) co_await asio::post(io, asio::use_awaitable);
      EXPECT_GT(store.opens, 1) << "the run has begun, and more than one input is being opened";
      EXPECT_LT(store.opens, 20) << "but not any number";
      gate.Set();
      int next = 0;
      for (RunInput& file : files) {
        const auto content = co_await ReadInput(file);
        EXPECT_TRUE(content);
        if (file.file.kind == CellFileKind::kInput) EXPECT_EQ(*content, "content " + std::to_string(next++));
      }
      EXPECT_EQ(next, 20);
      co_return Verdict{};
    };
    EXPECT_EQ((co_await Execute()).status, 200);
  });
}

// A jailer that ends a run early must not leave anybody reading.
TEST_F(ExecutorTest, ARunThatTakesNoInputsEnds) {
  RunTest(io, [&]() -> awaitable<void> {
    for (int i = 0; i < 20; ++i) co_await AddInput(std::to_string(i) + ".txt", std::string(1 << 20, 'x'));
    sandbox.script = [&](RunRequest, std::vector<RunInput>, RunSink&) -> awaitable<Result<Verdict>> {
      co_return Fail(ErrorCode::kSetupFailed, "no cell");
    };
    EXPECT_EQ((co_await Execute()).status, 503);
  });
}

}  // namespace
}  // namespace codeapi
