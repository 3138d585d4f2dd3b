#include "manifest/answer_mac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <array>
#include <cstdlib>
#include <memory>

#include "base/base64url.h"

namespace codeapi {
namespace {

constexpr std::size_t kKeySize = 32;
constexpr std::size_t kMacLength = 43;  // of 32 bytes in base64url

// Fails only without memory or in an OpenSSL without SHA-256; no key and no MAC may come of that.
void Must(bool ok) {
  if (!ok) std::abort();
}

OSSL_PARAM Octets(const char* name, std::string_view bytes) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(bytes.data()), bytes.size());
}

OSSL_PARAM Digest() {
  static char name[] = "SHA256";
  return OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, name, 0);
}

}  // namespace

std::string DeriveKey(std::string_view secret, std::string_view label) {
  const std::unique_ptr<EVP_KDF, void (*)(EVP_KDF*)> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr),
                                                         EVP_KDF_free);
  Must(kdf != nullptr);
  const std::unique_ptr<EVP_KDF_CTX, void (*)(EVP_KDF_CTX*)> context(EVP_KDF_CTX_new(kdf.get()),
                                                                     EVP_KDF_CTX_free);
  Must(context != nullptr);
  const std::array<OSSL_PARAM, 4> params{Digest(), Octets(OSSL_KDF_PARAM_KEY, secret),
                                         Octets(OSSL_KDF_PARAM_INFO, label), OSSL_PARAM_construct_end()};
  std::string key(kKeySize, '\0');
  Must(EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(key.data()), key.size(),
                      params.data()) == 1);
  return key;
}

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

AnswerMac::AnswerMac(std::string_view internal_token)
    : key_(DeriveKey(internal_token, "codeapi answer v1")) {}

// Lengths keep the parts apart.
std::string AnswerMac::Mac(std::string_view execution, std::uint32_t round, std::string_view answer) const {
  const std::unique_ptr<EVP_MAC, void (*)(EVP_MAC*)> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr),
                                                         EVP_MAC_free);
  Must(mac != nullptr);
  const std::unique_ptr<EVP_MAC_CTX, void (*)(EVP_MAC_CTX*)> context(EVP_MAC_CTX_new(mac.get()),
                                                                     EVP_MAC_CTX_free);
  Must(context != nullptr);
  const std::array<OSSL_PARAM, 2> params{Digest(), OSSL_PARAM_construct_end()};
  Must(EVP_MAC_init(context.get(), reinterpret_cast<const unsigned char*>(key_.data()), key_.size(),
                    params.data()) == 1);
  const auto add = [&](std::string_view bytes) {
    Must(EVP_MAC_update(context.get(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()) ==
         1);
  };
  add(std::to_string(execution.size()) + ":");
  add(execution);
  add(std::to_string(round) + ":");
  add(answer);
  std::array<char, kKeySize> out{};
  std::size_t size = 0;
  Must(EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, out.size()) == 1);
  return EncodeBase64Url({out.data(), size});
}

// `<mac> <answer>`
std::string AnswerMac::Seal(std::string_view execution, std::uint32_t round, std::string_view answer) const {
  std::string out = Mac(execution, round, answer);
  out += ' ';
  out += answer;
  return out;
}

std::optional<std::string> AnswerMac::Open(std::string_view execution, std::uint32_t round,
                                           std::string_view sealed) const {
  if (sealed.size() <= kMacLength || sealed[kMacLength] != ' ') return {};
  const std::string_view answer = sealed.substr(kMacLength + 1);
  if (!EqualInConstantTime(sealed.substr(0, kMacLength), Mac(execution, round, answer))) return {};
  return std::string(answer);
}

}  // namespace codeapi
