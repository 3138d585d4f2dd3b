// Programs that call tools, in real cells, and a test that answers them.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/local_sandbox.h"
#include "sandbox/testing.h"

namespace codeapi::testing {

/// Remembers what a program calls, and gives the answers that it is told to give.
class TestTools final : public ToolPeer {
 public:
  explicit TestTools(const asio::any_io_executor& executor)
      : to_answer_(executor, asio::steady_timer::time_point::max()),
        happened_(executor, asio::steady_timer::time_point::max()) {}

  awaitable<Result<void>> Call(std::uint32_t call, std::uint32_t tool, std::string input) override {
    Log("call " + std::to_string(call) + " of " + std::to_string(tool) + " " + input.substr(0, 40));
    inputs.push_back(std::move(input));
    happened_.cancel();
    co_return answer;
  }
  awaitable<Result<void>> Waiting() override {
    Log("waits");
    ++waits;
    happened_.cancel();
    co_return answer;
  }
  awaitable<std::vector<ToolAnswer>> Answers() override {
    while (answers_.empty()) {
      co_await to_answer_.async_wait(asio::as_tuple(asio::use_awaitable));
      if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
        co_return std::vector<ToolAnswer>();
    }
    co_return std::exchange(answers_, {});
  }

  void Answer(std::uint32_t call, std::string text, ToolAnswer::Kind kind = ToolAnswer::Kind::kResult) {
    answers_.push_back({call, kind, std::move(text)});
    to_answer_.cancel();
  }
  /// Returns when the program has waited `times` times in all.
  awaitable<void> UntilItWaits(int times = 1) {
    while (waits < times) co_await happened_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  awaitable<void> UntilItCalled(std::size_t times) {
    while (inputs.size() < times) co_await happened_.async_wait(asio::as_tuple(asio::use_awaitable));
  }

  std::vector<std::string> inputs;  ///< of all calls, from the first
  int waits = 0;
  Result<void> answer;           ///< what Call() and Waiting() return
  RecordingSink* log = nullptr;  ///< whose list the calls go into as well

 private:
  void Log(std::string what) {
    if (log != nullptr) log->calls.push_back(std::move(what));
  }

  std::vector<ToolAnswer> answers_;
  asio::steady_timer to_answer_, happened_;
};

/// What stands before every program of these tests: it runs it, and lends it the raw protocol.
inline constexpr const char* kRunner = R"(
import builtins, runpy, socket, struct, sys

def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect("\0codeapi-tools")
    return s

def send(s, id, tool, text):
    body = b"%d\0%s" % (tool, text.encode())
    s.sendall(struct.pack("<II", len(body), id) + body)

def exactly(s, size):
    out = b""
    while len(out) < size:
        part = s.recv(min(size - len(out), 1 << 20))
        if not part:
            raise EOFError
        out += part
    return out

def receive(s):
    size, id = struct.unpack("<II", exactly(s, 8))
    return id, exactly(s, size).decode()

def call(tool, text):
    s = connect()
    send(s, 7, tool, text)
    return receive(s)[1]

for f in (connect, send, receive, call):
    setattr(builtins, f.__name__, f)
if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
)";

/// The real jailer and real cells.
class ToolTest : public ::testing::Test {
 protected:
  using Running = std::shared_ptr<Started<Result<Verdict>>>;

  static RunRequest Request() {
    RunRequest request;
    request.runtime = "py";
    request.source_name = "main.py";
    request.tool_calls = 200;
    request.memory_bytes = 256u << 20;
    return request;
  }
  Running Python(std::string code, RunRequest request = Request()) {
    std::vector<RunInput> files;
    files.push_back({{CellFileKind::kSupport, "run.py", 0, false}, std::string(kRunner)});
    files.push_back({{CellFileKind::kSource, "main.py", 0, false}, std::move(code)});
    return testing::Start(io, sandbox.Run(std::move(request), std::move(files), sink, &tools));
  }
  /// Waits for a program's end; it must have ended well. What it printed, its calls among it, is in
  /// sink.calls.
  awaitable<void> ExpectEnds(Running running) {
    const auto verdict = co_await running->Outcome();
    EXPECT_TRUE(verdict) << (verdict ? "" : verdict.error().message);
    if (!verdict) co_return;
    EXPECT_EQ(verdict->end, RunEnd::kExit);
    EXPECT_EQ(verdict->code, 0) << ::testing::PrintToString(sink.calls);
  }
  awaitable<void> Stop() { co_await sandbox.Stop(); }

  asio::io_context io;
  LocalSandbox sandbox{io.get_executor(), [] {
                         LocalSandboxOptions options;
                         options.jailer.path = BesideThisProgram("codeapi-jailer");
                         options.settings.max_cells = 4;
                         return options;
                       }()};
  RecordingSink sink;
  TestTools tools{io.get_executor()};
};

}  // namespace codeapi::testing
