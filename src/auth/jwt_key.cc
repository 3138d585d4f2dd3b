#include "auth/jwt_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>

#include <array>
#include <utility>

#include "auth/strict_json.h"
#include "base/base64url.h"

namespace codeapi {
namespace {

namespace json = boost::json;
using KeyPointer = std::shared_ptr<EVP_PKEY>;

constexpr std::size_t kMaxKeyText = 65'536;
constexpr std::size_t kMinSecret = 32;
constexpr std::size_t kMaxSecret = 4096;
constexpr std::size_t kEd25519Size = 32;
constexpr int kMinRsaBits = 2048;
constexpr int kMaxRsaBits = 8192;  // verification takes time quadratic in this

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

std::unexpected<Error> Bad(std::string message) {
  // What OpenSSL noted of the failure is in this thread's queue and would puzzle whoever looks there next.
  ERR_clear_error();
  return Fail(ErrorCode::kInvalid, std::move(message));
}

KeyPointer Own(EVP_PKEY* key) {
  return {key, [](EVP_PKEY* it) { EVP_PKEY_free(it); }};
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

Result<KeyPointer> FromPem(std::string_view text) {
  if (text.find("PRIVATE KEY-----") != std::string_view::npos) {
    return Bad("is a private key; only the public one belongs here");
  }
  EVP_PKEY* key = nullptr;
  const std::unique_ptr<OSSL_DECODER_CTX, Deleter<OSSL_DECODER_CTX_free>> decoder(
      OSSL_DECODER_CTX_new_for_pkey(&key, "PEM", nullptr, nullptr, EVP_PKEY_PUBLIC_KEY, nullptr, nullptr));
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t size = text.size();
  const bool decoded = decoder != nullptr && OSSL_DECODER_from_data(decoder.get(), &data, &size) == 1;
  KeyPointer owned = Own(key);
  if (!decoded || owned == nullptr) return Bad("is not a public key in PEM");
  return owned;
}

// A member that must be there, as bytes.
std::optional<std::string> Bytes(const json::object& jwk, std::string_view name) {
  const json::value* value = jwk.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return DecodeBase64Url(value->as_string());
}

Result<KeyPointer> FromOkp(const json::object& jwk) {
  const json::value* curve = jwk.if_contains("crv");
  if (curve == nullptr || *curve != "Ed25519") return Bad("is a key of a curve other than Ed25519");
  const auto x = Bytes(jwk, "x");
  if (!x || x->size() != kEd25519Size) return Bad("has no x of 32 bytes in base64url");
  KeyPointer key = Own(EVP_PKEY_new_raw_public_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(x->data()), x->size()));
  if (key == nullptr) return Bad("is not an Ed25519 key");
  return key;
}

using BigNumber = std::unique_ptr<BIGNUM, Deleter<BN_free>>;

BigNumber ToNumber(const std::string& bytes) {
  return BigNumber(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                             static_cast<int>(bytes.size()), nullptr));
}

Result<KeyPointer> FromRsa(const json::object& jwk) {
  const auto n = Bytes(jwk, "n");
  const auto e = Bytes(jwk, "e");
  if (!n || !e || n->empty() || e->empty() || n->size() > kMaxRsaBits / 8 || e->size() > 8) {
    return Bad("has no usable n and e in base64url");
  }
  const BigNumber modulus = ToNumber(*n);
  const BigNumber exponent = ToNumber(*e);
  const std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>> builder(OSSL_PARAM_BLD_new());
  if (!modulus || !exponent || !builder ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
    return Bad("is not an RSA key");
  }
  const std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>> params(OSSL_PARAM_BLD_to_param(builder.get()));
  const std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  const bool made = params && context && EVP_PKEY_fromdata_init(context.get()) == 1 &&
                    EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) == 1;
  KeyPointer owned = Own(key);
  if (!made || owned == nullptr) return Bad("is not an RSA key");
  return owned;
}

// Refuses, for one, an exponent of 1, with which every signature would verify.
bool IsSound(EVP_PKEY* key) {
  const std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>> context(
      EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return context != nullptr && EVP_PKEY_public_check(context.get()) == 1;
}

}  // namespace

std::string_view AlgorithmName(JwtAlgorithm algorithm) {
  switch (algorithm) {
    case JwtAlgorithm::kEdDsa:
      return "EdDSA";
    case JwtAlgorithm::kRs256:
      return "RS256";
    case JwtAlgorithm::kHs256:
      break;
  }
  return "HS256";
}

std::optional<JwtAlgorithm> FindAlgorithm(std::string_view name) {
  for (const JwtAlgorithm algorithm : {JwtAlgorithm::kEdDsa, JwtAlgorithm::kRs256, JwtAlgorithm::kHs256}) {
    if (name == AlgorithmName(algorithm)) return algorithm;
  }
  return {};
}

Result<JwtKey> JwtKey::FromPublicKey(KeyPointer key) {
  // The base id tells plain RSA from RSA that is bound to PSS, for which RS256 is not made.
  const int kind = EVP_PKEY_get_base_id(key.get());
  if (kind == EVP_PKEY_ED25519) return JwtKey(JwtAlgorithm::kEdDsa, std::move(key));
  if (kind == EVP_PKEY_RSA_PSS) return Bad("is an RSA key for PSS only, which no token here uses");
  if (kind != EVP_PKEY_RSA) return Bad("is neither an Ed25519 nor an RSA key");
  const int bits = EVP_PKEY_get_bits(key.get());
  if (bits < kMinRsaBits || bits > kMaxRsaBits) {
    return Bad("is an RSA key of " + std::to_string(bits) + " bits; 2048 to 8192 are allowed");
  }
  if (!IsSound(key.get())) return Bad("is an RSA key that protects nothing");
  return JwtKey(JwtAlgorithm::kRs256, std::move(key));
}

Result<JwtKey> JwtKey::FromPublicText(std::string_view text) {
  text = Trimmed(text);
  if (text.empty()) return Bad("is empty");
  if (text.size() > kMaxKeyText) return Bad("is too long for a key");
  if (text.starts_with('{')) {
    const auto jwk = ParseStrictObject(text);
    return jwk ? FromJwk(*jwk) : std::unexpected(jwk.error());
  }
  auto key = FromPem(text);
  return key ? FromPublicKey(std::move(*key)) : std::unexpected(key.error());
}

Result<JwtKey> JwtKey::FromJwk(const json::object& jwk) {
  // `d` is the private part of every kind of key, `k` is a shared secret.
  if (jwk.contains("d")) return Bad("is a private key; only the public one belongs here");
  const json::value* kind = jwk.if_contains("kty");
  if (kind == nullptr || !kind->is_string()) return Bad("has no kty");
  if (const json::value* use = jwk.if_contains("use"); use != nullptr && *use != "sig") {
    return Bad("is not for signatures");
  }
  Result<KeyPointer> key = *kind == "OKP"   ? FromOkp(jwk)
                           : *kind == "RSA" ? FromRsa(jwk)
                                            : Bad("is neither an Ed25519 nor an RSA key");
  if (!key) return std::unexpected(std::move(key.error()));
  auto made = FromPublicKey(std::move(*key));
  if (!made) return made;
  const json::value* algorithm = jwk.if_contains("alg");
  const std::string_view own = AlgorithmName(made->algorithm());
  if (algorithm != nullptr && *algorithm != json::string_view(own.data(), own.size())) {
    return Bad("is for an algorithm other than " + std::string(own));
  }
  return made;
}

Result<JwtKey> JwtKey::FromSecret(std::string secret) {
  if (secret.size() < kMinSecret) return Bad("has less than 32 bytes");
  if (secret.size() > kMaxSecret) return Bad("is too long for a secret");
  if (secret.find("-----BEGIN") != std::string::npos) return Bad("is a key in PEM and not a secret");
  return JwtKey(std::move(secret));
}

bool JwtKey::Verify(std::string_view input, std::string_view signature) const {
  const auto* in = reinterpret_cast<const unsigned char*>(input.data());
  const auto* sig = reinterpret_cast<const unsigned char*>(signature.data());
  if (algorithm_ == JwtAlgorithm::kHs256) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
    unsigned int size = 0;
    return HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()), in, input.size(), mac.data(),
                &size) != nullptr &&
           signature.size() == size && CRYPTO_memcmp(mac.data(), sig, size) == 0;
  }
  const std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  const EVP_MD* digest = algorithm_ == JwtAlgorithm::kRs256 ? EVP_sha256() : nullptr;
  const bool valid = context != nullptr &&
                     EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key_.get()) == 1 &&
                     EVP_DigestVerify(context.get(), sig, signature.size(), in, input.size()) == 1;
  if (!valid) ERR_clear_error();
  return valid;
}

}  // namespace codeapi
