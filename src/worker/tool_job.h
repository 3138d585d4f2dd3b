// One round of an execution with tools, on its way through the queue (docs/adr/0007).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "worker/execution.h"

namespace codeapi {

/// What a tool came to.
struct CallResult {
  bool error = false;
  std::string text;  ///< compact JSON, or the message of the error

  bool operator==(const CallResult&) const = default;
};

/// A call that a program has made.
struct ProgramCall {
  std::uint32_t number = 0;  ///< from 1, counting over the whole execution
  std::uint32_t tool = 0;    ///< index in the list of tools
  std::string input;         ///< compact JSON, an object
  std::optional<CallResult> result;
};

/// The payload of a round's job.
struct ToolJob {
  enum class Kind {
    kStart,     ///< the first round
    kContinue,  ///< results for the program that waits; `calls` holds those that were answered
    kReplay,    ///< run anew: `calls` holds every call ever issued, in order
    kDrop,      ///< nobody comes back: end the program
  };
  Kind kind = Kind::kStart;
  std::string execution;
  std::optional<ExecutionRequest> request;  ///< kStart and kReplay
  std::string tools;                        ///< the same; the list as ToolList writes it
  std::vector<ProgramCall> calls;           ///< kContinue and kReplay

  std::string Encode() const;
  /// kInternal for what Encode() did not write.
  static Result<ToolJob> Decode(std::string_view text);
  /// Whether a job's payload is one of these and not an ExecutionRequest.
  static bool Is(std::string_view payload) { return payload.starts_with('T'); }
};

/// The answer to a round's job.
struct RoundAnswer {
  enum class State {
    kWaiting,    ///< the program waits for `calls`
    kEnded,      ///< `body` is the whole answer to the client
    kRefused,    ///< the program was not run; `status` and `body` say why
    kNeedReplay  ///< no such program here: send kReplay
  };
  State state = State::kEnded;
  std::string taker;                     ///< kWaiting: whom to direct the next round at
  std::vector<ProgramCall> calls;        ///< kWaiting: all that are unanswered, in order
  std::string stdout_text, stderr_text;  ///< kWaiting: what the program has printed, UTF-8
  int status = 200;
  bool stored_files = false;  ///< as in ExecutionAnswer
  std::string body;           ///< JSON

  std::string Encode() const;
  static Result<RoundAnswer> Decode(std::string_view text);
};

}  // namespace codeapi
