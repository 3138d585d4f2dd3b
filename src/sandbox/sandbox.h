// Where programs run, as a worker sees it: a jailer on this machine, or later one inside a microVM.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "jailer/messages.h"

namespace codeapi {

/// Produces the bytes of a file: fills the front of the buffer, returns how many, 0 at the end.
using ByteSource = std::function<boost::asio::awaitable<Result<std::size_t>>(std::span<char>)>;

/// A file that goes into the cell. Small ones are given as they are, others as a source that is read once, in
/// order.
struct RunInput {
  RunFile file;
  std::variant<std::string, ByteSource> content;
};

/// Receives what a run produces, in the order it arrives. Called on an executor of the sandbox's, one call at
/// a time per run; a call that takes its time slows that run down and no other. An error ends the run with
/// that error.
class RunSink {
 public:
  virtual ~RunSink() = default;
  virtual boost::asio::awaitable<Result<void>> Stdout(std::string_view bytes) = 0;
  virtual boost::asio::awaitable<Result<void>> Stderr(std::string_view bytes) = 0;
  /// A new or changed file; its bytes follow, then FileEnd.
  virtual boost::asio::awaitable<Result<void>> FileBegin(const RunOutput& output) = 0;
  virtual boost::asio::awaitable<Result<void>> FileData(std::string_view bytes) = 0;
  /// `complete` is false when the cell could not deliver all of it: the file must be dropped.
  virtual boost::asio::awaitable<Result<void>> FileEnd(bool complete) = 0;
};

/// One answer to a call.
struct ToolAnswer {
  enum class Kind : char { kResult = '0', kError = '1', kRefused = '2' };
  std::uint32_t call = 0;
  Kind kind = Kind::kResult;
  std::string text;
};

/// Who answers the calls of a run. Calls come one at a time on the sandbox's executor.
class ToolPeer {
 public:
  virtual ~ToolPeer() = default;
  /// The program calls tool number `tool` of its list; `input` is whatever it sent (at most 1 MiB, not
  /// checked to be JSON).
  virtual boost::asio::awaitable<Result<void>> Call(std::uint32_t call, std::uint32_t tool,
                                                    std::string input) = 0;
  /// Everything of the program waits for answers: the round is complete and its clock stands.
  virtual boost::asio::awaitable<Result<void>> Waiting() = 0;
  /// Waits for answers to pass on; each is given once. Cancelled when the run ends. An empty list is ignored.
  virtual boost::asio::awaitable<std::vector<ToolAnswer>> Answers() = 0;
};

/// Thread-safe: any number of runs at once, from any executor; each completes on its caller's.
class Sandbox {
 public:
  virtual ~Sandbox() = default;

  /// Runs one program in a fresh cell. `request.files` is filled in from `files`. Cancelling the awaiting
  /// coroutine ends the program. Errors: kSetupFailed (no cell could be made, or it broke), kTooLarge (the
  /// inputs do not fit the workspace), kInvalid (an input cannot be placed), kCancelled, and whatever a
  /// source or the sink reports.
  virtual boost::asio::awaitable<Result<Verdict>> Run(RunRequest request, std::vector<RunInput> files,
                                                      RunSink& sink, ToolPeer* tools = nullptr) = 0;

  /// What the host can do, as last seen.
  virtual JailerInfo info() const = 0;
};

}  // namespace codeapi
