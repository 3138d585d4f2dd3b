// The egress gateway: the one door between workers and stored files.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "egress/ledger.h"
#include "egress/sealer.h"
#include "manifest/signed_manifest.h"
#include "net/http_client.h"
#include "net/metrics.h"
#include "net/router.h"

namespace codeapi {

struct GatewayLimits {
  std::uint64_t max_file_bytes = 10'000'000;   ///< of one stored file, whatever a manifest allows
  std::chrono::seconds grant_ttl{900};         ///< at most; a grant never outlives its manifest
  std::chrono::seconds ledger_grace{300};      ///< how much longer an account is kept than a manifest is good
  std::chrono::milliseconds lease{15'000};     ///< of a round whose worker does not renew it
  std::size_t max_path = 256, max_depth = 10;  ///< of the names of stored files
  std::vector<std::string> output_extensions;  ///< as in Settings
};

/// Everything that is referred to must outlive the server.
struct GatewayContext {
  Sealer sealer;
  ManifestVerifier verifier;
  std::shared_ptr<Ledger> ledger;
  std::string internal_token;  ///< of workers to us and of us to the file server; empty: nobody gets a grant
  std::string file_server_url,
      tool_call_server_url;  ///< where requests go, and nowhere else; without a slash at the end
  GatewayLimits limits;
  HttpClient& files;  ///< the client for the one upstream
  HttpClient& tools;  ///< and for the other, which may take its time to answer
  Log& log;
  Metrics& metrics;
  std::function<std::chrono::system_clock::time_point()> now = std::chrono::system_clock::now;
};

/// The header of a grant.
inline constexpr std::string_view kEgressGrantHeader = "X-CodeAPI-Egress-Grant";

/// Its routes. Those below /internal ask for the internal token, those after them for a grant.
///
///     POST   /internal/egress-grants             {manifest} → 201 {grant_id, egressGrantToken, expires_at,
///     lease_ms,
///                                                output_session_id, input_files: [{id,
///                                                storage_session_id}]}: handles, the inputs in the order of
///                                                the manifest
///     POST   /internal/egress-grants/renew       {egressGrantToken} → 204
///     POST   /internal/egress-grants/revoke      {egressGrantToken, release?} → 204; release: the round was
///     not
///                                                played to its end and may be admitted again
///     POST   /internal/egress-grants/tool-calls  {egressGrantToken, last_call} → 204
///     POST   /internal/ptc-callback-token        {executionId, sessionId, callbackToken, timeoutSeconds?,
///                                                allowedToolNames?} → 201 {grant_id, callbackToken}
///
///     GET    /sessions/{handle}/objects/{handle}           an input
///     GET    /sessions/{handle}/objects/{handle}/metadata  the same, what it is
///     PUT    /sessions/{handle}/objects/{id}               an output
///     GET    /sessions/{handle}/objects/{id}/metadata, DELETE /sessions/{handle}/objects/{id}  one's own
///     output POST   /tool-call                                    to the tool-call server
///
///     GET    /live, /health, /ready, /metrics
///
/// The addresses it calls are made of its settings, of ids that it has sealed itself, and of one new id for
/// each output, which has the shape of an id. Refusals carry a word for programs in X-CodeAPI-Egress-Error.
/// Bodies are passed on as they come and never kept.
Router MakeGatewayRouter(const GatewayContext& context);

}  // namespace codeapi
