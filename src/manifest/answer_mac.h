// How the API knows that an answer is a worker's: both hold the internal token, the queue does not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace codeapi {

/// 32 bytes for one use, HKDF-SHA256 of `secret` with `label`: two labels give keys that say nothing of each
/// other or of the secret.
std::string DeriveKey(std::string_view secret, std::string_view label);

/// Whether both are equal; takes as long wherever they differ. Their lengths are no secret.
bool EqualInConstantTime(std::string_view a, std::string_view b);

/// Answers under a MAC. Immutable and thread-safe.
class AnswerMac {
 public:
  /// `internal_token` must not be empty.
  explicit AnswerMac(std::string_view internal_token);

  /// `answer` with an HMAC-SHA256 over it and what it answers in front. Manifests count rounds from 1; round
  /// 0 is for the refusal of a job whose manifest cannot be believed, with the job's id as execution.
  std::string Seal(std::string_view execution, std::uint32_t round, std::string_view answer) const;

  /// The answer; nothing unless Seal() made `sealed` for the same execution and round with the same token.
  std::optional<std::string> Open(std::string_view execution, std::uint32_t round,
                                  std::string_view sealed) const;

 private:
  std::string Mac(std::string_view execution, std::uint32_t round, std::string_view answer) const;
  std::string key_;
};

}  // namespace codeapi
