#include "base/secret_strength.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "base/text.h"

namespace codeapi {
namespace {

// Of six letters and more, or a random secret would contain one now and then.
constexpr std::string_view kPlaceholders[] = {
    "changeme", "change-me",  "change_me", "password", "passw0rd",   "secret",  "default",
    "example",  "minioadmin", "insecure",  "replace",  "your-token", "letmein", "qwerty",
};

// The shortest text that, repeated, makes the whole.
std::string_view Period(std::string_view text) {
  for (std::size_t length = 1; length <= text.size() / 2; ++length) {
    if (text.substr(length) == text.substr(0, text.size() - length)) return text.substr(0, length);
  }
  return text;
}

// "abcdef", "98765": bytes whose distance to the one before is the distance before it.
bool IsRun(std::string_view text) {
  std::size_t continued = 0;
  for (std::size_t i = 2; i < text.size(); ++i) {
    const int last = text[i] - text[i - 1];
    if (std::abs(last) <= 1 && last == text[i - 1] - text[i - 2]) ++continued;
  }
  return 2 * continued > text.size();
}

double EstimatedBits(std::string_view text) {
  std::array<std::size_t, 256> counts{};
  for (const char c : text) ++counts[static_cast<unsigned char>(c)];
  const auto size = static_cast<double>(text.size());
  double bits = 0;
  for (const std::size_t count : counts) {
    if (count > 0) bits -= static_cast<double>(count) * std::log2(static_cast<double>(count) / size);
  }
  return bits;
}

}  // namespace

std::string SecretWeakness(std::string_view secret, const SecretDemand& demand) {
  if (secret.size() < demand.bytes) return "has less than " + std::to_string(demand.bytes) + " bytes";
  const std::string lower = AsciiLower(secret);
  if (std::ranges::any_of(kPlaceholders,
                          [&](std::string_view word) { return lower.find(word) != lower.npos; }))
    return "is a placeholder from an example";
  const std::string_view period = Period(secret);
  if (IsRun(period) || EstimatedBits(period) < demand.bits) return "can be guessed: it is not random";
  return "";
}

}  // namespace codeapi
