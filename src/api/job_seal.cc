#include "api/job_seal.h"

#include <algorithm>
#include <set>
#include <utility>

#include "manifest/content_digest.h"
#include "runtime/runtime.h"
#include "runtime/source.h"
#include "worker/executor.h"
#include "worker/tool_programs.h"
#include "worker/tool_support.h"

namespace codeapi {
namespace {

// A job may be taken until its deadline; then its program is soon asked for.
constexpr std::chrono::seconds kBeyondDeadline(60);
constexpr std::size_t kUsualRequests = 1000;

// What a cell is given to start, as the worker will do it.
Result<void> DescribeStart(const RoundToSign& what, ExecutionManifest& out) {
  const ExecutionRequest& request = what.request;
  const Runtime* runtime = FindRuntime(request.runtime);
  out.code_sha256 = ContentDigest::Of(runtime == nullptr ? request.code : SourceText(*runtime, request.code));
  out.command_sha256 =
      CommandDigest(FreeSourceName(request),
                    runtime == nullptr ? "" : NamesInSource(*runtime, request.code).entry, request.args);
  if (what.tools.empty()) return {};
  const auto files = ToolSupport(request.runtime, what.tools);
  if (!files) return std::unexpected(files.error());
  SupportDigest support;
  for (const RunInput& file : *files) {
    support.Add(file.file.name, ContentDigest::Of(std::get<std::string>(file.content)));
  }
  out.support_sha256 = support.Finish();
  return {};
}

}  // namespace

JobSeal::JobSeal(const Settings& settings, ManifestSigner signer, ManifestVerifier believed, Clock clock)
    : settings_(settings),
      signer_(signer),
      records_(std::move(signer), std::move(believed)),
      clock_(std::move(clock)) {
  if (!settings.internal_service_token.empty()) mac_.emplace(settings.internal_service_token);
}

Result<std::unique_ptr<JobSeal>> JobSeal::Make(const Settings& settings, Clock clock) {
  if (settings.manifest_private_key.empty()) return nullptr;
  auto signer = ManifestSigner::FromText(settings.manifest_private_key);
  if (!signer) {
    return Fail(ErrorCode::kInvalid, "CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY " + signer.error().message);
  }
  const std::string& keys = settings.manifest_public_keys;
  auto believed = ManifestVerifier::FromText(keys.empty() ? signer->PublicKey() : keys);
  if (!believed) {
    return Fail(ErrorCode::kInvalid, "SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY " + believed.error().message);
  }
  if (!believed->IsSigned("own", signer->Signature("own"))) {
    return Fail(
        ErrorCode::kInvalid,
        "SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY does not belong to CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY");
  }
  return std::unique_ptr<JobSeal>(
      new JobSeal(settings, std::move(*signer), std::move(*believed), std::move(clock)));
}

Result<std::string> JobSeal::Sign(const Principal& principal, const RoundToSign& what,
                                  std::string text) const {
  using std::chrono::seconds;
  const ExecutionRequest& request = what.request;
  ExecutionManifest out;
  out.exec_id = request.id;
  out.round = what.round;
  out.tenant_id = principal.tenant;
  out.user_id = principal.user;
  out.session_key = UserKey(principal);
  std::set<std::string> sessions;
  for (const InputRef& file : request.files) {
    out.input_files.push_back({file.id, file.session, file.name});
    sessions.insert(file.session);
  }
  out.read_sessions.assign(sessions.begin(), sessions.end());
  out.output_session_id = request.id;
  out.max_upload_bytes = static_cast<std::uint64_t>(settings_.max_upload_size);
  out.max_output_files = static_cast<std::uint32_t>(settings_.max_output_files);
  // Each file may be asked for, and asked for again.
  out.max_requests =
      static_cast<std::uint32_t>(std::max(kUsualRequests, 2 * (request.files.size() + out.max_output_files)));
  out.iat = std::chrono::duration_cast<seconds>(clock_().time_since_epoch()).count();
  out.exp = out.iat + (std::chrono::ceil<seconds>(settings_.job_timeout) + kBeyondDeadline).count();
  out.execute_body_sha256 = ContentDigest::Of(text);
  out.principal_source = SourceName(principal.source);
  if (!principal.auth_context_hash.empty()) out.auth_context_hash = principal.auth_context_hash;
  out.runtime = request.runtime;
  out.wall_ms = request.wall_ms;
  out.cpu_ms = request.cpu_ms;
  out.memory_bytes = request.memory_bytes;
  if (!what.tools.empty()) out.tool_calls = ToolProgramLimits{}.max_calls;
  out.tool_call_socket = out.tool_calls > 0;
  if (what.starts) {
    if (auto described = DescribeStart(what, out); !described) return std::unexpected(described.error());
  }
  auto token = signer_.Sign(out);
  if (!token) return token;
  return SignedJob{std::move(*token), std::move(text)}.Encode();
}

Result<std::string> JobSeal::Open(std::string_view job, std::string_view execution, std::uint32_t round,
                                  std::string answer) const {
  if (!mac_) return answer;
  auto open = mac_->Open(execution, round, answer);
  // A worker that could not believe the manifest says so under the job's id.
  if (!open) open = mac_->Open(job, 0, answer);
  if (!open) return Fail(ErrorCode::kForbidden, "the answer to the job carries no valid MAC");
  return std::move(*open);
}

}  // namespace codeapi
