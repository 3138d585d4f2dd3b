// The store against a server that behaves, and what it makes of buckets, lists and foreign objects.
#include "store/s3_object_store.h"

#include <gtest/gtest.h>

#include "net/http_client_fixture.h"
#include "store/fake_s3.h"
#include "store/object_store_contract.h"
#include "store/s3_object.h"
#include "store/s3_upload.h"

namespace codeapi {
namespace {

using testing::Await;
using testing::Bytes;
using testing::CodeOf;
using testing::FakeS3;
using testing::Get;
using testing::Put;

class FakeS3Backend {
 public:
  FakeS3Backend() { reopen(); }
  ~FakeS3Backend() { close(); }

  ObjectStore& store() { return *store_; }
  void close() { store_.reset(); }

  void reopen() {
    close();
    auto opened = context_.await(S3ObjectStore::Open(context_.io().get_executor(), s3_.options()));
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }

  static std::vector<std::size_t> sizes() { return {0, 1, 99'999, 100'000, 100'001, 200'000, 1'234'567}; }

 private:
  FakeS3 s3_;
  TestClient context_;
  std::unique_ptr<S3ObjectStore> store_;
};

class S3ObjectStoreTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<S3ObjectStore>> open(S3Options options) {
    return context_.await(S3ObjectStore::Open(context_.io().get_executor(), std::move(options)));
  }

  void open() {
    auto opened = open(s3_.options());
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }

  FakeS3 s3_;
  TestClient context_;
  ObjectKey key_{NewId(), NewId()};
  std::string name_ = key_.session + "/" + key_.id;
  std::unique_ptr<S3ObjectStore> store_;
};

TEST_F(S3ObjectStoreTest, MakesItsBucketIfItMay) {
  s3_.has_bucket = false;
  S3Options options = s3_.options();
  options.create_bucket = false;
  const auto refused = open(options);
  ASSERT_EQ(CodeOf(refused), ErrorCode::kUnavailable);
  EXPECT_NE(refused.error().message.find("no bucket bucket"), std::string::npos);
  options.create_bucket = true;
  options.region = "eu-west-3";
  EXPECT_TRUE(open(options));
  EXPECT_NE(s3_.last_body("put bucket").find("<LocationConstraint>eu-west-3<"), std::string::npos);
  EXPECT_TRUE(open(options));
  EXPECT_EQ(s3_.count("put bucket"), 1);
}

TEST_F(S3ObjectStoreTest, AnothersBucketMadeMeanwhileIsFine) {
  s3_.has_bucket = false;
  s3_.fail("put bucket", {{.status = 409, .body = FakeS3::Error("BucketAlreadyOwnedByYou")}});
  EXPECT_TRUE(open(s3_.options()));
  s3_.fail("put bucket", {{.status = 409, .body = FakeS3::Error("BucketAlreadyExists")}});
  EXPECT_EQ(CodeOf(open(s3_.options())), ErrorCode::kUnavailable);
}

TEST_F(S3ObjectStoreTest, RefusesOptionsThatCannotWork) {
  const auto code = [&](auto change) {
    S3Options options = s3_.options();
    change(options);
    return CodeOf(open(options));
  };
  EXPECT_EQ(code([](S3Options& o) { o.host = "a b"; }), ErrorCode::kInvalid);
  EXPECT_EQ(code([](S3Options& o) { o.host = "http://a/b"; }), ErrorCode::kInvalid);
  EXPECT_EQ(code([](S3Options& o) { o.bucket = "a/../b"; }), ErrorCode::kInvalid);
  EXPECT_EQ(code([](S3Options& o) { o.region = ""; }), ErrorCode::kInvalid);
  EXPECT_EQ(code([](S3Options& o) { o.keys = {}; }), ErrorCode::kInvalid);
  EXPECT_EQ(code([](S3Options& o) { o.retry.attempts = 0; }), ErrorCode::kInvalid);
  EXPECT_EQ(code([](S3Options& o) { o.parallel_stats = 0; }), ErrorCode::kInvalid);
  EXPECT_EQ(code([](S3Options& o) { o.web_identity.emplace(); }), ErrorCode::kInvalid);
}

TEST_F(S3ObjectStoreTest, SendsWhatTheReferenceSends) {
  S3Options options = s3_.options();
  options.keys.session_token = "session token";
  store_ = std::move(*open(options));
  auto writer = Await(store_->create(key_, {"dir/\u1234.txt", "text/plain", true}));
  ASSERT_TRUE(writer && Await((*writer)->write(std::string_view("abc"))) && Await((*writer)->commit()));
  const Headers sent = s3_.last_headers("put");
  EXPECT_EQ(sent.get("Content-Type"), "text/plain");
  EXPECT_EQ(sent.get("X-Amz-Meta-Original-Filename"), "ZGlyL+GItC50eHQ=");
  EXPECT_EQ(sent.get("X-Amz-Meta-Original-Filename-Encoded"), "base64");
  EXPECT_EQ(sent.get("X-Amz-Meta-Read-Only"), "true");
  EXPECT_EQ(sent.get("If-None-Match"), "*");
  EXPECT_EQ(sent.get("X-Amz-Security-Token"), "session token");
  EXPECT_EQ(sent.get("X-Amz-Content-Sha256"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(s3_.data(name_), "abc");
}

TEST_F(S3ObjectStoreTest, ListsComeInPagesWithoutStrangers) {
  open();
  s3_.page = 3;
  std::vector<std::string> ids;
  for (int i = 0; i < 10; ++i) {
    ids.push_back(NewId());
    ASSERT_TRUE(Await(Put(*store_, {key_.session, ids.back()}, "x")));
  }
  std::ranges::sort(ids);
  s3_.put(key_.session + "/not-an-id", "x");
  s3_.put(key_.session + "/" + ids[0] + ".txt", "x");
  s3_.put("strangers/thing", "x");
  s3_.put("!/thing", "x");
  const auto listed = Await(store_->list(key_.session));
  ASSERT_TRUE(listed) << listed.error().message;
  std::vector<std::string> found;
  for (const auto& info : *listed) found.push_back(info.key.id);
  EXPECT_EQ(found, ids);
  std::vector<std::string> sessions{key_.session};
  for (int i = 0; i < 9; ++i) {
    sessions.push_back(NewId());
    ASSERT_TRUE(Await(Put(*store_, {sessions.back(), NewId()}, "x")));
  }
  std::ranges::sort(sessions);
  EXPECT_EQ(*Await(store_->sessions("", 1000)), sessions);
  EXPECT_EQ(*Await(store_->sessions(sessions[4], 3)),
            std::vector(sessions.begin() + 5, sessions.begin() + 8));
}

TEST_F(S3ObjectStoreTest, AnObjectThatGoesWhileItIsListedIsNotListed) {
  open();
  const ObjectKey other{key_.session, NewId()};
  ASSERT_TRUE(Await(Put(*store_, key_, "x")) && Await(Put(*store_, other, "x")));
  s3_.fail("head", {{.status = 404}});
  EXPECT_EQ(Await(store_->list(key_.session))->size(), 1u);
}

TEST_F(S3ObjectStoreTest, ObjectsOfOthersCanBeRead) {
  open();
  s3_.put(name_, "data");
  const auto info = Await(store_->stat(key_));
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->meta, (ObjectMeta{"", "text/plain", false}));
  EXPECT_EQ(info->size, 4u);
  EXPECT_EQ(Await(Get(*store_, key_)), "data");
}

TEST(S3Object, ReadsHeadersAndRefusesNonsense) {
  const ObjectKey key{NewId(), NewId()};
  Headers headers{{"content-length", "5"},
                  {"last-modified", "Wed, 21 Oct 2015 07:28:00 GMT"},
                  {"etag", "W/\"a-1\""},
                  {"content-type", "text/plain"},
                  {"x-amz-meta-original-filename", "YS9i"},
                  {"x-amz-meta-original-filename-encoded", "base64"},
                  {"x-amz-meta-read-only", "True"}};
  const auto info = ParseS3Object(key, headers);
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->etag, "a-1");
  EXPECT_EQ(info->meta, (ObjectMeta{"a/b", "text/plain", true}));
  for (const auto& [name, value] : std::vector<Headers::Field>{{"content-length", "-1"},
                                                               {"content-length", ""},
                                                               {"content-length", "5x"},
                                                               {"last-modified", "yesterday"},
                                                               {"etag", ""},
                                                               {"etag", std::string(200, 'a')},
                                                               {"x-amz-meta-original-filename", "!!!!"},
                                                               {"x-amz-meta-original-filename", "YS9"},
                                                               {"x-amz-meta-original-filename", "/w=="}}) {
    Headers bad = headers;
    bad.set(name, value);
    EXPECT_EQ(CodeOf(ParseS3Object(key, bad)), ErrorCode::kInternal) << name << ": " << value;
  }
  EXPECT_EQ(ParseS3Key(S3Key(key)), key);
  EXPECT_FALSE(ParseS3Key(S3Key(key) + ".txt"));
  EXPECT_FALSE(ParseS3Key(key.session + "/../../etc/passwd/xx"));
}

TEST(S3Upload, TenThousandPartsMakeFiveTebibytes) {
  std::uint64_t total = 0;
  std::size_t before = 0;
  for (int part = 1; part <= 10'000; ++part) {
    const std::size_t size = S3PartSize(8uz << 20, part);
    EXPECT_GE(size, before);
    EXPECT_LE(size, 5uz << 30);
    total += before = size;
  }
  EXPECT_GE(total, 5ull << 40);
  EXPECT_EQ(S3PartSize(8uz << 20, 76), 8uz << 20);
}

}  // namespace

namespace testing {
INSTANTIATE_TYPED_TEST_SUITE_P(FakeS3, ObjectStoreContract, FakeS3Backend);
}  // namespace testing

}  // namespace codeapi
