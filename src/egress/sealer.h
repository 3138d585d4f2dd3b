// Texts that only this service can read and make.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

struct evp_cipher_st;

namespace codeapi {

/// Seals with AES-256-GCM. Immutable and thread-safe; copies share what they need.
///
/// Theory of operation. The secret becomes a root key by HKDF-SHA256. Each text has 24 random bytes: 12 of
/// them derive a key from the root that is this text's own, 12 are its nonce. So nobody needs to count how
/// many texts a secret has sealed: two would have to agree in all 24 bytes to harm each other. The label is
/// authenticated and not sent, so that a text sealed for one use opens for no other.
class Sealer {
 public:
  static constexpr std::size_t kMinSecret = 32;  ///< bytes

  /// kInvalid for a secret of fewer than kMinSecret bytes.
  static Result<Sealer> Make(std::string_view secret);

  /// `ceg1.<24 bytes>.<ciphertext>.<tag>`, each part in base64url.
  std::string Seal(std::string_view label, std::string_view text) const;

  /// The text; nothing unless Seal() made `sealed` with the same secret and label.
  std::optional<std::string> Open(std::string_view label, std::string_view sealed) const;

 private:
  using Key = std::array<unsigned char, 32>;
  Sealer(const Key& root, std::shared_ptr<evp_cipher_st> cipher) : root_(root), cipher_(std::move(cipher)) {}
  Key KeyOf(std::string_view salt) const;

  Key root_;
  std::shared_ptr<evp_cipher_st> cipher_;
};

}  // namespace codeapi
