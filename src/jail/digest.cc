#define OPENSSL_SUPPRESS_DEPRECATED
#include "jail/digest.h"

#include <openssl/sha.h>

#include <new>

namespace codeapi {
namespace {

SHA256_CTX* Context(std::array<std::uint8_t, 128>& state) {
  static_assert(sizeof(SHA256_CTX) <= 128 && alignof(SHA256_CTX) <= 8);
  return std::launder(reinterpret_cast<SHA256_CTX*>(state.data()));
}

}  // namespace

InitSha256::InitSha256() {
  new (state_.data()) SHA256_CTX;
  SHA256_Init(Context(state_));
}

void InitSha256::Update(const void* data, std::size_t size) {
  SHA256_Update(Context(state_), data, size);
}

Digest InitSha256::Finish() {
  Digest out;
  SHA256_Final(out.data(), Context(state_));
  return out;
}

}  // namespace codeapi
