// Programs that use their tools' socket against whoever serves it: they get their own end, and nobody else
// notices.
#include <gmock/gmock.h>

#include "sandbox/tool_fixture.h"

namespace codeapi {
namespace {

using namespace testing;  // NOLINT: the helpers' own names
using ::testing::ElementsAre;

class ToolHostileTest : public ToolTest {
 protected:
  /// A program beside the hostile one, or after it, that calls and is answered.
  awaitable<void> ExpectNeighbour() {
    RecordingSink its_sink;
    TestTools its_tools(io.get_executor());
    std::vector<RunInput> files;
    files.push_back({{CellFileKind::kSupport, "run.py", 0, false}, std::string(kRunner)});
    files.push_back({{CellFileKind::kSource, "main.py", 0, false}, "print(call(0, 'neighbour'))"});
    const auto running = testing::Start(io, sandbox.Run(Request(), std::move(files), its_sink, &its_tools));
    co_await its_tools.UntilItWaits();
    EXPECT_THAT(its_tools.inputs, ElementsAre("neighbour"));
    its_tools.Answer(1, "mine");
    const auto verdict = co_await running->Outcome();
    CO_ASSERT(verdict);
    EXPECT_EQ(verdict->code, 0);
    EXPECT_THAT(its_sink.calls, ElementsAre("out 0mine\n"));
  }
  awaitable<void> ExpectEnd(Running running, RunEnd end) {
    co_await ExpectNeighbour();
    const auto verdict = co_await running->Outcome();
    EXPECT_TRUE(verdict) << (verdict ? "" : verdict.error().message);
    if (verdict) EXPECT_EQ(verdict->end, end) << RunEndName(verdict->end);
    co_await ExpectNeighbour();
    co_await Stop();
  }
};

TEST_F(ToolHostileTest, AFloodOfConnectionsHoldsUpItsOwnProgramOnly) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto running = Python(R"(
import socket
flood = []
while len(flood) < 1500:
    s = socket.socket(socket.AF_UNIX)
    s.setblocking(False)
    flood.append(s)
    try: s.connect("\0codeapi-tools")
    except BlockingIOError: pass
print(len(flood))
flood.clear()
for _ in range(3000): connect()
print(call(0, "after the flood"))
)");
    co_await tools.UntilItWaits();
    EXPECT_THAT(tools.inputs, ElementsAre("after the flood"));
    co_await ExpectNeighbour();
    tools.Answer(1, "yes");
    co_await ExpectEnds(running);
    EXPECT_THAT(sink.calls, ElementsAre("out 1500\n0yes\n"));
    co_await Stop();
  });
}

// What is refused is refused by init: it must still hear the jailer, and the cell must not grow.
TEST_F(ToolHostileTest, CallsBeyondTheLimitWithoutAnEndAreEndedByTheClock) {
  RunRequest request = Request();
  request.wall_ms = 700;
  request.tool_calls = 1;
  RunTest(io, [&]() -> awaitable<void> {
    const auto running = Python(R"(
import os, struct
body = b"0\0x"
frames = (struct.pack("<II", len(body), 1) + body) * 5000
for _ in range(7): os.fork()
while True:
    s = connect()
    s.setblocking(False)
    try:
        while True: s.send(frames)
    except OSError: pass
)",
                                request);
    co_await tools.UntilItCalled(1);
    tools.Answer(1, "");
    co_await ExpectEnd(running, RunEnd::kWallLimit);
  });
}

TEST_F(ToolHostileTest, LargeCallsThatNobodyTakesDoNotKeepItAlive) {
  RunRequest request = Request();
  request.wall_ms = 700;
  RunTest(io, [&]() -> awaitable<void> {
    // It prints first, and what it prints is not taken for longer than it may run: nor are its calls.
    Event gate(io.get_executor()), called(io.get_executor());
    sink.gate = &gate;
    sink.called = &called;
    const auto running = Python(R"(
print("x", flush=True)
s = connect()
for i in range(200): send(s, i, 0, "x" * (1 << 20))
import time
while True: time.sleep(1)
)",
                                request);
    co_await called.Wait();
    asio::steady_timer longer(io, std::chrono::milliseconds(1'000));
    co_await longer.async_wait(asio::use_awaitable);
    gate.Set();
    const auto verdict = co_await running->Outcome();
    EXPECT_TRUE(verdict) << (verdict ? "" : verdict.error().message);
    if (verdict) EXPECT_EQ(verdict->end, RunEnd::kWallLimit) << RunEndName(verdict->end);
    co_await ExpectNeighbour();
    co_await Stop();
  });
}

TEST_F(ToolHostileTest, AnswersThatItDoesNotReadAreItsOwnMemory) {
  LocalSandboxOptions options;
  options.jailer.path = BesideThisProgram("codeapi-jailer");
  options.settings.workspace_bytes = 32 << 20;
  options.settings.max_cells = 4;
  LocalSandbox small(io.get_executor(), options);
  RunTest(io, [&]() -> awaitable<void> {
    co_await small.Start();
    if (!small.info().limits_memory) co_return;  // without cgroups nobody counts
    RunRequest request = Request();
    request.memory_bytes = 64 << 20;
    std::vector<RunInput> files;
    files.push_back({{CellFileKind::kSupport, "run.py", 0, false}, std::string(kRunner)});
    files.push_back({{CellFileKind::kSource, "main.py", 0, false}, R"(
s = connect()
for i in range(30): send(s, i, 0, "x")
import time
while True: time.sleep(1)
)"});
    const auto running = testing::Start(io, small.Run(request, std::move(files), sink, &tools));
    co_await tools.UntilItWaits();
    for (std::uint32_t call = 1; call <= 30; ++call) tools.Answer(call, std::string(5'000'000, 'x'));
    const auto verdict = co_await running->Outcome();
    CO_ASSERT(verdict);
    EXPECT_EQ(verdict->end, RunEnd::kMemoryLimit) << RunEndName(verdict->end);
    co_await small.Stop();
  });
}

TEST_F(ToolHostileTest, NobodyTakesThePlaceOfTheSocketOrOfAnAnswer) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto running = Python(R"(
import errno, socket, struct
s = socket.socket(socket.AF_UNIX)
try: s.bind("\0codeapi-tools")
except OSError as e: print(errno.errorcode[e.errno])
# An answer to another's call, as if it came from init.
mine, other = connect(), connect()
send(mine, 5, 0, "mine")
other.sendall(struct.pack("<II", 5, 5) + b"0evil")
print(other.recv(1), receive(mine))
)");
    co_await tools.UntilItWaits();
    tools.Answer(1, "true");
    co_await ExpectEnds(running);
    EXPECT_THAT(sink.calls, ElementsAre("out EADDRINUSE\nb'' (5, '0true')\n"));
    co_await Stop();
  });
}

}  // namespace
}  // namespace codeapi
