#include "base/log_hash.h"

#include <openssl/sha.h>

#include <array>

namespace codeapi {

std::string LogHash(std::string_view text) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  constexpr std::size_t kLength = 16;
  if (text.empty()) return {};
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string out;
  for (std::size_t i = 0; out.size() < kLength; i += 3) {
    const unsigned bits = digest[i] << 16u | digest[i + 1] << 8u | digest[i + 2];
    for (const int shift : {18, 12, 6, 0}) out += kAlphabet[bits >> shift & 63u];
  }
  return out;
}

}  // namespace codeapi
