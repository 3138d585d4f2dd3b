// What the tests of this room, and of those that run programs, share.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio.hpp>

#include "sandbox/sandbox.h"

namespace codeapi::testing {

namespace asio = boost::asio;
using asio::awaitable;

/// Stops a test body that is a coroutine, as ASSERT_TRUE stops a function.
#define CO_ASSERT(condition)                     \
  if (condition) {                               \
  } else {                                       \
    ADD_FAILURE() << "not true: " << #condition; \
    co_return;                                   \
  }                                              \
  static_assert(true, "")

/// Waits for an event within one thread.
class Event {
 public:
  explicit Event(const asio::any_io_executor& executor)
      : timer_(executor, asio::steady_timer::time_point::max()) {}
  void Set() {
    set_ = true;
    timer_.cancel();
  }
  bool set() const { return set_; }
  /// Ends early when the waiting coroutine is cancelled.
  awaitable<void> Wait() {
    while (!set_) {
      co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
      if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
        co_return;
    }
  }

 private:
  bool set_ = false;
  asio::steady_timer timer_;
};

/// A coroutine that was started: what it returned, if it has, and the means to cancel it.
template <typename T>
class Started {
 public:
  explicit Started(const asio::any_io_executor& executor) : done_(executor) {}
  void Cancel() { signal_.emit(asio::cancellation_type::terminal); }
  bool finished() const { return done_.set(); }
  awaitable<T> Outcome() {
    co_await done_.Wait();
    if (error_) std::rethrow_exception(error_);
    if (!value_) throw std::runtime_error("cancelled while waiting for an outcome");
    co_return std::move(*value_);
  }

 private:
  template <typename U>
  friend std::shared_ptr<Started<U>> Start(asio::io_context& io, awaitable<U> work);
  Event done_;
  asio::cancellation_signal signal_;
  std::exception_ptr error_;
  std::optional<T> value_;
};

/// Runs `work` beside the caller.
template <typename T>
std::shared_ptr<Started<T>> Start(asio::io_context& io, awaitable<T> work) {
  auto started = std::make_shared<Started<T>>(io.get_executor());
  asio::co_spawn(
      io, std::move(work),
      asio::bind_cancellation_slot(started->signal_.slot(), [started](std::exception_ptr error, T value) {
        started->error_ = std::move(error);
        started->value_ = std::move(value);
        started->done_.Set();
      }));
  return started;
}

/// Runs a test that is a coroutine in the calling thread, until it returns; what it started may still be
/// pending then. A test that hangs fails after 30 s.
inline void RunTest(asio::io_context& io, std::function<awaitable<void>()> body) {
  std::exception_ptr failure;
  asio::steady_timer watchdog(io, std::chrono::seconds(30));
  watchdog.async_wait([&](boost::system::error_code ec) {
    if (ec) return;
    failure = std::make_exception_ptr(std::runtime_error("the test hangs"));
    io.stop();
  });
  asio::co_spawn(io, std::move(body), [&](std::exception_ptr error) {
    failure = std::move(error);
    io.stop();
  });
  io.restart();
  io.run();
  if (failure) std::rethrow_exception(failure);
}

/// An executable of this build.
inline std::string BesideThisProgram(const std::string& name) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

/// Remembers all it is given, in order, one entry per call (data of one stream or file together).
class RecordingSink : public RunSink {
 public:
  awaitable<Result<void>> Stdout(std::string_view bytes) override { return Take("out ", std::string(bytes)); }
  awaitable<Result<void>> Stderr(std::string_view bytes) override { return Take("err ", std::string(bytes)); }
  awaitable<Result<void>> FileBegin(const RunOutput& output) override {
    return Take("begin ", output.name + (output.input ? " of " + std::to_string(*output.input) : ""));
  }
  awaitable<Result<void>> FileData(std::string_view bytes) override {
    return Take("data ", std::string(bytes));
  }
  awaitable<Result<void>> FileEnd(bool complete) override { return Take("end ", complete ? "ok" : "broken"); }

  std::vector<std::string> calls;
  std::size_t data_bytes = 0;  ///< of streams and files
  Result<void> answer;         ///< what every call returns
  Event* gate = nullptr;       ///< every call waits for it
  Event* called = nullptr;     ///< set by every call

 private:
  awaitable<Result<void>> Take(std::string what, std::string text) {  // runs when the arguments are gone
    const bool data = what == "out " || what == "err " || what == "data ";
    data_bytes += data ? text.size() : 0;
    if (data && !calls.empty() && calls.back().starts_with(what)) {
      calls.back().append(text);
    } else {
      calls.push_back(what + text);
    }
    if (called != nullptr) called->Set();
    if (gate != nullptr) co_await gate->Wait();
    co_return answer;
  }
};

/// A sandbox that does what a test says.
class ScriptedSandbox final : public Sandbox {
 public:
  using Script = std::function<awaitable<Result<Verdict>>(RunRequest, std::vector<RunInput>, RunSink&)>;
  using ToolScript =
      std::function<awaitable<Result<Verdict>>(RunRequest, std::vector<RunInput>, RunSink&, ToolPeer*)>;
  ScriptedSandbox() = default;
  explicit ScriptedSandbox(Script s) : script(std::move(s)) {}

  awaitable<Result<Verdict>> Run(RunRequest request, std::vector<RunInput> files, RunSink& sink,
                                 ToolPeer* tools = nullptr) override {
    if (tools != nullptr) return tool_script(std::move(request), std::move(files), sink, tools);
    return script(std::move(request), std::move(files), sink);
  }
  JailerInfo info() const override { return found; }

  Script script;
  ToolScript tool_script;  ///< of runs that have somebody to answer their tools
  JailerInfo found;
};

/// All bytes of an input.
inline awaitable<Result<std::string>> ReadInput(RunInput& input) {
  if (input.ready) {
    if (auto ready = co_await input.ready(input.file); !ready) co_return std::unexpected(ready.error());
  }
  if (const auto* text = std::get_if<std::string>(&input.content)) co_return *text;
  std::string out;
  while (true) {
    auto piece = co_await std::get<ByteSource>(input.content)();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) co_return out;
    out.append(*piece);
  }
}

}  // namespace codeapi::testing
