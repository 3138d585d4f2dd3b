// What the API signs, and what it believes: jobs, answers, and what it keeps in the state store between
// rounds.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "auth/principal.h"
#include "base/result.h"
#include "base/settings.h"
#include "manifest/answer_mac.h"
#include "manifest/signed_job.h"
#include "manifest/text_seal.h"
#include "worker/execution.h"

namespace codeapi {

/// A round whose job is to be signed.
struct RoundToSign {
  const ExecutionRequest& request;
  std::uint32_t round = 1;
  std::string_view tools;  ///< the list as ToolJob has it; empty: a program without tools
  bool starts = true;      ///< the round starts the program, and does not only go on with it or end it
};

/// Immutable and thread-safe.
class JobSeal {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  /// Nothing when there is no private key. kInvalid, naming the setting, for a key that cannot be used.
  static Result<std::unique_ptr<JobSeal>> Make(const Settings& settings,
                                               Clock clock = std::chrono::system_clock::now);

  /// The payload of the job `text` that `principal` asks for. kTooLarge when its manifest would be.
  Result<std::string> Sign(const Principal& principal, const RoundToSign& what, std::string text) const;

  /// What a worker answered to the job `job` of that round. kForbidden unless it carries the right MAC; where
  /// there is no internal token it carries none.
  Result<std::string> Open(std::string_view job, std::string_view execution, std::uint32_t round,
                           std::string answer) const;

  /// For records of programs with tools.
  const TextSeal& records() const { return records_; }

 private:
  JobSeal(const Settings& settings, ManifestSigner signer, ManifestVerifier believed, Clock clock);

  const Settings& settings_;
  ManifestSigner signer_;
  TextSeal records_;
  std::optional<AnswerMac> mac_;
  Clock clock_;
};

}  // namespace codeapi
