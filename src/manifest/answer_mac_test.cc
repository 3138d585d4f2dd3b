#include "manifest/answer_mac.h"

#include <gtest/gtest.h>

#include <string>

#include "base/base64url.h"

namespace codeapi {
namespace {

const AnswerMac kMac("an internal token");

TEST(AnswerMac, LetsItsOwnAnswersThrough) {
  for (const std::string& answer : {std::string("200 1 {}"), std::string(), std::string("a\0b", 3)}) {
    EXPECT_EQ(kMac.Open("execution", 1, kMac.Seal("execution", 1, answer)), answer);
  }
  EXPECT_EQ(kMac.Seal("e", 1, "x"), AnswerMac("an internal token").Seal("e", 1, "x"));
}

TEST(AnswerMac, BindsExecutionRoundAnswerAndToken) {
  const std::string sealed = kMac.Seal("execution", 1, "200 1 {}");
  EXPECT_FALSE(kMac.Open("executioN", 1, sealed));
  EXPECT_FALSE(kMac.Open("execution", 2, sealed));
  EXPECT_FALSE(kMac.Open("execution", 0, sealed));
  EXPECT_FALSE(AnswerMac("another token").Open("execution", 1, sealed));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] ^= 1;
    EXPECT_FALSE(kMac.Open("execution", 1, changed)) << i;
  }
  EXPECT_FALSE(kMac.Open("execution", 1, sealed + " "));
  EXPECT_FALSE(kMac.Open("execution", 1, sealed.substr(0, sealed.size() - 1)));
}

TEST(AnswerMac, KeepsItsPartsApart) {
  EXPECT_NE(kMac.Seal("a", 11, "x").substr(0, 43), kMac.Seal("a1", 1, "x").substr(0, 43));
  EXPECT_NE(kMac.Seal("a", 1, "1:x").substr(0, 43), kMac.Seal("a", 11, ":x").substr(0, 43));
}

TEST(AnswerMac, TakesNoAnswerWithoutOne) {
  for (const std::string& answer : {std::string(), std::string("200 1 {}"), std::string(43, 'A'),
                                    std::string(43, 'A') + " ", std::string(43, 'A') + " 200 1 {}"}) {
    EXPECT_FALSE(kMac.Open("execution", 1, answer)) << answer;
  }
}

// RFC 5869, test case 3 is without salt and label; its first 32 bytes.
TEST(DeriveKey, IsHkdf) {
  const std::string secret(22, '\x0b');
  const auto hex = [](const std::string& bytes) {
    std::string out;
    for (const char c : bytes) {
      constexpr char kHex[] = "0123456789abcdef";
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[c & 15];
    }
    return out;
  };
  EXPECT_EQ(hex(DeriveKey(secret, "")), "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
  EXPECT_NE(DeriveKey(secret, "one"), DeriveKey(secret, "two"));
}

TEST(EqualInConstantTime, ComparesAll) {
  EXPECT_TRUE(EqualInConstantTime("", ""));
  EXPECT_TRUE(EqualInConstantTime("ab", "ab"));
  EXPECT_FALSE(EqualInConstantTime("ab", "aa"));
  EXPECT_FALSE(EqualInConstantTime("ab", "abc"));
}

}  // namespace
}  // namespace codeapi
