// The programs with tools that this worker keeps, running and waiting.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/log.h"
#include "worker/executor.h"
#include "worker/tool_job.h"

namespace codeapi {

struct ToolProgramLimits {
  std::size_t max_waiting = 16;                   ///< programs that wait for their client at once
  std::uint64_t max_waiting_memory = 8ull << 30;  ///< bytes of memory limit of those, together
  std::chrono::milliseconds idle = std::chrono::seconds(600);  ///< how long one waits
  std::uint32_t max_calls = 200;                               ///< of one execution
};

/// What a program finds in its cell: the files of its runtime ("py" or "bash") for a list of tools.
using MakeSupport =
    std::function<Result<std::vector<RunInput>>(std::string_view runtime, std::string_view tools)>;

/// Plays the rounds of executions with tools. A program that waits beyond a limit is ended, the one that has
/// waited longest first; its client may still come back, and it is replayed. Thread-safe. The runner and the
/// log must outlive Stop().
class ToolPrograms {
 public:
  ToolPrograms(boost::asio::any_io_executor executor, Executor& runner, Log& log, MakeSupport support,
               ToolProgramLimits limits = {});
  ~ToolPrograms();

  /// Plays one round to its end. Cancelling it ends the program; the answer is then worth nothing.
  boost::asio::awaitable<RoundAnswer> Round(ToolJob job);

  /// Programs that wait for their client now.
  std::size_t waiting() const;

  /// Ends every program and waits until their cells are gone. No round may be under way.
  boost::asio::awaitable<void> Stop();

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace codeapi
