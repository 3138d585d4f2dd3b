#include "store/aws_sigv4.h"

#include <gtest/gtest.h>

namespace codeapi {
namespace {

std::string SignatureOf(const AwsRequest& request, const AwsCredentials& credentials, const AwsScope& scope) {
  const std::string value = AwsAuthorization(request, credentials, scope);
  return value.substr(value.find("Signature=") + 10);
}

// The examples of Amazon's S3 manual, "Signature Calculations for the Authorization Header".
class S3Examples : public ::testing::Test {
 protected:
  std::string sign(AwsRequest request) {
    request.headers.add("Host", "examplebucket.s3.amazonaws.com");
    request.headers.add("x-amz-content-sha256", request.payload_hash);
    request.headers.add("X-Amz-Date", "20130524T000000Z");
    return SignatureOf(request, keys_, {"us-east-1", "s3"});
  }

  AwsCredentials keys_{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
};

TEST_F(S3Examples, GetObject) {
  EXPECT_EQ(sign({.method = "GET",
                  .path = "/test.txt",
                  .headers = {{"Range", "bytes=0-9"}},
                  .payload_hash = std::string(kAwsEmptyPayload)}),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST_F(S3Examples, PutObject) {
  EXPECT_EQ(sign({.method = "PUT",
                  .path = "/" + AwsEncode("test$file.text", true),
                  .headers = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                              {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                  .payload_hash = Sha256Hex(std::string_view("Welcome to Amazon S3."))}),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST_F(S3Examples, GetBucketLifecycle) {
  EXPECT_EQ(
      sign({.method = "GET", .query = {{"lifecycle", ""}}, .payload_hash = std::string(kAwsEmptyPayload)}),
      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST_F(S3Examples, ListObjects) {
  EXPECT_EQ(sign({.method = "GET",
                  .query = {{"prefix", "J"}, {"max-keys", "2"}},
                  .payload_hash = std::string(kAwsEmptyPayload)}),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

// Those of Amazon's aws4_testsuite that S3 does not see differently.
class Aws4TestSuite : public ::testing::Test {
 protected:
  std::string sign(AwsRequest request, std::string_view body = "") {
    request.headers.add("Host", "example.amazonaws.com");
    request.headers.add("X-Amz-Date", "20150830T123600Z");
    request.payload_hash = Sha256Hex(body);
    return SignatureOf(request, keys_, {"us-east-1", "service"});
  }

  AwsCredentials keys_{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
};

TEST_F(Aws4TestSuite, Vanilla) {
  EXPECT_EQ(sign({.method = "GET"}), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  EXPECT_EQ(sign({.method = "POST"}), "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
}

TEST_F(Aws4TestSuite, Queries) {
  EXPECT_EQ(sign({.method = "GET", .query = {{"Param1", "value1"}}}),
            "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb");
  EXPECT_EQ(sign({.method = "GET", .query = {{"Param2", "value2"}, {"Param1", "value1"}}}),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
}

TEST_F(Aws4TestSuite, Paths) {
  const std::string unreserved = "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  EXPECT_EQ(sign({.method = "GET", .path = AwsEncode(unreserved, true)}),
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f");
  EXPECT_EQ(sign({.method = "GET", .path = AwsEncode("/\u1234", true)}),
            "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");
}

TEST_F(Aws4TestSuite, HeaderValuesAreTrimmed) {
  EXPECT_EQ(sign({.method = "GET", .headers = {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}}),
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
}

TEST_F(Aws4TestSuite, Forms) {
  EXPECT_EQ(sign({.method = "POST", .headers = {{"Content-Type", "application/x-www-form-urlencoded"}}},
                 "Param1=value1"),
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
}

TEST(AwsSigV4, SaysWhatWasSigned) {
  const AwsRequest request{.method = "GET",
                           .headers = {{"X-Amz-Date", "20150830T123600Z"}, {"Host", "h"}},
                           .payload_hash = std::string(kAwsUnsignedPayload)};
  EXPECT_TRUE(AwsAuthorization(request, {"KEY", "secret", ""}, {"eu-west-3", "s3"})
                  .starts_with("AWS4-HMAC-SHA256 Credential=KEY/20150830/eu-west-3/s3/aws4_request,"
                               "SignedHeaders=host;x-amz-date,Signature="));
}

TEST(AwsSigV4, EncodesAndSortsQueries) {
  EXPECT_EQ(AwsQueryString({{"b", "2"}, {"a", "1 +/"}, {"a", ""}, {"a-", "\xC3\xA9"}}),
            "a=&a=1%20%2B%2F&a-=%C3%A9&b=2");
  EXPECT_EQ(AwsQueryString({}), "");
}

TEST(AwsSigV4, WritesTimesInUtc) {
  EXPECT_EQ(AwsTime(std::chrono::sys_seconds(std::chrono::seconds(1369353600))), "20130524T000000Z");
}

}  // namespace
}  // namespace codeapi
