#include "manifest/manifest_keys.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace codeapi {
namespace {

constexpr std::size_t kMaxKeyText = 4096;

std::unexpected<Error> Bad(std::string message) {
  // Left alone, OpenSSL's own words stay in this thread's queue and would puzzle whoever looks there next.
  ERR_clear_error();
  return Fail(ErrorCode::kInvalid, std::move(message));
}

ManifestKey Own(EVP_PKEY* key) {
  return {key, [](EVP_PKEY* it) { EVP_PKEY_free(it); }};
}

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

bool IsPem(std::string_view text) {
  return text.find("-----BEGIN ") != std::string_view::npos;
}

// Settings of one line write line ends as \n.
std::string WithLineEnds(std::string_view text) {
  std::string out(text);
  for (std::size_t at = 0; (at = out.find("\\n", at)) != std::string::npos; ++at) out.replace(at, 2, "\n");
  return out;
}

// The bytes of base64, padded, perhaps broken into lines.
std::optional<std::string> FromBase64(std::string_view text) {
  std::string packed(text);
  std::erase_if(packed, [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
  if (packed.empty() || packed.size() % 4 != 0) return {};
  std::string out(packed.size() / 4 * 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(packed.data()), static_cast<int>(packed.size()));
  if (size < 0) return {};
  const std::size_t padding = packed.ends_with("==") ? 2 : packed.ends_with('=') ? 1 : 0;
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

std::string ToBase64(const unsigned char* bytes, int size) {
  std::string out(static_cast<std::size_t>(size + 2) / 3 * 4 + 1, '\0');
  out.resize(
      static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes, size)));
  return out;
}

Result<ManifestKey> Ed25519Only(ManifestKey key, const char* otherwise) {
  if (key == nullptr) return Bad(otherwise);
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519) return Bad("is not an Ed25519 key");
  return key;
}

// Never asks a terminal for the passphrase of a key that has one.
int NoPassphrase(char*, int, int, void*) {
  return -1;
}

template <typename Write>
std::string Pem(const Write& write) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || write(bio.get()) != 1) return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

Result<ManifestKey> ReadPrivateKey(std::string_view text) {
  constexpr const char* kOtherwise = "is neither a private key in PEM nor base64 of one in PKCS#8";
  if (text.size() > kMaxKeyText) return Bad("is too long for a key");
  if (IsPem(text)) {
    const std::string pem = WithLineEnds(text);
    if (pem.find("PRIVATE KEY-----") == std::string::npos)
      return Bad("is a public key; the private one belongs here");
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    return Ed25519Only(Own(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr)), kOtherwise);
  }
  const auto der = FromBase64(text);
  if (!der) return Bad(kOtherwise);
  const auto* at = reinterpret_cast<const unsigned char*>(der->data());
  const auto* const end = at + der->size();
  ManifestKey key = Own(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(der->size())));
  return Ed25519Only(at == end ? std::move(key) : nullptr, kOtherwise);
}

Result<ManifestKey> ReadPublicKey(std::string_view text) {
  constexpr const char* kOtherwise = "is neither a public key in PEM nor base64 of one in SPKI";
  if (text.size() > kMaxKeyText) return Bad("is too long for a key");
  if (IsPem(text)) {
    const std::string pem = WithLineEnds(text);
    if (pem.find("PRIVATE KEY-----") != std::string::npos)
      return Bad("is a private key; only the public one belongs here");
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    return Ed25519Only(Own(PEM_read_bio_PUBKEY(bio.get(), nullptr, NoPassphrase, nullptr)), kOtherwise);
  }
  const auto der = FromBase64(text);
  if (!der) return Bad(kOtherwise);
  const auto* at = reinterpret_cast<const unsigned char*>(der->data());
  const auto* const end = at + der->size();
  ManifestKey key = Own(d2i_PUBKEY(nullptr, &at, static_cast<long>(der->size())));
  if (key != nullptr && at == end) return Ed25519Only(std::move(key), kOtherwise);
  if (ReadPrivateKey(text)) return Bad("is a private key; only the public one belongs here");
  return Bad(kOtherwise);
}

Result<ManifestKey> MakePrivateKey() {
  ManifestKey key = Own(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (key == nullptr) {
    ERR_clear_error();
    return Fail(ErrorCode::kInternal, "OpenSSL could not make a key");
  }
  return key;
}

std::string PrivatePem(const ManifestKey& key) {
  return Pem([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

std::string PublicPem(const ManifestKey& key) {
  return Pem([&](BIO* bio) { return PEM_write_bio_PUBKEY(bio, key.get()); });
}

std::string PrivateBase64(const ManifestKey& key) {
  const std::unique_ptr<PKCS8_PRIV_KEY_INFO, void (*)(PKCS8_PRIV_KEY_INFO*)> info(
      EVP_PKEY2PKCS8(key.get()), [](PKCS8_PRIV_KEY_INFO* it) { PKCS8_PRIV_KEY_INFO_free(it); });
  unsigned char* der = nullptr;
  const int size = info == nullptr ? 0 : i2d_PKCS8_PRIV_KEY_INFO(info.get(), &der);
  std::string out = size > 0 ? ToBase64(der, size) : std::string();
  OPENSSL_clear_free(der, size > 0 ? static_cast<std::size_t>(size) : 0);
  return out;
}

std::string PublicBase64(const ManifestKey& key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  std::string out = size > 0 ? ToBase64(der, size) : std::string();
  OPENSSL_free(der);
  return out;
}

}  // namespace codeapi
