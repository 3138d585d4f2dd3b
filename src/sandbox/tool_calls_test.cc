// Tool calls from a program in a real cell to whoever answers them, and back.
#include <gmock/gmock.h>

#include "sandbox/tool_fixture.h"

namespace codeapi {
namespace {

using namespace testing;  // NOLINT: the helpers' own names
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(ToolTest, ACallGoesOutAndItsAnswerComesBack) {
  tools.log = &sink;
  RunTest(io, [&]() -> awaitable<void> {
    const auto running = Python(R"(
print("before")
print(call(3, '{"city":"Oslo"}'))
print("after")
)");
    co_await tools.UntilItWaits();
    tools.Answer(1, R"({"temperature":-3})");
    co_await ExpectEnds(running);
    EXPECT_THAT(sink.calls, ElementsAre("out before\n", R"(call 1 of 3 {"city":"Oslo"})", "waits",
                                        "out 0{\"temperature\":-3}\nafter\n"));
    co_await Stop();
  });
}

TEST_F(ToolTest, AnErrorAndARefusalAreToldApart) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto running = Python("print(call(0, '{}')); print(call(0, '{}'))");
    co_await tools.UntilItWaits();
    tools.Answer(1, "it broke", ToolAnswer::Kind::kError);
    co_await tools.UntilItWaits(2);
    tools.Answer(2, "no such tool", ToolAnswer::Kind::kRefused);
    co_await ExpectEnds(running);
    EXPECT_THAT(sink.calls, ElementsAre("out 1it broke\n2no such tool\n"));
    co_await Stop();
  });
}

TEST_F(ToolTest, CallsOfThreadsAreOneRound) {
  tools.log = &sink;
  RunTest(io, [&]() -> awaitable<void> {
    const auto running = Python(R"(
import threading
threads = [threading.Thread(target=call, args=(0, str(i))) for i in range(8)]
for t in threads: t.start()
for t in threads: t.join()
)");
    co_await tools.UntilItWaits();
    EXPECT_EQ(tools.inputs.size(), 8u);
    EXPECT_EQ(sink.calls.back(), "waits");
    for (std::uint32_t call = 8; call >= 1; --call) tools.Answer(call, "1");
    co_await ExpectEnds(running);
    co_await Stop();
  });
}

TEST_F(ToolTest, CallsOfOneConnectionAreAnsweredByTheirOwnNumbers) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto running = Python(R"(
s = connect()
send(s, 4000000000, 0, "a"); send(s, 5, 99, "b"); send(s, 5, 0, "c")
print(*(receive(s) for _ in range(3)))
)");
    co_await tools.UntilItWaits();
    EXPECT_THAT(tools.inputs, ElementsAre("a", "b", "c"));
    for (const std::uint32_t call : {3u, 1u, 2u}) tools.Answer(call, std::to_string(call));
    co_await ExpectEnds(running);
    EXPECT_THAT(sink.calls, ElementsAre("out (5, '03') (4000000000, '01') (5, '02')\n"));
    co_await Stop();
  });
}

TEST_F(ToolTest, WhatTheProgramStartsCanCallToo) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto running = Python(R"PY(
import subprocess, sys
code = "import sys; sys.path[0] = '/tmp/.codeapi'; import run; assert call(1, 'child') == '0yes'"
children = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
print(sum(c.wait() for c in children))
)PY");
    co_await tools.UntilItCalled(3);
    EXPECT_THAT(tools.inputs, ElementsAre("child", "child", "child"));
    for (std::uint32_t call = 1; call <= 3; ++call) tools.Answer(call, "yes");
    co_await ExpectEnds(running);
    EXPECT_THAT(sink.calls, ElementsAre("out 0\n"));
    co_await Stop();
  });
}

TEST_F(ToolTest, AnswersMayComeOneByOne) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto running = Python(R"(
s = connect()
send(s, 1, 0, "a"); send(s, 2, 0, "b")
print(receive(s)); print(receive(s))
)");
    co_await tools.UntilItWaits();
    tools.Answer(2, "");
    co_await tools.UntilItWaits(2);
    tools.Answer(2, "again");
    tools.Answer(3, "to nobody");
    tools.Answer(1, "x");
    co_await ExpectEnds(running);
    EXPECT_THAT(sink.calls, ElementsAre("out (2, '0')\n(1, '0x')\n"));
    co_await Stop();
  });
}

TEST_F(ToolTest, ASleepingProcessThatWakesUpAndCallsIsToldOf) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto running = Python(R"(
import os, threading
r, w = os.pipe()
def second():
    os.read(r, 1)
    call(0, "second")
t = threading.Thread(target=second)
t.start()
s = connect()
send(s, 1, 0, "first"); send(s, 2, 0, "wake")
receive(s); os.write(w, b"x")
receive(s)
t.join()
)");
    co_await tools.UntilItWaits();
    EXPECT_EQ(tools.inputs.size(), 2u);
    tools.Answer(1, "");
    co_await tools.UntilItWaits(2);
    EXPECT_EQ(tools.inputs.size(), 3u);
    tools.Answer(2, "");
    tools.Answer(3, "");
    co_await ExpectEnds(running);
    co_await Stop();
  });
}

TEST_F(ToolTest, AThreadThatComputesIsNotWaitedForAndBurnsItsOwnTime) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto running = Python(R"(
import threading
def spin():
    while True: pass
threading.Thread(target=spin, daemon=True).start()
print(call(0, "x"))
)");
    co_await tools.UntilItWaits();
    tools.Answer(1, "done");
    co_await ExpectEnds(running);
    EXPECT_THAT(sink.calls, ElementsAre("out 0done\n"));
    co_await Stop();
  });
}

TEST_F(ToolTest, AsManyCallsAsThereMayBeAndNoMore) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto running = Python(R"(
s = connect()
for i in range(203): send(s, i, 0, "x" * 1000)
answers = sorted(receive(s) for _ in range(203))
print(sum(a == (i, "0ok") for i, a in enumerate(answers)), answers[200:] )
)");
    co_await tools.UntilItCalled(200);
    co_await tools.UntilItWaits();
    EXPECT_EQ(tools.inputs.size(), 200u);
    for (std::uint32_t call = 1; call <= 200; ++call) tools.Answer(call, "ok");
    co_await ExpectEnds(running);
    const std::string refusal = "'2Execution exceeded maximum tool calls (200)'";
    EXPECT_THAT(sink.calls, ElementsAre("out 200 [(200, " + refusal + "), (201, " + refusal + "), (202, " +
                                        refusal + ")]\n"));
    co_await Stop();
  });
}

TEST_F(ToolTest, TheLargestAnswerArrivesWhole) {
  std::string text(5'000'000, 'x');
  text.front() = '[';
  text.back() = ']';
  RunTest(io, [&]() -> awaitable<void> {
    const auto running = Python(R"(
a, b = connect(), connect()
send(a, 1, 0, ""); send(b, 1, 0, "")
t = receive(b)[1]
print(len(t), t[:3], t[-2:])
t = receive(a)[1]
print(len(t), t[:3], t[-2:])
)");
    co_await tools.UntilItWaits();
    tools.Answer(1, text);
    tools.Answer(2, text);
    co_await ExpectEnds(running);
    EXPECT_THAT(sink.calls, ElementsAre("out 5000001 0[x x]\n5000001 0[x x]\n"));
    co_await Stop();
  });
}

TEST_F(ToolTest, TheLargestInputArrivesWholeAndALargerOneIsRefused) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto running = Python(R"(
print(call(0, "x" * (1 << 20)))
for size in ((1 << 20) + 1, 3 << 20):
    s = connect()
    send(s, 9, 0, "x" * size)
    print(receive(s))
    send(s, 10, 0, "small")
    print(receive(s))
)");
    co_await tools.UntilItWaits();
    EXPECT_EQ(tools.inputs.at(0), std::string(1 << 20, 'x'));
    tools.Answer(1, "");
    for (std::uint32_t call = 2; call <= 3; ++call) {
      co_await tools.UntilItWaits(static_cast<int>(call));
      tools.Answer(call, "");
    }
    co_await ExpectEnds(running);
    const std::string refusal = "(9, '2tool input is larger than 1048576 bytes')\n(10, '0')\n";
    EXPECT_THAT(sink.calls, ElementsAre("out 0\n" + refusal + refusal));
    co_await Stop();
  });
}

TEST_F(ToolTest, WhoSpeaksNonsenseIsDisconnectedAndNothingElse) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto running = Python(R"(
import struct
def frame(body): return struct.pack("<II", len(body), 1) + body
other = connect()
nonsense = [b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 100, frame(b""), frame(b"\0x"), frame(b"x\0y"), frame(b"-1\0"),
            frame(b"100\0x"), frame(b"12"), frame(b"1 \0x"), frame(b"0" * 1000)]
for bytes in nonsense:
    s = connect()
    s.sendall(bytes)
    assert s.recv(1) == b"", bytes
send(other, 1, 0, "still here")
print(receive(other))
)");
    co_await tools.UntilItWaits();
    EXPECT_THAT(tools.inputs, ElementsAre("still here"));
    tools.Answer(1, "");
    co_await ExpectEnds(running);
    EXPECT_THAT(sink.calls, ElementsAre("out (1, '0')\n"));
    co_await Stop();
  });
}

TEST_F(ToolTest, ACallerThatGoesDoesNotDisturb) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto running = Python(R"(
for _ in range(3):
    s = connect()
    send(s, 1, 0, "gone")
    s.close()
half = connect()
half.sendall(b"\x10\0\0\0half")
half.close()
s = connect()
send(s, 1, 0, "closes its half")
s.shutdown(1)
print(receive(s), s.recv(1))
)");
    co_await tools.UntilItWaits();
    EXPECT_EQ(tools.inputs.size(), 4u);
    for (std::uint32_t call = 1; call <= 4; ++call) tools.Answer(call, "");
    co_await ExpectEnds(running);
    EXPECT_THAT(sink.calls, ElementsAre("out (1, '0') b''\n"));
    co_await Stop();
  });
}

TEST_F(ToolTest, AWaitingProgramCanBeCancelled) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto running = Python("call(0, '')");
    co_await tools.UntilItWaits();
    running->Cancel();
    const auto verdict = co_await running->Outcome();
    CO_ASSERT(!verdict);
    EXPECT_EQ(verdict.error().code, ErrorCode::kCancelled);
    co_await Stop();
  });
}

TEST_F(ToolTest, APeersErrorEndsTheRun) {
  tools.answer = Fail(ErrorCode::kUnavailable, "nobody there");
  RunTest(io, [&]() -> awaitable<void> {
    const auto verdict = co_await Python("call(0, '')")->Outcome();
    CO_ASSERT(!verdict);
    EXPECT_EQ(verdict.error().code, ErrorCode::kUnavailable);
    co_await Stop();
  });
}

// The wall-time limit's test: time has to pass.
TEST_F(ToolTest, TheWallClockStandsWhileItWaitsAndStartsAnewWithTheAnswer) {
  RunRequest request = Request();
  request.wall_ms = 1'000;
  RunTest(io, [&]() -> awaitable<void> {
    const auto running = Python("call(0, '')\nprint('on')\nimport time\ntime.sleep(1000)", request);
    co_await tools.UntilItWaits();
    asio::steady_timer longer(io, std::chrono::milliseconds(1'500));
    co_await longer.async_wait(asio::use_awaitable);
    EXPECT_FALSE(running->finished());
    tools.Answer(1, "");
    const auto verdict = co_await running->Outcome();
    CO_ASSERT(verdict);
    EXPECT_EQ(verdict->end, RunEnd::kWallLimit);
    EXPECT_THAT(sink.calls, ElementsAre("out on\n"));
    co_await Stop();
  });
}

TEST_F(ToolTest, CpuTimeIsLimitedWhileItWaits) {
  RunRequest request = Request();
  request.cpu_ms = 1'000;
  RunTest(io, [&]() -> awaitable<void> {
    co_await sandbox.Start();
    if (!sandbox.info().limits_memory) co_return;  // without cgroups nobody counts
    const auto running = Python(R"(
import threading
def spin():
    while True: pass
threading.Thread(target=spin, daemon=True).start()
call(0, "x")
)",
                                request);
    co_await tools.UntilItWaits();
    const auto verdict = co_await running->Outcome();
    CO_ASSERT(verdict);
    EXPECT_EQ(verdict->end, RunEnd::kCpuLimit);
    co_await Stop();
  });
}

TEST_F(ToolTest, AProgramWithoutToolsFindsNobody) {
  RunRequest request = Request();
  request.tool_calls = 0;
  RunTest(io, [&]() -> awaitable<void> {
    std::vector<RunInput> files;
    files.push_back({{CellFileKind::kSource, "main.py", 0, false}, R"(
import os, socket
print(socket.socket(socket.AF_UNIX).connect_ex("\0codeapi-tools") != 0, os.path.exists("/tmp/.codeapi"))
)"});
    co_await ExpectEnds(testing::Start(io, sandbox.Run(request, std::move(files), sink)));
    EXPECT_THAT(sink.calls, ElementsAre("out True False\n"));
    co_await Stop();
  });
}

TEST_F(ToolTest, SupportFilesCannotBeChangedAndAreNoOutputs) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await sandbox.Start();
    if (sandbox.info().rootless) co_return;  // there is one user only
    const auto running = Python(R"(
import os
for change in (lambda: open("/tmp/.codeapi/run.py", "w"), lambda: open("/tmp/.codeapi/new", "w"),
               lambda: os.unlink("/tmp/.codeapi/run.py"), lambda: os.rename("/tmp/.codeapi", "/tmp/x"),
               lambda: os.chmod("/tmp/.codeapi/run.py", 0o777)):
    try: change()
    except PermissionError: continue
    print("changed")
print(os.access("/tmp/.codeapi/run.py", os.X_OK))
)");
    co_await ExpectEnds(running);
    EXPECT_THAT(sink.calls, ElementsAre("out True\n"));
    co_await Stop();
  });
}

TEST_F(ToolTest, WhatCannotBeAskedFor) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto without = co_await sandbox.Run(Request(), {}, sink);
    CO_ASSERT(!without);
    EXPECT_EQ(without.error().code, ErrorCode::kInvalid);
    RunRequest request = Request();
    request.runtime = "node";
    const auto info = sandbox.info();
    if (std::ranges::find(info.runtimes, "node") != info.runtimes.end()) {
      const auto node = co_await Python("", request)->Outcome();
      CO_ASSERT(!node);
      EXPECT_EQ(node.error().code, ErrorCode::kInvalid);
    }
    request = Request();
    request.tool_calls = 0;
    const auto support = co_await Python("", request)->Outcome();
    CO_ASSERT(!support);
    EXPECT_EQ(support.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(support.error().message, HasSubstr("support"));
    co_await Stop();
  });
}

}  // namespace
}  // namespace codeapi
