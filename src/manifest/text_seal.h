// What the API keeps for itself in a place that others can write to.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "manifest/signed_manifest.h"

namespace codeapi {

/// Texts under a signature that binds them to where they are kept. Immutable and thread-safe.
class TextSeal {
 public:
  /// `verifier` decides whose texts are believed: the signer's own, and those of whoever signs beside it
  /// while a key is changed.
  TextSeal(ManifestSigner signer, ManifestVerifier verifier)
      : signer_(std::move(signer)), verifier_(std::move(verifier)) {}

  /// `text` with a signature in front; `place` is the name it will be found under.
  std::string Seal(std::string_view place, std::string_view text) const;

  /// The text; nothing unless Seal() made it for this place.
  std::optional<std::string> Open(std::string_view place, std::string_view sealed) const;

 private:
  ManifestSigner signer_;
  ManifestVerifier verifier_;
};

}  // namespace codeapi
