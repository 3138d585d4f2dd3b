#include "store/sha256.h"

#include <openssl/evp.h>

#include <array>
#include <cstdlib>

namespace codeapi {
namespace {

// Fails only without memory or in an OpenSSL without SHA-256; a wrong digest must never be taken for a right
// one.
void Must(int ok) {
  if (ok != 1) std::abort();
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  Must(context_ != nullptr);
  Must(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
}

Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(std::span<const char> data) {
  Must(EVP_DigestUpdate(context_.get(), data.data(), data.size()));
}

std::string Sha256::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  Must(EVP_DigestFinal_ex(context_.get(), digest.data(), &size));
  constexpr char kHex[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(size * 2);
  for (unsigned int i = 0; i < size; ++i) {
    hex.push_back(kHex[digest[i] >> 4]);
    hex.push_back(kHex[digest[i] & 15]);
  }
  return hex;
}

}  // namespace codeapi
