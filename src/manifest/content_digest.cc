#include "manifest/content_digest.h"

#include <openssl/evp.h>

#include <array>
#include <cstdlib>

#include "base/base64url.h"

namespace codeapi {
namespace {

// Fails only without memory or in an OpenSSL without SHA-256; a wrong digest must never pass for a right one.
void Must(int ok) {
  if (ok != 1) std::abort();
}

}  // namespace

void ContentDigest::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

ContentDigest::ContentDigest() : context_(EVP_MD_CTX_new()) {
  Must(context_ != nullptr);
  Must(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
}

ContentDigest::ContentDigest(ContentDigest&&) noexcept = default;
ContentDigest& ContentDigest::operator=(ContentDigest&&) noexcept = default;
ContentDigest::~ContentDigest() = default;

void ContentDigest::Update(std::string_view bytes) {
  Must(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

std::string ContentDigest::Finish() {
  std::array<char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  Must(EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()), &size));
  return EncodeBase64Url({digest.data(), size});
}

std::string ContentDigest::Of(std::string_view bytes) {
  ContentDigest digest;
  digest.Update(bytes);
  return digest.Finish();
}

}  // namespace codeapi
