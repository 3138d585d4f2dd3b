#include "jail/digest.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

namespace codeapi {
namespace {

const DigestKey& Key() {
  static const DigestKey key;
  return key;
}

Digest Of(const std::string& text, const DigestKey& key = Key()) {
  InputDigest digest(key);
  digest.Update(text.data(), text.size());
  return digest.Finish();
}

std::string Noise(std::size_t size) {
  std::mt19937_64 engine(size);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(engine());
  return out;
}

TEST(InputDigest, HowTheBytesAreCutDoesNotMatter) {
  for (const std::size_t size : {0, 1, 1000, 1023, 1024, 1025, 2048, 10'000}) {
    const std::string text = Noise(size);
    for (const std::size_t part : {1, 7, 125, 1000, 1024, 4096}) {
      InputDigest parts(Key());
      for (std::size_t i = 0; i < text.size(); i += part) {
        const std::string_view piece = std::string_view(text).substr(i, part);
        parts.Update(piece.data(), piece.size());
      }
      EXPECT_EQ(parts.Finish(), Of(text)) << size << " in parts of " << part;
    }
  }
}

TEST(InputDigest, EveryBitCounts) {
  std::string text = Noise(2500);
  std::set<Digest> seen{Of(text)};
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << bit % 8));
    EXPECT_TRUE(seen.insert(Of(text)).second) << "bit " << bit;
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << bit % 8));
  }
}

TEST(InputDigest, SoDoLengthAndOrder) {
  std::set<Digest> seen;
  for (std::size_t size = 0; size < 3000; ++size)
    EXPECT_TRUE(seen.insert(Of(std::string(size, '\0'))).second);
  const std::string a = Noise(1024), b(1024, 'b');
  EXPECT_NE(Of(a + b), Of(b + a));
  EXPECT_NE(Of(a + b + b), Of(b + a + b));
  EXPECT_NE(Of(std::string(8, 'x') + std::string(8, 'y')), Of(std::string(8, 'y') + std::string(8, 'x')));
}

// Or a program could compute what collides.
TEST(InputDigest, EachKeyGivesAnother) {
  const DigestKey other;
  EXPECT_NE(Of("text"), Of("text", other));
}

// The largest sums that there can be: every word and every coefficient at its end.
TEST(InputDigest, StaysBelowThePrime) {
  const Digest digest = Of(std::string(1 << 20, '\xff'));
  for (const std::uint64_t part : digest) EXPECT_LT(part, (std::uint64_t{1} << 61) - 1);
}

}  // namespace
}  // namespace codeapi
