// The bodies of POST /v1/exec/programmatic: a first request, and a continuation with the results of tools.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

#include "api/exec_request.h"
#include "base/result.h"
#include "base/settings.h"
#include "tools/tool_list.h"
#include "worker/tool_job.h"

namespace codeapi {

/// What a program with tools starts from.
struct ProgrammaticRequest {
  ExecRequest exec;
  std::vector<Tool> tools;
};

/// Reads and checks a first request, in the order in which clients know the refusals. kInvalid with a text
/// for the client.
Result<ProgrammaticRequest> ParseProgrammaticRequest(const boost::json::object& in, const Settings& settings);

/// A result as the client sent it.
struct SentResult {
  std::uint32_t number = 0;  ///< of the call
  std::string call_id;       ///< `call_` and the number
  CallResult result;
};

inline constexpr std::size_t kMaxResults = 200;              ///< of one continuation
inline constexpr std::size_t kMaxResultBytes = 5'000'000;    ///< of one, as compact JSON
inline constexpr std::size_t kMaxHistoryBytes = 40'000'000;  ///< of all of one execution

/// Reads `tool_results`. kInvalid with a text for the client.
Result<std::vector<SentResult>> ParseToolResults(const boost::json::object& in);

/// `call_001`: how clients know the call of this number.
std::string CallId(std::uint32_t number);

/// What clients get to go on with `execution`. It is no secret and proves nothing: who may go on is checked.
std::string ContinuationToken(const std::string& execution);

/// The execution that a token names; empty for anything else.
std::string ExecutionOfToken(std::string_view token);

}  // namespace codeapi
