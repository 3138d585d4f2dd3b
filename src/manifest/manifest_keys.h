// Ed25519 keys as text. Of room `manifest` only.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct evp_pkey_st;

namespace codeapi {

/// A shared OpenSSL key.
using ManifestKey = std::shared_ptr<evp_pkey_st>;

/// PEM or base64 of PKCS#8, without a passphrase. The message of an error is a predicate.
Result<ManifestKey> ReadPrivateKey(std::string_view text);

/// PEM or base64 of SPKI.
Result<ManifestKey> ReadPublicKey(std::string_view text);

/// A fresh private key.
Result<ManifestKey> MakePrivateKey();

std::string PrivatePem(const ManifestKey& key);
std::string PrivateBase64(const ManifestKey& key);
std::string PublicPem(const ManifestKey& key);
std::string PublicBase64(const ManifestKey& key);

}  // namespace codeapi
