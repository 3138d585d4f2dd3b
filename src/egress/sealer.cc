#include "egress/sealer.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <cstdlib>
#include <limits>
#include <vector>

#include "base/base64url.h"

namespace codeapi {
namespace {

constexpr std::string_view kRootLabel = "codeapi-egress-grant:v1";
constexpr std::string_view kPrefix = "ceg1.";
constexpr std::size_t kSalt = 12;
constexpr std::size_t kNonce = 12;
constexpr std::size_t kTag = 16;
constexpr std::size_t kMaxText = 1u << 20;

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* Bytes(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

// Sizes here are bounded by kMaxText.
int Size(std::string_view text) {
  return static_cast<int>(text.size());
}

// Without memory or a working library nothing can be sealed, and nothing may go on unsealed.
void Need(bool done) {
  if (!done) std::abort();
}

}  // namespace

Result<Sealer> Sealer::Make(std::string_view secret) {
  if (secret.size() < kMinSecret)
    return Fail(ErrorCode::kInvalid, "must have at least " + std::to_string(kMinSecret) + " bytes");
  Key root{};
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr),
                                                              EVP_KDF_free);
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(EVP_KDF_CTX_new(kdf.get()),
                                                                          EVP_KDF_CTX_free);
  std::string digest = "SHA256", key(secret), info(kRootLabel);
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), digest.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key.data(), key.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
      OSSL_PARAM_construct_end()};
  std::shared_ptr<EVP_CIPHER> cipher(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr), EVP_CIPHER_free);
  if (!kdf || !context || !cipher || EVP_KDF_derive(context.get(), root.data(), root.size(), params) != 1)
    return Fail(ErrorCode::kInternal, "cannot be used: OpenSSL has no HKDF or AES-256-GCM");
  return Sealer(root, std::move(cipher));
}

// HKDF's second half, of which one block is all that is needed.
Sealer::Key Sealer::KeyOf(std::string_view salt) const {
  Key key{};
  std::string info(salt);
  info += '\1';
  unsigned size = 0;
  Need(HMAC(EVP_sha256(), root_.data(), static_cast<int>(root_.size()), Bytes(std::string_view(info)),
            info.size(), key.data(), &size) != nullptr &&
       size == key.size());
  return key;
}

std::string Sealer::Seal(std::string_view label, std::string_view text) const {
  Need(text.size() <= kMaxText && label.size() <= kMaxText);
  std::string random(kSalt + kNonce, '\0'), sealed(text.size(), '\0'), tag(kTag, '\0');
  Need(RAND_bytes(Bytes(random), Size(random)) == 1);
  const Key key = KeyOf(std::string_view(random).substr(0, kSalt));
  const Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int size = 0;
  Need(context && EVP_EncryptInit_ex2(context.get(), cipher_.get(), key.data(),
                                      Bytes(std::string_view(random).substr(kSalt)), nullptr) == 1);
  Need(EVP_EncryptUpdate(context.get(), nullptr, &size, Bytes(label), Size(label)) == 1);
  Need(text.empty() || EVP_EncryptUpdate(context.get(), Bytes(sealed), &size, Bytes(text), Size(text)) == 1);
  Need(EVP_EncryptFinal_ex(context.get(), Bytes(tag), &size) == 1);
  Need(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTag, tag.data()) == 1);
  return std::string(kPrefix) + EncodeBase64Url(random) + '.' + EncodeBase64Url(sealed) + '.' +
         EncodeBase64Url(tag);
}

std::optional<std::string> Sealer::Open(std::string_view label, std::string_view sealed) const {
  if (!sealed.starts_with(kPrefix) || sealed.size() > 2 * kMaxText) return {};
  sealed.remove_prefix(kPrefix.size());
  const std::size_t first = sealed.find('.');
  const std::size_t second = first == std::string_view::npos ? first : sealed.find('.', first + 1);
  if (second == std::string_view::npos) return {};
  // A fourth part would show in the tag, which base64url has no dot for.
  const auto random = DecodeBase64Url(sealed.substr(0, first));
  auto text = DecodeBase64Url(sealed.substr(first + 1, second - first - 1));
  auto tag = DecodeBase64Url(sealed.substr(second + 1));
  if (!random || !text || !tag || random->size() != kSalt + kNonce || tag->size() != kTag) return {};
  const Key key = KeyOf(std::string_view(*random).substr(0, kSalt));
  const Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  std::string opened(text->size(), '\0');
  unsigned char rest[kTag];
  int size = 0;
  Need(context && EVP_DecryptInit_ex2(context.get(), cipher_.get(), key.data(),
                                      Bytes(std::string_view(*random).substr(kSalt)), nullptr) == 1);
  Need(EVP_DecryptUpdate(context.get(), nullptr, &size, Bytes(label), Size(label)) == 1);
  Need(text->empty() || EVP_DecryptUpdate(context.get(), Bytes(opened), &size, Bytes(std::string_view(*text)),
                                          Size(*text)) == 1);
  Need(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTag, tag->data()) == 1);
  if (EVP_DecryptFinal_ex(context.get(), rest, &size) != 1) return {};
  return opened;
}

}  // namespace codeapi
