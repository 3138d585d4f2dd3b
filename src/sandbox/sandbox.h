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

/// Produces the bytes of a file piece by piece. A piece is valid until the next is asked for; an empty one is
/// the end.
using ByteSource = std::function<boost::asio::awaitable<Result<std::string_view>>()>;

/// Waits until a file can be given, and fills in what was not known of it before.
using FileReady = std::function<boost::asio::awaitable<Result<void>>(RunFile&)>;

/// A file that goes into the cell. Small ones are given as they are, others as a source that is read once, in
/// order. With `ready`, it is awaited before the file begins.
struct RunInput {
  RunFile file;
  std::variant<std::string, ByteSource> content;
  FileReady ready = nullptr;
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

/// One answer to a tool call.
struct ToolAnswer {
  enum class Kind : char { kResult = '0', kError = '1', kRefused = '2' };
  std::uint32_t call = 0;
  Kind kind = Kind::kResult;
  std::string text;  ///< compact JSON; the tool's error message; why the call was not made
};

/// Who answers the tool calls of a run. Called on an executor of the sandbox's: Call() and Waiting() one at a
/// time, in the order of what the program did, with all that it printed before given to the sink before;
/// Answers() beside them.
class ToolPeer {
 public:
  virtual ~ToolPeer() = default;

  /// The program calls tool number `tool` of its list; `input` is whatever it sent: at most kMaxToolInput
  /// bytes that may be no JSON. Calls are numbered from 1. An error ends the run with that error.
  virtual boost::asio::awaitable<Result<void>> Call(std::uint32_t call, std::uint32_t tool,
                                                    std::string input) = 0;

  /// Everything of the program waits for answers: the round is complete and its clock stands, until an answer
  /// is given. A process that sleeps may wake up and call all the same; there is another Waiting() behind
  /// that call. An error ends the run with that error.
  virtual boost::asio::awaitable<Result<void>> Waiting() = 0;

  /// Waits for answers to pass on, and is asked again when they are sent. A call's second answer, one to no
  /// call, and an empty list are ignored; a text beyond kMaxToolResult becomes an error. Cancelled when the
  /// run ends, before Run() completes.
  virtual boost::asio::awaitable<std::vector<ToolAnswer>> Answers() = 0;
};

/// Thread-safe: any number of runs at once, from any executor; each completes on its caller's.
class Sandbox {
 public:
  virtual ~Sandbox() = default;

  /// Runs one program in a fresh cell. `request.files` is filled in from `files`. Cancelling the awaiting
  /// coroutine ends the program. Errors: kSetupFailed (no cell could be made, or it broke), kTooLarge (the
  /// inputs do not fit the workspace), kInvalid (an input cannot be placed), kConflict (its manifest does not
  /// admit it), kCancelled, and whatever a
  /// source, the sink or the tools report. `tools` must be there if `request.tool_calls` is above 0
  /// (kInvalid), and outlive the run.
  virtual boost::asio::awaitable<Result<Verdict>> Run(RunRequest request, std::vector<RunInput> files,
                                                      RunSink& sink, ToolPeer* tools = nullptr) = 0;

  /// What the host can do, as last seen.
  virtual JailerInfo info() const = 0;
};

}  // namespace codeapi
