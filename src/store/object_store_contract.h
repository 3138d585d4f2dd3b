// What every ObjectStore has to do, as a suite to instantiate over a type with
//
//   ObjectStore& store();                          // empty at first
//   void close();                                  // destroys the store
//   void reopen();                                 // ends the store and starts it again on the same data
//   static std::vector<std::size_t> sizes();       // of objects around which the store does things
//   differently
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include "base/ids.h"
#include "store/object_store.h"
#include "store/object_store_testing.h"
#include "store/testing.h"

namespace codeapi::testing {

template <typename Backend>
class ObjectStoreContract : public ::testing::Test {
 protected:
  ObjectStore& store() { return backend_.store(); }

  Backend backend_;
  ObjectKey key_{NewId(), NewId()};
};

TYPED_TEST_SUITE_P(ObjectStoreContract);

TYPED_TEST_P(ObjectStoreContract, KeepsDataAndMetadata) {
  const std::string text = "abc";
  const auto before = std::chrono::system_clock::now() - std::chrono::seconds(2);
  const auto put = Await(Put(this->store(), this->key_, text));
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(put->key, this->key_);
  EXPECT_EQ(put->size, 3u);
  EXPECT_EQ(put->meta, (ObjectMeta{"dir/name.bin", "application/octet-stream", false}));
  EXPECT_GE(put->last_modified, before);
  EXPECT_FALSE(put->etag.empty());
  EXPECT_EQ(Await(this->store().stat(this->key_)), *put);
  EXPECT_EQ(Await(Get(this->store(), this->key_)), text);
  EXPECT_EQ(Await(this->store().open(this->key_)).value()->info(), *put);
  this->backend_.reopen();
  EXPECT_EQ(Await(this->store().stat(this->key_)), *put);
  EXPECT_EQ(Await(Get(this->store(), this->key_)), text);
}

TYPED_TEST_P(ObjectStoreContract, AnyMetadataComesBackAsItWas) {
  for (const ObjectMeta& meta :
       {ObjectMeta{}, ObjectMeta{"a", "text/plain; charset=utf-8", true},
        ObjectMeta{"\u1234 \U0001F600\r\n\"%41\\/=.txt", "application/x; a=\"b;  c\"", false},
        ObjectMeta{std::string(kMaxObjectFilename, '\x7f'), std::string(kMaxObjectContentType, 'x'), true}}) {
    const ObjectKey key{this->key_.session, NewId()};
    auto writer = Await(this->store().create(key, meta));
    ASSERT_TRUE(writer);
    const auto put = Await((*writer)->commit());
    ASSERT_TRUE(put) << put.error().message;
    EXPECT_EQ(put->meta, meta);
    const auto found = Await(this->store().stat(key));
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->meta, meta);
    EXPECT_EQ(Await(this->store().open(key)).value()->info().meta, meta);
  }
}

TYPED_TEST_P(ObjectStoreContract, AnySizeInAnyPieces) {
  for (const std::size_t size : TypeParam::sizes()) {
    for (const std::size_t piece : {std::size_t{7777}, std::size_t{300'000}, std::size_t{1'000'000}}) {
      const ObjectKey key{this->key_.session, NewId()};
      const std::string data = Bytes(size);
      const auto put = Await(Put(this->store(), key, data, piece));
      ASSERT_TRUE(put) << put.error().message;
      EXPECT_EQ(put->size, size);
      EXPECT_TRUE(Await(Get(this->store(), key, piece)) == data) << size << " in pieces of " << piece;
    }
  }
}

TYPED_TEST_P(ObjectStoreContract, TagsNameTheContent) {
  const auto tag = [&](std::string data) {
    return Await(Put(this->store(), {NewId(), NewId()}, data)).value().etag;
  };
  EXPECT_EQ(tag("same"), tag("same"));
  EXPECT_NE(tag("same"), tag("sane"));
  EXPECT_NE(tag(""), tag("x"));
}

TYPED_TEST_P(ObjectStoreContract, RefusesKeysThatAreNotIds) {
  for (const std::string& bad : {std::string("../../../../etc/shadow"), std::string(), std::string(21, '.'),
                                 std::string(20, 'a'), std::string(22, 'a'), std::string(21, '/')}) {
    for (const ObjectKey& key : {ObjectKey{bad, this->key_.id}, ObjectKey{this->key_.session, bad}}) {
      EXPECT_EQ(CodeOf(Await(this->store().create(key, {}))), ErrorCode::kInvalid) << bad;
      EXPECT_EQ(CodeOf(Await(this->store().open(key))), ErrorCode::kInvalid) << bad;
      EXPECT_EQ(CodeOf(Await(this->store().stat(key))), ErrorCode::kInvalid) << bad;
      EXPECT_EQ(CodeOf(Await(this->store().remove(key))), ErrorCode::kInvalid) << bad;
    }
    EXPECT_EQ(CodeOf(Await(this->store().list(bad))), ErrorCode::kInvalid) << bad;
  }
}

TYPED_TEST_P(ObjectStoreContract, RefusesMetadataThatCouldNotComeBack) {
  for (const ObjectMeta& bad : {ObjectMeta{"\xff", ""}, ObjectMeta{std::string("a\0b", 3), ""},
                                ObjectMeta{std::string(kMaxObjectFilename + 1, 'a'), ""},
                                ObjectMeta{"a", "text/plain\r\nSet-Cookie: a=b"},
                                ObjectMeta{"a", std::string(kMaxObjectContentType + 1, 'a')}}) {
    EXPECT_EQ(CodeOf(Await(this->store().create(this->key_, bad))), ErrorCode::kInvalid)
        << bad.filename << bad.content_type;
  }
}

TYPED_TEST_P(ObjectStoreContract, WhatIsAbsentIsNotFound) {
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(CodeOf(Await(this->store().open(this->key_))), ErrorCode::kNotFound);
    EXPECT_EQ(CodeOf(Await(this->store().stat(this->key_))), ErrorCode::kNotFound);
    EXPECT_EQ(CodeOf(Await(this->store().remove(this->key_))), ErrorCode::kNotFound);
    ASSERT_TRUE(Await(Put(this->store(), {this->key_.session, NewId()}, "x")));
  }
}

TYPED_TEST_P(ObjectStoreContract, NothingIsVisibleBeforeCommitNorStaysWithoutIt) {
  for (const std::size_t size : TypeParam::sizes()) {
    auto writer = Await(this->store().create(this->key_, {}));
    ASSERT_TRUE(writer);
    const std::string data = Bytes(size);
    ASSERT_TRUE(Await((*writer)->write(data)));
    EXPECT_EQ(CodeOf(Await(this->store().stat(this->key_))), ErrorCode::kNotFound);
    EXPECT_TRUE(Await(this->store().list(this->key_.session))->empty());
    writer->reset();
    EXPECT_EQ(CodeOf(Await(this->store().open(this->key_))), ErrorCode::kNotFound);
  }
  this->backend_.reopen();
  EXPECT_TRUE(Await(this->store().list(this->key_.session))->empty());
}

TYPED_TEST_P(ObjectStoreContract, AnIdNamesOneContentForEver) {
  for (const std::size_t size : TypeParam::sizes()) {
    const ObjectKey key{this->key_.session, NewId()};
    ASSERT_TRUE(Await(Put(this->store(), key, "first")));
    EXPECT_EQ(CodeOf(Await(Put(this->store(), key, Bytes(size)))), ErrorCode::kConflict);
    EXPECT_EQ(Await(Get(this->store(), key)), "first");
  }
}

TYPED_TEST_P(ObjectStoreContract, AWriterEndsWithItsCommit) {
  auto writer = Await(this->store().create(this->key_, {}));
  ASSERT_TRUE(writer && Await((*writer)->commit()));
  EXPECT_EQ(CodeOf(Await((*writer)->write(std::string_view("x")))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(Await((*writer)->commit())), ErrorCode::kInvalid);
  EXPECT_EQ(Await(Get(this->store(), this->key_)), "");
}

TYPED_TEST_P(ObjectStoreContract, ListsExactlyOneSessionSortedById) {
  const std::string& session = this->key_.session;
  const std::string other = session.substr(0, 20) + (session[20] == 'a' ? "b" : "a");
  std::vector<ObjectInfo> infos;
  for (int i = 0; i < 20; ++i)
    infos.push_back(Await(Put(this->store(), {session, NewId()}, Bytes(i))).value());
  ASSERT_TRUE(Await(Put(this->store(), {other, NewId()}, "x")));
  std::ranges::sort(infos, {}, [](const ObjectInfo& info) { return info.key.id; });
  const auto listed = Await(this->store().list(session));
  ASSERT_TRUE(listed) << listed.error().message;
  EXPECT_EQ(*listed, infos);
  EXPECT_TRUE(Await(this->store().list(NewId()))->empty());
}

TYPED_TEST_P(ObjectStoreContract, AnOpenReaderOutlivesTheRemoval) {
  for (const std::size_t size : TypeParam::sizes()) {
    const ObjectKey key{this->key_.session, NewId()};
    const std::string data = Bytes(size);
    ASSERT_TRUE(Await(Put(this->store(), key, data)));
    auto reader = Await(this->store().open(key));
    ASSERT_TRUE(reader);
    ASSERT_TRUE(Await(this->store().remove(key)));
    EXPECT_EQ(CodeOf(Await(this->store().open(key))), ErrorCode::kNotFound);
    EXPECT_TRUE(Await(ReadAll(**reader)) == data);
    EXPECT_EQ((*reader)->info().size, size);
  }
}

TYPED_TEST_P(ObjectStoreContract, ReadersMayLeaveEarly) {
  const std::string data = Bytes(2'000'000);
  ASSERT_TRUE(Await(Put(this->store(), this->key_, data)));
  for (int i = 0; i < 10; ++i) {
    auto reader = Await(this->store().open(this->key_));
    ASSERT_TRUE(reader) << reader.error().message;
    std::vector<char> buffer(1000);
    const auto got = Await((*reader)->read(buffer));
    ASSERT_TRUE(got && *got > 0);
    EXPECT_EQ(std::string(buffer.data(), *got), data.substr(0, *got));
    EXPECT_EQ(Await((*reader)->read({})), 0u);
  }
}

TYPED_TEST_P(ObjectStoreContract, SessionsAreListedInPages) {
  EXPECT_TRUE(Await(this->store().sessions("", 10))->empty());
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(NewId());
    for (int k = 0; k < 3; ++k) ASSERT_TRUE(Await(Put(this->store(), {ids.back(), NewId()}, "x")));
  }
  std::ranges::sort(ids);
  EXPECT_EQ(*Await(this->store().sessions("", 10)), ids);
  EXPECT_EQ(*Await(this->store().sessions("", 2)), (std::vector<std::string>{ids[0], ids[1]}));
  EXPECT_EQ(*Await(this->store().sessions(ids[1], 1000)), (std::vector<std::string>{ids[2], ids[3], ids[4]}));
  EXPECT_TRUE(Await(this->store().sessions(ids[4], 10))->empty());
  EXPECT_EQ(CodeOf(Await(this->store().sessions("../x", 10))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(Await(this->store().sessions("", 0))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(Await(this->store().sessions("", 1001))), ErrorCode::kInvalid);
}

TYPED_TEST_P(ObjectStoreContract, ReadersAndWritersOutliveTheStoreHarmlessly) {
  ASSERT_TRUE(Await(Put(this->store(), this->key_, Bytes(1'000'000))));
  auto reader = Await(this->store().open(this->key_));
  auto writer = Await(this->store().create({this->key_.session, NewId()}, {}));
  ASSERT_TRUE(reader && writer && Await((*writer)->write(Bytes(1'000'000))));
  this->backend_.close();
  EXPECT_EQ(CodeOf(Await(ReadAll(**reader))), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(Await((*writer)->commit())), ErrorCode::kUnavailable);
  writer->reset();
  reader->reset();
  this->backend_.reopen();
  EXPECT_EQ(Await(this->store().list(this->key_.session))->size(), 1u);
}

TYPED_TEST_P(ObjectStoreContract, ManyAtOnceDoNotGetInEachOthersWay) {
  boost::asio::io_context context;
  std::atomic<int> rounds = 0;
  const auto loop = [&](std::uint32_t seed) -> awaitable<void> {
    const std::string session = NewId();
    for (std::uint32_t i = 0; i < 10; ++i) {
      const ObjectKey key{session, NewId()};
      const std::string data = Bytes(i % 5 == 0 ? 300'000 : 100, seed * 100 + i);
      const auto put = co_await Put(this->store(), key, data);
      EXPECT_TRUE(put) << put.error().message;
      EXPECT_TRUE(co_await Get(this->store(), key) == data);
      if (i % 2 == 0) {
        const auto removed = co_await this->store().remove(key);
        EXPECT_TRUE(removed) << removed.error().message;
      }
      ++rounds;
    }
    EXPECT_EQ((co_await this->store().list(session))->size(), 5u);
  };
  for (std::uint32_t seed = 0; seed < 8; ++seed) {
    boost::asio::co_spawn(boost::asio::make_strand(context), loop(seed), boost::asio::detached);
  }
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([&] { context.run(); });
  threads.clear();
  EXPECT_EQ(rounds, 80);
}

TYPED_TEST_P(ObjectStoreContract, ResultsComeBackOnTheCallersThreadEvenIfItIsCancelled) {
  boost::asio::io_context context;
  boost::asio::cancellation_signal cancel;
  const auto here = std::this_thread::get_id();
  bool done = false;
  boost::asio::co_spawn(
      context,
      [&]() -> awaitable<void> {
        co_await boost::asio::this_coro::throw_if_cancelled(false);
        boost::asio::post(context, [&] { cancel.emit(boost::asio::cancellation_type::terminal); });
        const auto put = co_await Put(this->store(), this->key_, Bytes(1'000'000));
        EXPECT_TRUE(put) << put.error().message;
        EXPECT_EQ(std::this_thread::get_id(), here);
        const auto got = co_await Get(this->store(), this->key_);
        EXPECT_TRUE(got == Bytes(1'000'000));
        done = true;
      },
      boost::asio::bind_cancellation_slot(cancel.slot(), boost::asio::detached));
  context.run();
  EXPECT_TRUE(done);
  EXPECT_TRUE(Await(this->store().stat(this->key_)));
}

TYPED_TEST_P(ObjectStoreContract, CheckIsContent) {
  const auto checked = Await(this->store().check());
  EXPECT_TRUE(checked) << checked.error().message;
}

REGISTER_TYPED_TEST_SUITE_P(ObjectStoreContract, KeepsDataAndMetadata, AnyMetadataComesBackAsItWas,
                            AnySizeInAnyPieces, TagsNameTheContent, RefusesKeysThatAreNotIds,
                            RefusesMetadataThatCouldNotComeBack, WhatIsAbsentIsNotFound,
                            NothingIsVisibleBeforeCommitNorStaysWithoutIt, AnIdNamesOneContentForEver,
                            AWriterEndsWithItsCommit, ListsExactlyOneSessionSortedById,
                            AnOpenReaderOutlivesTheRemoval, ReadersMayLeaveEarly, SessionsAreListedInPages,
                            ReadersAndWritersOutliveTheStoreHarmlessly, ManyAtOnceDoNotGetInEachOthersWay,
                            ResultsComeBackOnTheCallersThreadEvenIfItIsCancelled, CheckIsContent);

}  // namespace codeapi::testing
