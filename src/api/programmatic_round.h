// One round of an execution with tools, from the API's side.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/api_context.h"
#include "tools/tool_record.h"
#include "worker/tool_job.h"

namespace codeapi {

/// An execution as the API knows it during a round.
struct ToolExecution {
  std::string id;
  ToolRecord record;
  bool recorded = false;  ///< it had a round before
  std::string job;        ///< id of the round's job, by which it can be cancelled
};

/// Has `job` run, again from the record where its program is lost, keeps what the next round needs and
/// answers. When the coroutine is cancelled the job is too.
asio::awaitable<Response> PlayRound(const ApiContext& api, ApiCall& call, ToolExecution execution,
                                    ToolJob job);

/// The records of all executions, as this API keeps them.
inline ToolRecords Records(const ApiContext& api) {
  return ToolRecords(api.state, api.seal == nullptr ? nullptr : &api.seal->records());
}

/// `{"status":"error","error":…,"session_id":…}` with 200, as clients know failures of a program.
Response ToolFailure(int status, const std::string& execution, std::string_view error);

/// A result as it is recorded, and back.
std::string PackResult(const CallResult& result);
CallResult UnpackResult(std::string text);

}  // namespace codeapi
