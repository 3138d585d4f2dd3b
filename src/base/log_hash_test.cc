#include "base/log_hash.h"

#include <gtest/gtest.h>

namespace codeapi {
namespace {

TEST(LogHash, IsTheBeginningOfTheDigestInBase64Url) {
  // printf abc | openssl sha256 -binary | basenc --base64url | cut -c-16
  EXPECT_EQ(LogHash("abc"), "ungWv48Bz-pBQUDe");
  EXPECT_EQ(LogHash(""), "");
}

}  // namespace
}  // namespace codeapi
