// Whether a job that the queue hands out is one that the API has signed, and the proof that an answer is
// ours.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.h"
#include "manifest/answer_mac.h"
#include "manifest/signed_job.h"
#include "store/job_queue.h"

namespace codeapi {

/// A job that may be done.
struct AdmittedJob {
  std::string text;      ///< what the API wrote
  std::string manifest;  ///< the token; empty: the job is not signed
  std::string execution;
  std::uint32_t round = 0;
};

/// Immutable and thread-safe. The log must outlive it.
class JobAdmission {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  /// With keys, only jobs signed with one of them are admitted; without, all are, and a manifest is passed on
  /// unread. With a MAC, answers to signed jobs carry one.
  JobAdmission(std::optional<ManifestVerifier> keys, std::optional<AnswerMac> mac, Log& log,
               Clock clock = std::chrono::system_clock::now);

  /// The job, or the answer that refuses it, ready for the queue. A refusal is in the log.
  std::expected<AdmittedJob, std::string> Admit(const JobSpec& job) const;

  /// The answer to an admitted job as it goes into the queue.
  std::string Seal(const AdmittedJob& job, std::string answer) const;

 private:
  std::unexpected<std::string> Refuse(const JobSpec& job, bool is_signed, std::string_view text,
                                      const ManifestProblem& problem) const;

  std::optional<ManifestVerifier> keys_;
  std::optional<AnswerMac> mac_;
  Log& log_;
  Clock clock_;
};

}  // namespace codeapi
