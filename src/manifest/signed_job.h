// A job with its manifest, as they go through the queue together.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "manifest/signed_manifest.h"

namespace codeapi {

/// The payload of a signed job: the manifest's token in front of the job's text.
struct SignedJob {
  std::string token;
  std::string text;

  std::string Encode() const;

  /// Nothing if `payload` is not of this form: a job without a manifest is its text alone, and begins
  /// otherwise.
  static std::optional<SignedJob> Decode(std::string_view payload);
};

/// The claims of a job whose manifest `verifier` takes and whose text is the one that was signed.
std::expected<ExecutionManifest, ManifestProblem> Open(const SignedJob& job, const ManifestVerifier& verifier,
                                                       std::chrono::system_clock::time_point now);

}  // namespace codeapi
