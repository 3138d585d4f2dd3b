#include "base/base64url.h"

#include <gtest/gtest.h>

#include <set>

namespace codeapi {
namespace {

TEST(Base64Url, KnownAnswers) {
  const std::pair<std::string, std::string> cases[] = {{"", ""},
                                                       {"f", "Zg"},
                                                       {"fo", "Zm8"},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg"},
                                                       {"fooba", "Zm9vYmE"},
                                                       {"\xfb\xff\xfe", "-__-"},
                                                       {std::string(3, '\0'), "AAAA"}};
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(EncodeBase64Url(bytes), text);
    EXPECT_EQ(DecodeBase64Url(text), bytes);
  }
}

TEST(Base64Url, EveryByteComesBack) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    bytes += static_cast<char>(i);
    EXPECT_EQ(DecodeBase64Url(EncodeBase64Url(bytes)), bytes);
  }
}

TEST(Base64Url, OnlyOneSpellingIsAccepted) {
  for (const char* bad : {"Zg==", "Zg=", "Zh", "Zm9", "Zm9v\n", " Zm9v", "Zm 9v", "+/+/", "A", "Zm9vA",
                          "Z\xc3\xa4v", "Zm9vYmF="}) {
    EXPECT_FALSE(DecodeBase64Url(bad)) << bad;
  }
  // Of the 64 texts "A?", four decode: those without stray bits.
  std::set<std::string> decoded;
  for (int c = 0; c < 256; ++c) {
    if (auto bytes = DecodeBase64Url(std::string("A") + static_cast<char>(c))) decoded.insert(*bytes);
  }
  EXPECT_EQ(decoded.size(), 4u);
}

}  // namespace
}  // namespace codeapi
