// One program with tools, from its first round to its end.
//
// Theory of operation. The program runs in its cell, driven by a coroutine of its own (Executor::Run), and is
// looked at by at most one round at a time. A round hands over results and waits until the program waits in
// turn, or ends. Calls are numbered over the whole execution: a cell that replays makes its calls anew, and
// each is matched with the recorded one of the same tool and input that comes first; what is recorded as
// answered is answered at once, what is not has the number that the client knows.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/strand.hpp>

#include "net/wake.h"
#include "worker/executor.h"
#include "worker/tool_job.h"

namespace codeapi {

/// Thread-safe. Must be held by a shared_ptr; lives until its cell is gone.
class ToolProgram final : public ProgramTools, public std::enable_shared_from_this<ToolProgram> {
 public:
  using Clock = std::chrono::steady_clock;

  /// `recorded` are the calls of a replay, `calls` how many the program may make in all.
  ToolProgram(boost::asio::any_io_executor executor, std::vector<ProgramCall> recorded, std::uint32_t calls);

  /// Starts it. The executor must outlive the program. Once.
  void Start(Executor& runner, ExecutionRequest request, std::vector<RunInput> support);

  /// Hands over results, but for calls that were answered before. Whether all of the calls were made: if not,
  /// nothing is handed over, and this program is behind another one of the same execution.
  bool Deliver(std::vector<ProgramCall> results);

  /// Waits until the program waits or has ended. Whoever is cancelled meanwhile must Kill() it. One at a
  /// time.
  boost::asio::awaitable<RoundAnswer> Settle();

  /// Ends the program; what it has stored is taken back. Returns at once.
  void Kill();

  /// Whether the cell is gone, and its outcome may be taken.
  bool ended() const;
  std::uint64_t memory_bytes() const { return memory_bytes_; }

  // What the sandbox says, and asks.
  boost::asio::awaitable<Result<void>> Call(std::uint32_t call, std::uint32_t tool,
                                            std::string input) override;
  boost::asio::awaitable<Result<void>> Waiting(std::string_view out, std::string_view err) override;
  boost::asio::awaitable<std::vector<ToolAnswer>> Answers() override;

 private:
  struct Made {
    ProgramCall call;
    std::uint32_t in_cell = 0;  // its number there
  };

  boost::asio::awaitable<void> Drive(Executor& runner, ExecutionRequest request,
                                     std::vector<RunInput> support);
  void End(ExecutionOutcome outcome);
  // With the mutex held.
  void Answer(Made& made);
  bool Waits() const;
  RoundAnswer Ended();
  void Stop();

  const boost::asio::strand<boost::asio::any_io_executor> strand_;
  boost::asio::cancellation_signal stop_;  // on the strand
  const std::uint32_t most_calls_;
  std::uint64_t memory_bytes_ = 0;

  mutable std::mutex mutex_;
  std::vector<Made> made_;
  std::deque<ProgramCall> recorded_;  // not made again yet
  std::uint32_t next_number_ = 1;
  std::vector<ToolAnswer> answers_;  // not passed on yet
  std::string out_, err_;            // as of the last time it waited
  bool waiting_ = false;             // and nothing was handed over since
  bool killed_ = false;
  bool diverged_ = false;  // and therefore killed
  std::optional<ExecutionOutcome> outcome_;
  std::uint64_t output_limit_ = 0;
  std::string id_;
  Wake settled_, answered_;
};

}  // namespace codeapi
