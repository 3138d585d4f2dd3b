// Execution manifests under a signature: `base64url(json).base64url(signature)`, Ed25519 over the JSON text.
#pragma once

#include <chrono>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "manifest/execution_manifest.h"

struct evp_pkey_st;

namespace codeapi {

/// How far the clocks of who signs and who checks may differ.
inline constexpr std::chrono::seconds kManifestClockTolerance(30);

/// Bytes of a token.
inline constexpr std::size_t kMaxManifestToken = (kMaxManifestJson + 2) / 3 * 4 + 128;

/// Signs. Immutable; copies share the key. Thread-safe.
class ManifestSigner {
 public:
  /// With an Ed25519 private key, PEM or base64 of PKCS#8; in PEM line ends may be written as `\n`. kInvalid
  /// for anything else; the message is a predicate and quotes nothing of the text.
  static Result<ManifestSigner> FromText(std::string_view text);

  /// The token. Errors are those of ExecutionManifest::ToJson().
  Result<std::string> Sign(const ExecutionManifest& manifest) const;

  /// The token of any text, as tests of hostile signers need it.
  std::string SignText(std::string_view json) const;

  /// The bare signature, 64 bytes, of any text.
  std::string Signature(std::string_view text) const;

  /// The public key that belongs to it: base64 of SPKI, as ManifestVerifier takes it.
  std::string PublicKey() const;

 private:
  explicit ManifestSigner(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  std::shared_ptr<evp_pkey_st> key_;
};

/// Why a token is not taken.
struct ManifestProblem {
  enum class Reason { kMalformed, kInvalidSignature, kExpired, kNotYetValid, kScopeMismatch };
  Reason reason{};
  std::string message;  ///< "Execution manifest …"
};

/// `malformed`, `invalid_signature`, `expired`, `not_yet_valid`, `scope_mismatch`.
const char* ReasonName(ManifestProblem::Reason reason);

/// `return RefuseManifest(reason, "is expired")`: the text is put behind "Execution manifest ".
std::unexpected<ManifestProblem> RefuseManifest(ManifestProblem::Reason reason, std::string_view predicate);

/// Checks. Immutable; copies share the keys. Thread-safe.
class ManifestVerifier {
 public:
  /// With one or two Ed25519 public keys, separated by a comma; each PEM (line ends may be written as `\n`)
  /// or base64 of SPKI. kInvalid for anything else, private keys among it; the message is a predicate and
  /// quotes nothing of the text.
  static Result<ManifestVerifier> FromText(std::string_view text);

  /// The claims of a token that one of the keys has signed and that is good at `now`, give or take
  /// kManifestClockTolerance. Nothing of a token is parsed before its signature has been found right.
  std::expected<ExecutionManifest, ManifestProblem> Verify(std::string_view token,
                                                           std::chrono::system_clock::time_point now) const;

  /// Whether `signature` is one of the keys' over `text`.
  bool IsSigned(std::string_view text, std::string_view signature) const;

 private:
  explicit ManifestVerifier(std::vector<std::shared_ptr<evp_pkey_st>> keys) : keys_(std::move(keys)) {}
  std::vector<std::shared_ptr<evp_pkey_st>> keys_;
};

/// A fresh pair, each in both forms that the settings take.
struct ManifestKeyPair {
  std::string private_pem, private_base64;
  std::string public_pem, public_base64;

  /// kInternal when OpenSSL has no random numbers.
  static Result<ManifestKeyPair> Make();
};

}  // namespace codeapi
