// SHA-256 for the cell init: decides whether an input was changed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace codeapi {

using Digest = std::array<std::uint8_t, 32>;

/// Incremental SHA-256, apart from the services' Sha256 (store/sha256.h): one name for both would be one
/// symbol. Uses OpenSSL's low-level functions: the EVP interface would pull the whole provider machinery into
/// init, which is static and wants to stay tiny.
class InitSha256 {
 public:
  InitSha256();
  void Update(const void* data, std::size_t size);
  Digest Finish();

 private:
  alignas(8) std::array<std::uint8_t, 128> state_;  // SHA256_CTX, kept out of this header
};

}  // namespace codeapi
