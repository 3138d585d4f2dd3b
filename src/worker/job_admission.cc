#include "worker/job_admission.h"

#include <utility>

#include "base/base64url.h"
#include "worker/execution.h"
#include "worker/tool_job.h"

namespace codeapi {
namespace {

constexpr int kStatus = 502;
constexpr const char* kBody = R"({"error":"sandbox_execution_failed","message":"Sandbox execution failed"})";

std::string Refusal(std::string_view text) {
  if (!ToolJob::Is(text)) return ExecutionAnswer{kStatus, false, kBody}.Encode();
  RoundAnswer answer;
  answer.state = RoundAnswer::State::kRefused;
  answer.status = kStatus;
  answer.body = kBody;
  return answer.Encode();
}

// What a token says, for who has no key to check it with.
std::expected<ExecutionManifest, ManifestProblem> Read(std::string_view token) {
  constexpr auto kMalformed = ManifestProblem::Reason::kMalformed;
  if (token.size() > kMaxManifestToken) return RefuseManifest(kMalformed, "is too large");
  const auto json = DecodeBase64Url(token.substr(0, token.find('.')));
  if (!json) return RefuseManifest(kMalformed, "is not valid base64url");
  auto claims = ExecutionManifest::FromJson(*json);
  if (!claims) return std::unexpected(ManifestProblem{kMalformed, std::move(claims.error().message)});
  return std::move(*claims);
}

}  // namespace

JobAdmission::JobAdmission(std::optional<ManifestVerifier> keys, std::optional<AnswerMac> mac, Log& log,
                           Clock clock)
    : keys_(std::move(keys)), mac_(std::move(mac)), log_(log), clock_(std::move(clock)) {}

std::unexpected<std::string> JobAdmission::Refuse(const JobSpec& job, bool is_signed, std::string_view text,
                                                  const ManifestProblem& problem) const {
  log_.Write(Severity::kError, "job refused",
             {{"job", job.id}, {"reason", ReasonName(problem.reason)}, {"detail", problem.message}});
  std::string answer = Refusal(text);
  // What the manifest says of execution and round is worth nothing now: the job's own id stands for them.
  if (is_signed && mac_) answer = mac_->Seal(job.id, 0, answer);
  return std::unexpected(std::move(answer));
}

std::expected<AdmittedJob, std::string> JobAdmission::Admit(const JobSpec& job) const {
  auto taken = SignedJob::Decode(job.payload);
  if (!taken) {
    if (!keys_) return AdmittedJob{job.payload, {}, {}, 0};
    return Refuse(job, false, job.payload,
                  {ManifestProblem::Reason::kMalformed, "Execution manifest is required"});
  }
  auto claims = keys_ ? Open(*taken, *keys_, clock_()) : Read(taken->token);
  if (!claims) return Refuse(job, true, taken->text, claims.error());
  return AdmittedJob{std::move(taken->text), std::move(taken->token), std::move(claims->exec_id),
                     claims->round};
}

std::string JobAdmission::Seal(const AdmittedJob& job, std::string answer) const {
  if (job.manifest.empty() || !mac_) return answer;
  return mac_->Seal(job.execution, job.round, answer);
}

}  // namespace codeapi
