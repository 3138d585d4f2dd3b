#include "base/ids.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstdlib>

namespace codeapi {
namespace {

// 64 characters, so six bits of a random byte pick one without bias.
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
static_assert(kAlphabet.size() == 64);

}  // namespace

std::string NewId() {
  std::array<unsigned char, kIdLength> random{};
  // Up to 256 bytes arrive whole once the kernel's generator is seeded; only a signal can interrupt the wait
  // for it.
  while (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    if (errno != EINTR) std::abort();  // no kernel without getrandom can make a cell either
  }
  std::string id(kIdLength, '\0');
  for (std::size_t i = 0; i < kIdLength; ++i) id[i] = kAlphabet[random[i] & 63];
  return id;
}

bool IsId(std::string_view text) {
  return text.size() == kIdLength && text.find_first_not_of(kAlphabet) == std::string_view::npos;
}

}  // namespace codeapi
