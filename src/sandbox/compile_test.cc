// Programs that are compiled: the real jailer, real cells and the machine's gcc.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio.hpp>

#include "sandbox/local_sandbox.h"
#include "sandbox/testing.h"

namespace codeapi {
namespace {

using namespace testing;  // NOLINT: the fixture's own names
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CompileTest : public ::testing::Test {
 protected:
  CompileTest() {
    request.runtime = "c";
    request.source_name = "main.c";
  }

  // The end of the program, whose output is in `out`, `err` and `files`.
  awaitable<Verdict> Run(std::string code, std::string input = {}) {
    std::vector<RunInput> files_in;
    files_in.push_back({{CellFileKind::kSource, "main.c", 0, false}, std::move(code)});
    if (!input.empty()) files_in.push_back({{CellFileKind::kStdin, {}, 0, false}, std::move(input)});
    RecordingSink sink;
    auto verdict = co_await sandbox.Run(request, std::move(files_in), sink);
    EXPECT_TRUE(verdict) << (verdict ? "" : verdict.error().message);
    out.clear(), err.clear(), files.clear();
    for (const std::string& call : sink.calls) {
      if (call.starts_with("out ")) out += call.substr(4);
      if (call.starts_with("err ")) err += call.substr(4);
      if (call.starts_with("begin ")) files += call;
    }
    co_return verdict ? *verdict : Verdict{};
  }

  static LocalSandboxOptions Options() {
    LocalSandboxOptions options;
    options.jailer.path = BesideThisProgram("codeapi-jailer");
    options.settings.max_cells = 2;
    return options;
  }

  asio::io_context io;
  LocalSandbox sandbox{io.get_executor(), Options()};
  RunRequest request;
  std::string out, err, files;
};

TEST_F(CompileTest, TheProgramIsBuiltOutsideOfTheWorkspaceAndRun) {
  RunTest(io, [&]() -> awaitable<void> {
    const Verdict verdict = co_await Run(R"(
        #include <stdio.h>
        int main(int argc, char **argv) {
          char line[64] = "";
          fgets(line, sizeof line, stdin);
          printf("%s of %s", line, argv[0]);
          return 7;
        })",
                                         "typed");
    EXPECT_EQ(verdict.end, RunEnd::kExit);
    EXPECT_EQ(verdict.code, 7);
    EXPECT_FALSE(verdict.compiling);
    EXPECT_GT(verdict.compile_us, 0u);
    EXPECT_EQ(out, "typed of /tmp/.build/main") << "stdin is the program's, not the compiler's";
    EXPECT_EQ(err, "");
    EXPECT_EQ(files, "") << "what the compiler makes is no output";
    co_await sandbox.Stop();
  });
}

TEST_F(CompileTest, MessagesGoToStderrAndTheCodeIsTheCompilers) {
  RunTest(io, [&]() -> awaitable<void> {
    const Verdict verdict = co_await Run("int main(void) {\n  return 0\n}\n");
    EXPECT_EQ(verdict.end, RunEnd::kExit);
    EXPECT_EQ(verdict.code, 1);
    EXPECT_TRUE(verdict.compiling);
    EXPECT_EQ(out, "");
    EXPECT_THAT(err, HasSubstr("main.c:2:"));
    EXPECT_THAT(verdict.harvest.deleted, IsEmpty());
    co_await sandbox.Stop();
  });
}

// Including itself twice, to the deepest level, is never over, and takes no memory.
constexpr const char* kEndless = "#include __FILE__\n#include __FILE__\n";

TEST_F(CompileTest, HasAWallTimeOfItsOwn) {
  RunTest(io, [&]() -> awaitable<void> {
    request.compile_wall_ms = 300;
    const Verdict verdict = co_await Run(kEndless);
    EXPECT_EQ(verdict.end, RunEnd::kWallLimit);
    EXPECT_TRUE(verdict.compiling);
    EXPECT_EQ(out, "");
    co_await sandbox.Stop();
  });
}

TEST_F(CompileTest, HasACpuTimeOfItsOwn) {
  RunTest(io, [&]() -> awaitable<void> {
    CO_ASSERT(co_await sandbox.Start());
    const bool counted = sandbox.info().cgroup != "none";
    if (!counted) request.compile_wall_ms = 300;  // what has to do then
    request.compile_cpu_ms = 100;
    const Verdict verdict = co_await Run(kEndless);
    EXPECT_EQ(verdict.end, counted ? RunEnd::kCpuLimit : RunEnd::kWallLimit);
    EXPECT_TRUE(verdict.compiling);
    co_await sandbox.Stop();
  });
}

TEST_F(CompileTest, TheProgramsTimeBeginsWithTheProgram) {
  RunTest(io, [&]() -> awaitable<void> {
    // Less than any compiler needs.
    request.wall_ms = 400;
    request.cpu_ms = 20;
    const Verdict verdict = co_await Run("int main(void) { return 3; }");
    EXPECT_EQ(verdict.end, RunEnd::kExit);
    EXPECT_EQ(verdict.code, 3);
    EXPECT_LT(verdict.cpu_us, 20'000u);
    co_await sandbox.Stop();
  });
}

TEST_F(CompileTest, TheProgramHasItsOwnMemoryLimitAndNotTheCompilers) {
  RunTest(io, [&]() -> awaitable<void> {
    request.memory_bytes = 16 << 20;
    request.compile_memory_bytes = 1 << 30;
    const Verdict verdict = co_await Run(R"(
        #include <stdlib.h>
        #include <string.h>
        int main(void) {
          for (int i = 0; i < 64; i++) {
            char *block = malloc(16 << 20);
            if (!block) abort();
            memset(block, i, 16 << 20);
            __asm__ volatile("" : : "r"(block) : "memory");
          }
        })");
    EXPECT_FALSE(verdict.compiling);
    EXPECT_NE(verdict.end, RunEnd::kExit);
    co_await sandbox.Stop();
  });
}

// A header of a program's own, and a file that the compiler left where outputs are: still an output.
TEST_F(CompileTest, CompilesAmongTheInputs) {
  RunTest(io, [&]() -> awaitable<void> {
    std::vector<RunInput> inputs;
    inputs.push_back({{CellFileKind::kInput, "lib/answer.h", 0, false}, "enum { kAnswer = 42 };\n"});
    inputs.push_back({{CellFileKind::kSource, "main.c", 0, false},
                      "#include \"lib/answer.h\"\nint main(void) { return kAnswer; }\n"});
    RecordingSink sink;
    const auto verdict = co_await sandbox.Run(request, std::move(inputs), sink);
    CO_ASSERT(verdict);
    EXPECT_EQ(verdict->code, 42);
    EXPECT_EQ(verdict->harvest.unchanged, (std::vector<std::uint32_t>{0}));
    co_await sandbox.Stop();
  });
}

}  // namespace
}  // namespace codeapi
