// The body of POST /v1/exec.
#pragma once

#include <string_view>
#include <vector>

#include <boost/json.hpp>

#include "auth/principal.h"
#include "base/result.h"
#include "base/settings.h"
#include "worker/execution.h"

namespace codeapi {

/// What a client asked for. `execution.id` is empty; `scopes[i]` is whose file `execution.files[i]` claims to
/// be.
struct ExecRequest {
  ExecutionRequest execution;
  std::vector<ResourceScope> scopes;
};

/// The body as a JSON object, nested no deeper than any client's. kInvalid with a text for the client.
Result<boost::json::object> ParseBody(std::string_view body);

/// The member `timeout` in ms, at least 1 and at most `longest`; `fallback` without one. kInvalid.
Result<std::uint64_t> ParseTimeout(const boost::json::object& in, std::uint64_t fallback,
                                   std::uint64_t longest);

/// Reads the member `files` into `out`. kInvalid as ParseExecRequest().
Result<void> ParseFiles(const boost::json::object& in, const Settings& settings, ExecRequest& out);

/// Reads and checks the body. Unknown keys are ignored, since LibreChat sends many. kInvalid with a text for
/// the client: malformed or deep JSON, a missing or mistyped member (named), an unknown language, a bad file
/// reference. Of two references to one destination the last wins.
Result<ExecRequest> ParseExecRequest(std::string_view body, const Settings& settings);

}  // namespace codeapi
