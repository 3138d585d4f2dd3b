// The tool-call server's state: executions whose programs make calls over HTTP, the calls that wait for their
// results, and results that wait for their calls. All of it is in memory and none of it outlives its time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"

namespace codeapi {

struct CallSessionLimits {
  std::chrono::milliseconds expiry = std::chrono::seconds(600);  ///< after the last use of a session
  std::size_t max_sessions = 10'000;
  std::size_t max_calls = 1'000;       ///< that wait, and the same for results, in one session
  std::size_t max_bytes = 256u << 20;  ///< of all inputs and results that are kept, together
};

enum class CallSessionStatus { kRunning, kWaiting, kCompleted, kError };

/// The word for it on the wire.
std::string_view CallSessionStatusName(CallSessionStatus status);

/// A session as its owner sees it. Times are milliseconds since 1970.
struct CallSessionInfo {
  CallSessionStatus status = CallSessionStatus::kRunning;
  std::string execution, session;
  std::int64_t created = 0, updated = 0;
};

/// A call that waits.
struct PendingCall {
  std::string id, tool;
  std::string input;  ///< compact JSON; empty: there was none
  std::int64_t made = 0;
};

/// What a call came to.
struct GivenResult {
  std::string id;
  std::string result;  ///< compact JSON; empty: there was none
  bool error = false;
  std::string message;  ///< JSON string or null; empty: there was none
};

/// Thread-safe. Must outlive its pending calls. A session that is not there, has ended its time, or was
/// removed is kNotFound everywhere.
class CallSessions {
 public:
  explicit CallSessions(CallSessionLimits limits = {});
  ~CallSessions();

  /// Opens a session, in the place of one of the same execution, whose calls then end with kNotFound. Only
  /// `tools` may be called; a call waits for `timeout`, or until its session expires if that is sooner.
  /// Returns the token its calls must carry. kUnavailable when there are too many sessions.
  Result<std::string> Open(std::string execution, std::string session, std::set<std::string> tools,
                           std::chrono::milliseconds timeout);

  Result<CallSessionInfo> Look(const std::string& execution);

  /// The calls that wait, in the order they were made.
  Result<std::vector<PendingCall>> Pending(const std::string& execution, CallSessionInfo& info);

  /// Wakes the calls that have these results; a result of no call that waits is kept for the one that comes.
  /// All or none: kTooLarge when there is no room.
  Result<void> Give(const std::string& execution, std::vector<GivenResult> results);

  /// Says that the execution is over. Its session can be looked at until it expires.
  Result<void> End(const std::string& execution, CallSessionStatus status);

  /// How many things were removed: the session, and what it kept.
  std::size_t Remove(const std::string& execution);

  /// Whether calls of `execution` carry `token`, compared in constant time; kForbidden if not.
  Result<void> Check(const std::string& execution, std::string_view token);

  /// Makes a call of a session that was checked, and waits for its result. Errors: kForbidden (no such tool),
  /// kDeadline (nobody answered in time), kConflict (a call of the same id came after it, which waits in its
  /// place), kTooLarge (too much waits). A caller that is cancelled is forgotten, and its call with it.
  boost::asio::awaitable<Result<GivenResult>> Call(std::string execution, std::string id, std::string tool,
                                                   std::string input);

  /// Forgets what has expired.
  void Sweep();

  /// Sessions that are neither over nor expired.
  std::size_t active() const;

 private:
  struct Core;
  const std::unique_ptr<Core> core_;
};

}  // namespace codeapi
