#include "worker/executor.h"

#include "sandbox/local_sandbox.h"
#include "worker/executor_fixture.h"

namespace codeapi {
namespace {

using namespace testing;  // NOLINT: the fixture's own names

std::string Text(const json::value& object, std::string_view member) {
  return std::string(object.at(member).as_string());
}
std::string Name(const json::value& file) {
  return Text(file, "name");
}

TEST(FreeSourceName, AvoidsInputs) {
  const auto name = [](std::string runtime, std::vector<std::string> inputs) {
    ExecutionRequest request;
    request.runtime = std::move(runtime);
    for (std::string& input : inputs) request.files.push_back({"s", "i", std::move(input)});
    return FreeSourceName(request);
  };
  EXPECT_EQ(name("py", {}), "main.py");
  EXPECT_EQ(name("bash", {"main.py"}), "script.sh");
  EXPECT_EQ(name("py", {"main.py"}), "main_1.py");
  EXPECT_EQ(name("py", {"main_1.py", "main.py", "main_2.py"}), "main_3.py");
  EXPECT_EQ(name("py", {"main.py/x"}), "main_1.py");  // needs a directory of that name
  EXPECT_EQ(name("py", {"d/main.py", "main.pyc"}), "main.py");
}

// A public class has to be in a file of its name, so it is the directory that makes room.
TEST(FreeSourceName, OfJavaIsThatOfThePublicClass) {
  ExecutionRequest request;
  request.runtime = "java";
  request.code = "public class Till { public static void main(String[] a) {} }";
  EXPECT_EQ(FreeSourceName(request), "Till.java");
  request.files = {{"s", "i", "Till.java"}, {"s", "i", "program_1"}};
  EXPECT_EQ(FreeSourceName(request), "program_2/Till.java");
}

TEST_F(ExecutorTest, ALanguageThatTheRootLacksIsNotAFaultOfTheService) {
  RunTest(io, [&]() -> awaitable<void> {
    sandbox.found.runtimes = {"bash"};
    sandbox.script = [&](RunRequest, std::vector<RunInput>, RunSink&) -> awaitable<Result<Verdict>> {
      ADD_FAILURE() << "there is nothing to run";
      co_return Verdict{};
    };
    const ExecutionAnswer answer = co_await Execute();
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.body, R"j({"error":"Unsupported language: py (it is not installed in this sandbox)"})j");
  });
}

// The first execution starts the jailer, and only then is it known what there is.
TEST_F(ExecutorTest, ThatItLacksALanguageMayTurnOutLate) {
  RunTest(io, [&]() -> awaitable<void> {
    sandbox.script = [&](RunRequest, std::vector<RunInput>, RunSink&) -> awaitable<Result<Verdict>> {
      sandbox.found.runtimes = {"bash"};
      co_return Fail(ErrorCode::kSetupFailed, "runtime not installed: py");
    };
    EXPECT_EQ((co_await Execute()).status, 400);
  });
}

TEST_F(ExecutorTest, CompilersGetLimitsAndNames) {
  RunTest(io, [&]() -> awaitable<void> {
    request.runtime = "java";
    request.code = "package shop; class Till { static void main(String[] a) {} }";
    sandbox.script = [&](RunRequest run, std::vector<RunInput>, RunSink&) -> awaitable<Result<Verdict>> {
      EXPECT_EQ(run.source_name, "Main.java");
      EXPECT_EQ(run.entry, "shop.Till");
      EXPECT_EQ(run.compile_wall_ms, Limits().compile_wall_ms);
      EXPECT_EQ(run.compile_cpu_ms, Limits().compile_cpu_ms);
      EXPECT_EQ(run.compile_memory_bytes, Limits().compile_memory_bytes);
      co_return Verdict{};
    };
    EXPECT_EQ((co_await Execute()).status, 200);
  });
}

TEST_F(ExecutorTest, SaysWhetherAnInterpreterThatWaitsWouldHaveMissedSomething) {
  RunTest(io, [&]() -> awaitable<void> {
    std::vector<bool> early;
    sandbox.script = [&](RunRequest run, std::vector<RunInput>, RunSink&) -> awaitable<Result<Verdict>> {
      early.push_back(run.early_input);
      co_return Verdict{};
    };
    const auto run = [&](const std::string& runtime) -> awaitable<void> {
      request.runtime = runtime;
      EXPECT_EQ((co_await Execute()).status, 200);
    };
    co_await AddInput("data.csv", "1");
    co_await run("ts");
    co_await AddInput("bunfig.toml", "");
    co_await run("ts");
    co_await run("node");
    request.input = "";
    co_await run("node");
    EXPECT_EQ(early, (std::vector{false, true, false, true}));
  });
}

TEST_F(ExecutorTest, HandsOverWhatWasAsked) {
  RunTest(io, [&]() -> awaitable<void> {
    request.args = {"x", "y"};
    request.input = "typed";
    const std::string large(600'000, 'L');
    co_await AddInput("main.py", "an input of this name");
    co_await AddInput("d/sealed.bin", large, true);
    sandbox.script = [&](RunRequest run, std::vector<RunInput> files,
                         RunSink&) -> awaitable<Result<Verdict>> {
      EXPECT_EQ(run.runtime, "py");
      EXPECT_EQ(run.source_name, "main_1.py");
      EXPECT_EQ(run.args, request.args);
      EXPECT_EQ(run.wall_ms, 1000u);
      EXPECT_EQ(run.cpu_ms, 2000u);
      EXPECT_EQ(run.memory_bytes, 3000u);
      EXPECT_EQ(run.output_bytes, 1000u);
      const std::vector<std::tuple<CellFileKind, std::string, std::uint32_t, bool, std::string>> expected = {
          {CellFileKind::kSource, "main_1.py", 0, false, "print()"},
          {CellFileKind::kStdin, "", 0, false, "typed"},
          {CellFileKind::kInput, "main.py", 0, false, "an input of this name"},
          {CellFileKind::kInput, "d/sealed.bin", 1, true, large}};
      std::vector<std::tuple<CellFileKind, std::string, std::uint32_t, bool, std::string>> got;
      for (RunInput& input : files) {
        auto content = co_await ReadInput(input);
        if (!content) co_return std::unexpected(content.error());
        got.emplace_back(input.file.kind, input.file.name, input.file.index, input.file.read_only, *content);
      }
      EXPECT_EQ(got, expected);
      co_return Verdict{};
    };
    EXPECT_EQ((co_await Execute()).status, 200);
  });
}

TEST_F(ExecutorTest, CollectsStreamsAndStoresOutputs) {
  RunTest(io, [&]() -> awaitable<void> {
    for (const char* name : {"kept.txt", "changed.csv", "gone.txt"}) co_await AddInput(name, name);
    sandbox.script = [&](RunRequest, std::vector<RunInput>, RunSink& sink) -> awaitable<Result<Verdict>> {
      EXPECT_TRUE(co_await sink.Stdout("o1"));
      EXPECT_TRUE(co_await sink.Stderr("e1"));
      EXPECT_TRUE(co_await sink.Stdout("o2"));
      EXPECT_TRUE(co_await Deliver(sink, "changed.csv", "a,b\n", 1));
      EXPECT_TRUE(co_await Deliver(sink, "d/plot.png", "PNG"));
      EXPECT_TRUE(co_await Deliver(sink, "d/empty", ""));
      Verdict verdict;
      verdict.code = 3;
      verdict.harvest.unchanged = {0};
      verdict.harvest.deleted = {2};
      co_return verdict;
    };
    const ExecutionAnswer answer = co_await Execute();
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.stored_files);
    const json::object body = json::parse(answer.body).as_object();
    EXPECT_EQ(Text(body, "session_id"), request.id);
    EXPECT_EQ(body.at("stdout"), "o1o2");
    EXPECT_EQ(body.at("stderr"), "e1");
    EXPECT_EQ(body.at("code"), 3);
    EXPECT_EQ(json::serialize(body.at("deleted_files")), R"(["gone.txt"])");
    EXPECT_FALSE(body.contains("artifact_delivery"));
    const json::array& files = body.at("files").as_array();
    CO_ASSERT(files.size() == 4);
    EXPECT_EQ(Name(files[0]), "changed.csv");
    EXPECT_EQ(Text(files[0], "storage_session_id"), request.id);
    EXPECT_NE(Text(files[0], "id"), request.files[1].id);
    EXPECT_EQ(Text(files[0].at("modified_from"), "id"), request.files[1].id);
    EXPECT_EQ(Text(files[0].at("modified_from"), "storage_session_id"), request.files[1].session);
    EXPECT_EQ(Name(files[1]), "d/empty");
    EXPECT_EQ(Name(files[2]), "d/plot.png");
    EXPECT_FALSE(files[2].as_object().contains("modified_from"));
    EXPECT_EQ(Name(files[3]), "kept.txt");
    EXPECT_EQ(Text(files[3], "id"), request.files[0].id);
    EXPECT_EQ(Text(files[3], "storage_session_id"), request.files[0].session);
    EXPECT_EQ(files[3].at("inherited"), true);

    EXPECT_EQ((co_await Stored()).size(), 3u);
    const ObjectKey plot{request.id, Text(files[2], "id")};
    EXPECT_EQ(co_await ReadObject(*objects, plot), "PNG");
    const auto info = co_await objects->stat(plot);
    CO_ASSERT(info);
    EXPECT_EQ(info->meta.filename, "d/plot.png");
    EXPECT_EQ(info->meta.content_type, "image/png");
    EXPECT_FALSE(info->meta.read_only);
    EXPECT_EQ(co_await ReadObject(*objects, {request.id, Text(files[1], "id")}), "");
  });
}

// For the operator: one line per call, with its name and the runtime.
TEST_F(ExecutorTest, RefusedCallsAreLogged) {
  RunTest(io, [&]() -> awaitable<void> {
    sandbox.script = [](RunRequest, std::vector<RunInput>, RunSink&) -> awaitable<Result<Verdict>> {
      Verdict verdict;
      verdict.end = RunEnd::kSignal;
      verdict.signal = SIGSYS;
      verdict.refused = {{"keyctl", 250, "EPERM", 3, {}}, {"ioctl", 16, "ENOTTY", 1, 0x40086602}};
      co_return verdict;
    };
    EXPECT_EQ((co_await Execute()).status, 200);
    const std::string start = "system call refused execution=" + request.id + " runtime=py ";
    EXPECT_EQ(log.Count(start + "call=keyctl number=250 argument= answer=EPERM count=3"), 1);
    EXPECT_EQ(log.Count(start + "call=ioctl number=16 argument=0x40086602 answer=ENOTTY count=1"), 1);
    EXPECT_EQ(log.Count("program killed for a system call execution=" + request.id + " runtime=py"), 1);
    EXPECT_EQ(log.Count("system call"), 3);
  });
}

TEST_F(ExecutorTest, WithoutNewFilesNothingNeedsAnOwner) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await AddInput("kept.txt", "x");
    sandbox.script = [](RunRequest, std::vector<RunInput>, RunSink&) -> awaitable<Result<Verdict>> {
      Verdict verdict;
      verdict.harvest.unchanged = {0};
      co_return verdict;
    };
    const ExecutionAnswer answer = co_await Execute();
    EXPECT_EQ(answer.status, 200);
    EXPECT_FALSE(answer.stored_files);
  });
}

TEST_F(ExecutorTest, StoreThatFailsCostsTheFileOnly) {
  for (const char* step : {"create", "write", "commit"}) {
    SCOPED_TRACE(step);
    request.id = NewId();
    RunTest(io, [&]() -> awaitable<void> {
      store.failing.clear();
      sandbox.script = [&](RunRequest, std::vector<RunInput>, RunSink& sink) -> awaitable<Result<Verdict>> {
        EXPECT_TRUE(co_await Deliver(sink, "a.txt", "first"));
        store.failing = {step};
        EXPECT_TRUE(co_await Deliver(sink, "b.txt", "second"));
        EXPECT_TRUE(co_await Deliver(sink, "c.txt", "third"));
        co_return Verdict{};
      };
      const ExecutionAnswer answer = co_await Execute();
      EXPECT_EQ(answer.status, 200);
      EXPECT_TRUE(answer.stored_files);
      const json::object body = json::parse(answer.body).as_object();
      EXPECT_EQ(
          json::serialize(body.at("artifact_delivery")),
          R"({"code":"artifact_delivery_failed","status":"partial","attempted":3,"delivered":1,"failed":2})");
      CO_ASSERT(body.at("files").as_array().size() == 1);
      EXPECT_EQ(Name(body.at("files").as_array()[0]), "a.txt");
      EXPECT_EQ(answer.body.find("/secret/path"), std::string::npos);
      EXPECT_EQ((co_await Stored()).size(), 1u);
      EXPECT_EQ(log.Count("output not stored execution=" + request.id), 1);
    });
  }
}

TEST_F(ExecutorTest, NothingStoredAtAll) {
  RunTest(io, [&]() -> awaitable<void> {
    store.failing = {"commit"};
    sandbox.script = [](RunRequest, std::vector<RunInput>, RunSink& sink) -> awaitable<Result<Verdict>> {
      EXPECT_TRUE(co_await Deliver(sink, "a.txt", "x"));
      co_return Verdict{};
    };
    const ExecutionAnswer answer = co_await Execute();
    EXPECT_FALSE(answer.stored_files);
    EXPECT_EQ(
        json::serialize(json::parse(answer.body).at("artifact_delivery")),
        R"({"code":"artifact_delivery_failed","status":"failed","attempted":1,"delivered":0,"failed":1})");
    EXPECT_TRUE((co_await Stored()).empty());
  });
}

TEST_F(ExecutorTest, FileTheCellCouldNotDeliverIsNotStored) {
  RunTest(io, [&]() -> awaitable<void> {
    sandbox.script = [](RunRequest, std::vector<RunInput>, RunSink& sink) -> awaitable<Result<Verdict>> {
      EXPECT_TRUE(co_await sink.FileBegin({"broken.txt", 5, {}}));
      EXPECT_TRUE(co_await sink.FileData("ab"));
      EXPECT_TRUE(co_await sink.FileEnd(false));
      EXPECT_TRUE(co_await sink.FileBegin({"short.txt", 5, {}}));
      EXPECT_TRUE(co_await sink.FileData("abcd"));
      EXPECT_TRUE(co_await sink.FileEnd(true));
      EXPECT_TRUE(co_await Deliver(sink, "whole.txt", "abcde"));
      co_return Verdict{};
    };
    const ExecutionAnswer answer = co_await Execute();
    EXPECT_EQ(json::parse(answer.body).at("artifact_delivery").at("failed"), 2);
    EXPECT_EQ((co_await Stored()).size(), 1u);
  });
}

TEST_F(ExecutorTest, RealCell) {
  LocalSandbox real(io.get_executor(), {{BesideThisProgram("codeapi-jailer")}, {}});
  Executor with_cells(real, store, log, {});
  RunTest(io, [&]() -> awaitable<void> {
    request.runtime = "bash";
    request.code =
        "read line; echo \"$line $1\"; echo more >> changed.txt; rm gone.txt; echo new > new.txt; cat "
        "kept.txt >&2";
    request.args = {"arg"};
    request.input = "typed\n";
    request.wall_ms = request.cpu_ms = 20'000;
    request.memory_bytes = 256 << 20;
    for (const char* name : {"kept.txt", "changed.txt", "gone.txt"}) co_await AddInput(name, name);
    const ExecutionAnswer answer = co_await with_cells.Execute(request);
    co_await real.Stop();
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.stored_files);
    const json::object body = json::parse(answer.body).as_object();
    EXPECT_EQ(body.at("stdout"), "typed arg\n");
    EXPECT_EQ(body.at("stderr"), "kept.txt");
    EXPECT_EQ(body.at("code"), 0);
    EXPECT_EQ(json::serialize(body.at("deleted_files")), R"(["gone.txt"])");
    const json::array& files = body.at("files").as_array();
    CO_ASSERT(files.size() == 3);
    EXPECT_EQ(Text(files[0].at("modified_from"), "id"), request.files[1].id);
    EXPECT_EQ(co_await ReadObject(*objects, {request.id, Text(files[0], "id")}), "changed.txtmore\n");
    EXPECT_EQ(files[1].at("inherited"), true);
    EXPECT_EQ(Text(files[1], "id"), request.files[0].id);
    EXPECT_EQ(Name(files[2]), "new.txt");
    EXPECT_EQ(co_await ReadObject(*objects, {request.id, Text(files[2], "id")}), "new\n");
  });
}

}  // namespace
}  // namespace codeapi
