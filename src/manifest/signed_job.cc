#include "manifest/signed_job.h"

#include <utility>

#include "manifest/content_digest.h"

namespace codeapi {
namespace {

// `M<token>\n<text>`; the texts of jobs begin with `{` or `T`.
constexpr char kMark = 'M';

}  // namespace

std::string SignedJob::Encode() const {
  return kMark + token + "\n" + text;
}

std::optional<SignedJob> SignedJob::Decode(std::string_view payload) {
  if (!payload.starts_with(kMark)) return {};
  const std::size_t end = payload.find('\n');
  if (end == std::string_view::npos) return {};
  return SignedJob{std::string(payload.substr(1, end - 1)), std::string(payload.substr(end + 1))};
}

std::expected<ExecutionManifest, ManifestProblem> Open(const SignedJob& job, const ManifestVerifier& verifier,
                                                       std::chrono::system_clock::time_point now) {
  auto claims = verifier.Verify(job.token, now);
  if (claims && claims->execute_body_sha256 != ContentDigest::Of(job.text)) {
    return RefuseManifest(ManifestProblem::Reason::kScopeMismatch, "body hash does not match request");
  }
  return claims;
}

}  // namespace codeapi
