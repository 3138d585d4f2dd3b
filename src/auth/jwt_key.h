// One key that tokens are checked with. A key knows the one algorithm it is for, and only that algorithm is
// ever run with it, so a public key cannot be turned into a shared secret by what a token says of itself.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "base/result.h"

struct evp_pkey_st;

namespace codeapi {

enum class JwtAlgorithm { kEdDsa, kRs256, kHs256 };

/// As the `alg` member spells it: `EdDSA`, `RS256`, `HS256`.
std::string_view AlgorithmName(JwtAlgorithm algorithm);

/// The algorithm of exactly that name.
std::optional<JwtAlgorithm> FindAlgorithm(std::string_view name);

/// Immutable; copies share the key. Thread-safe.
class JwtKey {
 public:
  /// A public key in PEM (`PUBLIC KEY` or `RSA PUBLIC KEY`) or as a JWK. Ed25519, or RSA of 2048 to 8192
  /// bits. kInvalid for all else, RSA keys that are bound to PSS and private keys among it: those belong to
  /// whoever issues tokens, alone. The message is a predicate and quotes nothing of the text.
  static Result<JwtKey> FromPublicText(std::string_view text);

  /// The same, of a JWK (RFC 7517, RFC 8037). `use` and `alg`, where present, must allow what the key is for.
  static Result<JwtKey> FromJwk(const boost::json::object& jwk);

  /// A shared secret for HS256, of 32 bytes to 4 KiB (RFC 7518, section 3.2, asks for 32). kInvalid also for
  /// a PEM text: whoever holds the public key could sign with it.
  static Result<JwtKey> FromSecret(std::string secret);

  JwtAlgorithm algorithm() const { return algorithm_; }

  /// Whether `signature` is the key's own over `input`, by its algorithm.
  bool Verify(std::string_view input, std::string_view signature) const;

 private:
  JwtKey(JwtAlgorithm algorithm, std::shared_ptr<evp_pkey_st> key)
      : algorithm_(algorithm), key_(std::move(key)) {}
  explicit JwtKey(std::string secret) : algorithm_(JwtAlgorithm::kHs256), secret_(std::move(secret)) {}
  static Result<JwtKey> FromPublicKey(std::shared_ptr<evp_pkey_st> key);

  JwtAlgorithm algorithm_;
  std::shared_ptr<evp_pkey_st> key_;  // of EdDSA and RS256
  std::string secret_;                // of HS256
};

}  // namespace codeapi
