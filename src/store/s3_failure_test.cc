// Servers that refuse, vanish, dawdle and babble: an object is stored or its loss reported, never half of
// either.
#include <gtest/gtest.h>

#include "net/http_client_fixture.h"
#include "net/raw_peer.h"
#include "store/fake_s3.h"
#include "store/object_store_testing.h"
#include "store/s3_object_store.h"
#include "store/testing.h"

namespace codeapi {
namespace {

using namespace std::chrono_literals;
using testing::Await;
using testing::Bytes;
using testing::CodeOf;
using testing::FakeS3;
using testing::Get;
using testing::Put;

const FakeS3::Fault kSlowDown{.status = 503, .body = FakeS3::Error("SlowDown")};
const FakeS3::Fault kInternalError{.status = 500, .body = FakeS3::Error("InternalError")};
const FakeS3::Fault kCut{.truncate = true};
const FakeS3::Fault kDoneButCut{.act = true, .truncate = true};

class S3FailureTest : public ::testing::Test {
 protected:
  S3FailureTest() { open(s3_.options()); }

  void open(S3Options options) {
    store_.reset();
    auto opened = context_.await(S3ObjectStore::Open(context_.io().get_executor(), std::move(options)));
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }

  Result<ObjectInfo> put(const std::string& data) { return Await(Put(*store_, key_, data)); }
  Result<std::string> get() { return Await(Get(*store_, key_)); }

  FakeS3 s3_;
  TestClient context_;
  ObjectKey key_{NewId(), NewId()};
  std::string name_ = key_.session + "/" + key_.id;
  std::string large_ = Bytes(345'678);
  std::unique_ptr<S3ObjectStore> store_;
};

TEST_F(S3FailureTest, PassingTroubleIsWaitedOut) {
  s3_.fail("head", {kSlowDown});
  s3_.fail("put", {kSlowDown, kInternalError, kCut});
  ASSERT_TRUE(put("abc"));
  EXPECT_EQ(s3_.count("put"), 4);
  s3_.fail("get", {kInternalError, {.status = 429}});
  EXPECT_EQ(get(), "abc");
  s3_.fail("list", {kCut, {.status = 200, .body = "<html><br></html>"}});
  EXPECT_EQ(Await(store_->list(key_.session))->size(), 1u);
  s3_.fail("delete", {kDoneButCut});
  EXPECT_TRUE(Await(store_->remove(key_)));
  EXPECT_EQ(s3_.data(name_), std::nullopt);
}

TEST_F(S3FailureTest, LastingTroubleIsReported) {
  s3_.fail("put", {kSlowDown, kSlowDown, kSlowDown, kSlowDown});
  const auto failed = put("abc");
  ASSERT_EQ(CodeOf(failed), ErrorCode::kUnavailable);
  EXPECT_NE(failed.error().message.find("put " + name_ + " was answered 503 SlowDown"), std::string::npos)
      << failed.error().message;
  EXPECT_EQ(failed.error().message.find("secret"), std::string::npos);
  EXPECT_EQ(s3_.count("put"), 4);
  EXPECT_EQ(s3_.data(name_), std::nullopt);
  s3_.wait_for("head", 2);  // before the attempt, and a look behind it
  for (const std::string operation : {"get", "head", "list"}) {
    s3_.fail(operation, {kInternalError, kInternalError, kInternalError, kInternalError});
  }
  EXPECT_EQ(CodeOf(get()), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(Await(store_->stat(key_))), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(Await(store_->list(key_.session))), ErrorCode::kUnavailable);
}

TEST_F(S3FailureTest, RefusalsAreNotRepeated) {
  s3_.fail("put", {{.status = 403, .body = FakeS3::Error("AccessDenied")}});
  EXPECT_EQ(CodeOf(put("abc")), ErrorCode::kUnavailable);
  s3_.fail("put", {{.status = 400, .body = FakeS3::Error("InvalidArgument")}});
  EXPECT_EQ(CodeOf(put("abc")), ErrorCode::kInternal);
  s3_.fail("put", {{.status = 301, .body = FakeS3::Error("PermanentRedirect")}});
  EXPECT_EQ(CodeOf(put("abc")), ErrorCode::kUnavailable);
  EXPECT_EQ(s3_.count("put"), 3);
  s3_.fail("head bucket", {{.status = 403}});
  EXPECT_EQ(CodeOf(Await(store_->check())), ErrorCode::kUnavailable);
  s3_.has_bucket = false;
  EXPECT_EQ(CodeOf(get()), ErrorCode::kUnavailable);  // not kNotFound: nobody knows what the bucket held
}

TEST_F(S3FailureTest, AnAnswerThatGotLostIsNoConflict) {
  for (const bool conditions : {true, false}) {
    s3_.conditions = conditions;
    for (const std::string& data : {std::string("abc"), large_}) {
      key_.id = NewId();
      s3_.fail("put", {kDoneButCut});
      s3_.fail("complete", {kDoneButCut});
      const auto stored = put(data);
      ASSERT_TRUE(stored) << stored.error().message;
      EXPECT_TRUE(get() == data);
      EXPECT_EQ(s3_.uploads(), 0u);
    }
  }
}

TEST_F(S3FailureTest, AnotherWriterInBetweenIsAConflict) {
  for (const std::string& data : {std::string("abc"), large_}) {
    key_.id = NewId();
    name_ = key_.session + "/" + key_.id;
    const FakeS3::Fault meanwhile{.status = 0, .before = [this] { s3_.put(name_, "other"); }};
    s3_.fail(data == large_ ? "complete" : "put", {meanwhile});
    EXPECT_EQ(CodeOf(put(data)), ErrorCode::kConflict);
    EXPECT_EQ(s3_.data(name_), "other");
  }
  s3_.wait_for("abort", 1);
  EXPECT_EQ(s3_.uploads(), 0u);
}

TEST_F(S3FailureTest, AServerWithoutConditionsIsAskedBefore) {
  s3_.conditions = false;
  ASSERT_TRUE(put("first"));
  EXPECT_EQ(CodeOf(put("second")), ErrorCode::kConflict);
  EXPECT_EQ(s3_.data(name_), "first");
}

TEST_F(S3FailureTest, AServerThatRefusesConditionsIsNotGivenAny) {
  s3_.fail("put", {{.status = 501, .body = FakeS3::Error("NotImplemented")}});
  ASSERT_TRUE(put("first"));
  EXPECT_FALSE(s3_.last_headers("put").has("If-None-Match"));
  key_.id = NewId();
  ASSERT_TRUE(put("first"));
  EXPECT_FALSE(s3_.last_headers("put").has("If-None-Match"));
  EXPECT_EQ(s3_.count("put"), 3);
  EXPECT_EQ(CodeOf(put("second")), ErrorCode::kConflict);
}

TEST_F(S3FailureTest, SuccessWithAnErrorInsideIsNoSuccess) {
  const FakeS3::Fault inside{.status = 200, .body = FakeS3::Error("InternalError")};
  s3_.fail("complete", {inside});
  ASSERT_TRUE(put(large_));
  EXPECT_TRUE(get() == large_);
  key_.id = NewId();
  s3_.fail("complete", {inside, inside, inside, inside});
  EXPECT_EQ(CodeOf(put(large_)), ErrorCode::kUnavailable);
  s3_.wait_for("abort", 1);
  EXPECT_EQ(s3_.uploads(), 0u);
  EXPECT_EQ(CodeOf(get()), ErrorCode::kNotFound);
  s3_.fail("complete", {{.status = 200, .body = FakeS3::Error("InvalidPart")}});
  EXPECT_EQ(CodeOf(put(large_)), ErrorCode::kUnavailable);
}

TEST_F(S3FailureTest, PartsThatFailEndTheUpload) {
  s3_.fail("part", {kSlowDown, kCut});
  ASSERT_TRUE(put(large_));
  EXPECT_TRUE(get() == large_);
  key_.id = NewId();
  s3_.fail("part", {{.status = 0}, kSlowDown, kSlowDown, kSlowDown, kSlowDown});
  EXPECT_EQ(CodeOf(put(large_)), ErrorCode::kUnavailable);
  s3_.wait_for("abort", 1);
  EXPECT_EQ(s3_.uploads(), 0u);
  s3_.fail("part", {{.status = 404, .body = FakeS3::Error("NoSuchUpload")}});
  EXPECT_EQ(CodeOf(put(large_)), ErrorCode::kUnavailable);
}

TEST_F(S3FailureTest, GarbageInsteadOfAnUploadIdIsReported) {
  const FakeS3::Fault garbage{.status = 200, .body = "]]>&"};
  s3_.fail("begin", {garbage, garbage, garbage, garbage});
  EXPECT_EQ(CodeOf(put(large_)), ErrorCode::kUnavailable);
  s3_.fail("begin", {{.status = 200, .body = "<InitiateMultipartUploadResult/>"}});
  EXPECT_EQ(CodeOf(put(large_)), ErrorCode::kUnavailable);
  EXPECT_EQ(s3_.count("part"), 0);
}

TEST_F(S3FailureTest, AnAbandonedWriterAbortsItsUpload) {
  auto writer = Await(store_->create(key_, {}));
  ASSERT_TRUE(writer && Await((*writer)->write(large_)));
  EXPECT_EQ(s3_.uploads(), 1u);
  writer->reset();
  s3_.wait_for("abort", 1);
  EXPECT_EQ(s3_.uploads(), 0u);
}

TEST_F(S3FailureTest, WhatWasStoredBehindAnErrorIsRemovedAgain) {
  s3_.conditions = false;
  s3_.fail("put", {kDoneButCut, kDoneButCut, kDoneButCut, kDoneButCut});
  EXPECT_EQ(CodeOf(put("abc")), ErrorCode::kUnavailable);
  s3_.wait_for("delete", 1);
  EXPECT_EQ(s3_.data(name_), std::nullopt);
}

TEST_F(S3FailureTest, ABodyCutShortIsNeverAShortSuccess) {
  ASSERT_TRUE(put(large_));
  s3_.fail("get", {{.body = std::string(1000, 'x'), .truncate = true}});
  const auto cut = get();
  ASSERT_EQ(CodeOf(cut), ErrorCode::kInternal);
  EXPECT_NE(cut.error().message.find("cut short"), std::string::npos);
  EXPECT_TRUE(get() == large_);
}

TEST_F(S3FailureTest, ListsThatMakeNoSenseAreReported) {
  ASSERT_TRUE(put("abc"));
  for (const std::string garbage :
       {"<Other/>", "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"}) {
    s3_.fail("list", {{.status = 200, .body = garbage}});
    EXPECT_EQ(CodeOf(Await(store_->list(key_.session))), ErrorCode::kUnavailable) << garbage;
    s3_.fail("list", {{.status = 200, .body = garbage}});
    EXPECT_EQ(CodeOf(Await(store_->sessions("", 10))), ErrorCode::kUnavailable) << garbage;
  }
}

TEST_F(S3FailureTest, AVanishedServerIsUnavailable) {
  auto writer = Await(store_->create(key_, {}));
  ASSERT_TRUE(writer && Await((*writer)->write(large_)));
  const ObjectKey other{key_.session, NewId()};
  ASSERT_TRUE(Await(Put(*store_, other, "abc")));
  S3Options options = s3_.options();
  s3_.stop();
  EXPECT_EQ(CodeOf(Await((*writer)->commit())), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(Await(Put(*store_, key_, "abc"))), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(Await(store_->open(other))), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(Await(store_->stat(other))), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(Await(store_->remove(other))), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(Await(store_->list(key_.session))), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(Await(store_->sessions("", 10))), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(Await(store_->check())), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(context_.await(S3ObjectStore::Open(context_.io().get_executor(), options))),
            ErrorCode::kUnavailable);
}

TEST_F(S3FailureTest, ASilentServerIsUnavailable) {
  RawPeer silent([](RawPeer::Connection& connection) { connection.drain(); });
  S3Options options = s3_.options();
  options.port = silent.port();
  options.retry.attempts = 2;
  options.http.idle_timeout = 50ms;
  EXPECT_EQ(CodeOf(context_.await(S3ObjectStore::Open(context_.io().get_executor(), options))),
            ErrorCode::kUnavailable);
  EXPECT_EQ(silent.accepted(), 2);
}

TEST_F(S3FailureTest, TheTimeOfAllAttemptsIsBounded) {
  RawPeer silent([](RawPeer::Connection& connection) { connection.drain(); });
  S3Options options = s3_.options();
  options.port = silent.port();
  options.retry.total = 200ms;
  EXPECT_EQ(CodeOf(context_.await(S3ObjectStore::Open(context_.io().get_executor(), options))),
            ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace codeapi
