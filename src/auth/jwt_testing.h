// Issues tokens and keys: what the tests and the fuzz target of this room need to play LibreChat.
#pragma once

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "base/base64url.h"

namespace codeapi::testing {

/// A private key.
using SigningKey = std::shared_ptr<EVP_PKEY>;

inline SigningKey OwnKey(EVP_PKEY* key) {
  return {key, [](EVP_PKEY* it) { EVP_PKEY_free(it); }};
}

inline SigningKey NewEd25519() {
  return OwnKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
}

inline SigningKey NewRsa(std::size_t bits) {
  return OwnKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits));
}

/// An RSA key that says of itself that it is for PSS only.
inline SigningKey NewRsaPss() {
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "RSA-PSS", nullptr);
  EVP_PKEY* key = nullptr;
  EVP_PKEY_keygen_init(context);
  EVP_PKEY_generate(context, &key);
  EVP_PKEY_CTX_free(context);
  return OwnKey(key);
}

inline std::string Drain(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

inline std::string PublicPem(const SigningKey& key) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(bio, key.get());
  return Drain(bio);
}

inline std::string PrivatePem(const SigningKey& key) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return Drain(bio);
}

/// The public JWK of a key, with `more` members (`"kid":"k"`) if not empty.
inline std::string PublicJwk(const SigningKey& key, const std::string& more = {}) {
  std::string out;
  if (EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_ED25519) {
    std::array<unsigned char, 32> x{};
    std::size_t size = x.size();
    EVP_PKEY_get_raw_public_key(key.get(), x.data(), &size);
    out = R"({"kty":"OKP","crv":"Ed25519","x":")" +
          EncodeBase64Url({reinterpret_cast<const char*>(x.data()), size}) + "\"";
  } else {
    const auto number = [&](const char* name) {
      BIGNUM* value = nullptr;
      EVP_PKEY_get_bn_param(key.get(), name, &value);
      std::string bytes(static_cast<std::size_t>(BN_num_bytes(value)), '\0');
      BN_bn2bin(value, reinterpret_cast<unsigned char*>(bytes.data()));
      BN_free(value);
      return EncodeBase64Url(bytes);
    };
    out = R"({"kty":"RSA","n":")" + number(OSSL_PKEY_PARAM_RSA_N) + R"(","e":")" +
          number(OSSL_PKEY_PARAM_RSA_E) + "\"";
  }
  return out + (more.empty() ? "" : "," + more) + "}";
}

/// The signature of EdDSA or RS256, whichever the key is for.
inline std::string Signature(const SigningKey& key, std::string_view input) {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const bool ed = EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_ED25519;
  EVP_DigestSignInit(context, nullptr, ed ? nullptr : EVP_sha256(), nullptr, key.get());
  std::string out(1024, '\0');
  std::size_t size = out.size();
  EVP_DigestSign(context, reinterpret_cast<unsigned char*>(out.data()), &size,
                 reinterpret_cast<const unsigned char*>(input.data()), input.size());
  EVP_MD_CTX_free(context);
  out.resize(size);
  return out;
}

/// The signature of HS256.
inline std::string Signature(std::string_view secret, std::string_view input) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(input.data()), input.size(), mac.data(), &size);
  return {reinterpret_cast<const char*>(mac.data()), size};
}

/// A token of any header and payload, signed with a SigningKey or a secret.
template <typename Key>
std::string Token(const Key& key, std::string_view header, std::string_view payload) {
  const std::string input = EncodeBase64Url(header) + "." + EncodeBase64Url(payload);
  return input + "." + EncodeBase64Url(Signature(key, input));
}

}  // namespace codeapi::testing
