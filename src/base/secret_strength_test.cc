#include "base/secret_strength.h"

#include <gtest/gtest.h>

#include <random>

namespace codeapi {
namespace {

std::string Random(std::mt19937& random, std::string_view alphabet, std::size_t length) {
  std::string out;
  for (std::size_t i = 0; i < length; ++i) out += alphabet[random() % alphabet.size()];
  return out;
}

TEST(SecretWeakness, TakesWhatWasGenerated) {
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    EXPECT_EQ(SecretWeakness(Random(random, "0123456789abcdef", 64), {}), "");
    EXPECT_EQ(SecretWeakness(
                  Random(random, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 43), {}),
              "");
    EXPECT_EQ(SecretWeakness(Random(random, "0123456789abcdef", 32), {.bytes = 16, .bits = 48}), "");
  }
}

TEST(SecretWeakness, NamesWhatIsTooShort) {
  EXPECT_EQ(SecretWeakness("", {}), "has less than 32 bytes");
  EXPECT_EQ(SecretWeakness("8f2b1c9d7e6a5f4b3c2d1e0f9a8b7c6", {}), "has less than 32 bytes");
  EXPECT_EQ(SecretWeakness("8f2b1c9d", {.bytes = 16}), "has less than 16 bytes");
}

TEST(SecretWeakness, NamesPlaceholders) {
  for (const char* text :
       {"changeme-5f4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d", "MinioAdmin8f2b1c9d7e6a5f4b3c2d1e0f9a8b7c6",
        "my-super-SECRET-token-for-production-use", "8f2b1c9d7e6a5f4b3c2d1e0f9a8b-example-c6"})
    EXPECT_EQ(SecretWeakness(text, {}), "is a placeholder from an example") << text;
}

TEST(SecretWeakness, NamesWhatIsNotRandom) {
  const std::string guessed = "can be guessed: it is not random";
  EXPECT_EQ(SecretWeakness(std::string(64, 'x'), {}), guessed);
  EXPECT_EQ(SecretWeakness("abcdefghijklmnopqrstuvwxyz0123456789", {}), guessed);
  EXPECT_EQ(SecretWeakness("0123456789abcdef0123456789abcdef", {}), guessed);
  EXPECT_EQ(SecretWeakness("dev-token-dev-token-dev-token-dev-token", {}), guessed);
  EXPECT_EQ(SecretWeakness("aaaabbbbccccddddaaaabbbbccccdddd", {}), guessed);
  EXPECT_EQ(SecretWeakness(std::string(40, '\0'), {}), guessed);
}

}  // namespace
}  // namespace codeapi
