#include "store/s3_options.h"

#include <gtest/gtest.h>

namespace codeapi {
namespace {

S3Address Resolve(const S3Options& options) {
  auto address = ResolveS3Address(options);
  EXPECT_TRUE(address);
  return address.value_or(S3Address{});
}

TEST(S3Options, OthersServersHaveTheBucketInThePath) {
  const S3Address address = Resolve({.host = "minio", .port = 9000, .bucket = "files"});
  EXPECT_EQ(address.base, "http://minio:9000");
  EXPECT_EQ(address.host, "minio:9000");
  EXPECT_EQ(address.prefix, "/files");
  EXPECT_FALSE(address.amazon);
}

TEST(S3Options, AmazonHasItInTheName) {
  S3Address address =
      Resolve({.host = "s3.eu-west-3.amazonaws.com", .port = 443, .use_ssl = true, .bucket = "files"});
  EXPECT_EQ(address.base, "https://files.s3.eu-west-3.amazonaws.com");
  EXPECT_EQ(address.prefix, "");
  EXPECT_TRUE(address.amazon);
  address = Resolve(
      {.host = "s3.amazonaws.com", .port = 0, .use_ssl = true, .bucket = "a.b", .region = "eu-west-3"});
  EXPECT_EQ(address.base, "https://s3.eu-west-3.amazonaws.com");
  EXPECT_EQ(address.prefix, "/a.b");
}

TEST(S3Options, AddressingCanBeSaid) {
  EXPECT_EQ(
      Resolve({.host = "minio", .port = 80, .bucket = "files", .addressing = S3Addressing::kVirtualHost})
          .base,
      "http://files.minio");
  EXPECT_EQ(
      Resolve({.host = "s3.amazonaws.com", .port = 0, .bucket = "files", .addressing = S3Addressing::kPath})
          .prefix,
      "/files");
}

TEST(S3Options, ComeFromTheSettings) {
  Settings settings;
  settings.s3_endpoint = "minio";
  settings.s3_no_port = true;
  settings.s3_access_key = "a";
  settings.s3_secret_key = "b";
  settings.s3_session_token = "c";
  settings.s3_ca_file = "/ca.pem";
  S3Options options = MakeS3Options(settings);
  EXPECT_EQ(options.host, "minio");
  EXPECT_EQ(options.port, 0);
  EXPECT_EQ(options.keys, (AwsCredentials{"a", "b", "c"}));
  EXPECT_EQ(options.http.ca_file, "/ca.pem");
  EXPECT_EQ(options.bucket, "test-bucket");
  EXPECT_FALSE(options.web_identity);
  settings.aws_web_identity_token_file = "/token";
  EXPECT_FALSE(MakeS3Options(settings).web_identity);
  settings.aws_role_arn = "arn";
  settings.s3_region = "eu-west-3";
  options = MakeS3Options(settings);
  ASSERT_TRUE(options.web_identity);
  EXPECT_EQ(options.web_identity->sts_url, "https://sts.eu-west-3.amazonaws.com");
  settings.aws_sts_endpoint = "http://sts:1";
  EXPECT_EQ(MakeS3Options(settings).web_identity->sts_url, "http://sts:1");
}

}  // namespace
}  // namespace codeapi
