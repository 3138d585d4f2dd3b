#include "jail/digest.h"

#include <gtest/gtest.h>

#include <string>

namespace codeapi {
namespace {

std::string Hex(const Digest& digest) {
  std::string out;
  for (const std::uint8_t byte : digest) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

// FIPS 180-4's examples.
TEST(CellDigest, IsSha256) {
  EXPECT_EQ(Hex(InitSha256().Finish()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  InitSha256 abc;
  abc.Update("abc", 3);
  EXPECT_EQ(Hex(abc.Finish()), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(CellDigest, HowTheBytesAreCutDoesNotMatter) {
  const std::string text(1000, 'a');
  InitSha256 whole, parts;
  whole.Update(text.data(), text.size());
  for (std::size_t i = 0; i < text.size(); i += 125) parts.Update(text.data() + i, 125);
  EXPECT_EQ(whole.Finish(), parts.Finish());
}

}  // namespace
}  // namespace codeapi
