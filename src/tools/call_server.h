// The tool-call server: programs of other services call tools over HTTP, and whoever runs the tools answers.
// Our own programs do not pass through it (docs/adr/0007).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/log.h"
#include "net/metrics.h"
#include "net/router.h"
#include "tools/call_sessions.h"

namespace codeapi {

inline constexpr std::size_t kMaxCallBody = 1u << 20;           ///< bytes of POST /tool-call
inline constexpr std::size_t kMaxCallResult = 5'000'000;        ///< bytes of one result, as compact JSON
inline constexpr std::size_t kMaxCallResultsBody = 50'000'000;  ///< bytes of POST /sessions/{id}/results

/// Everything in it must outlive the server.
struct CallServerContext {
  CallSessions& sessions;
  Log& log;
  Metrics& metrics;
  std::string internal_token;  ///< empty: everybody may open sessions and answer calls
  std::uint16_t port = 0;      ///< told in callback_url
  std::chrono::milliseconds timeout = std::chrono::seconds(300);  ///< of calls, where a session asks for none
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
};

/// Its routes. All below /sessions ask for the internal token; /tool-call for the token of its session.
///
///     POST   /sessions                    opens one
///     GET    /sessions/{id}[/status]      how it is
///     GET    /sessions/{id}/pending       its calls that wait
///     POST   /sessions/{id}/results       answers to them
///     POST   /sessions/{id}/complete, /error
///     DELETE /sessions/{id}
///     POST   /tool-call                   a call; answered when its result is there
///     GET    /health, /ready, /metrics
///
/// Answers are those of the reference, and more: a body that is no JSON or too large is 400 or 413, too many
/// sessions or calls are 503, a call made again while it waits ends the first one with 409.
Router MakeCallRouter(const CallServerContext& context);

}  // namespace codeapi
