#include "store/directory_object_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/strand.hpp>

#include "base/ids.h"
#include "store/testing.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using testing::Await;
using testing::CodeOf;
using testing::TempDir;

// Bytes that differ everywhere, so that a swapped or repeated piece shows.
std::string Bytes(std::size_t size, std::uint32_t seed = 1) {
  std::string data(size, '\0');
  for (char& c : data) {
    seed = seed * 1664525 + 1013904223;
    c = static_cast<char>(seed >> 24);
  }
  return data;
}

awaitable<Result<ObjectInfo>> Put(ObjectStore& store, ObjectKey key, std::string data,
                                  std::size_t piece = 100'000) {
  auto writer = co_await store.create(key, {"dir/name.bin", "application/octet-stream", false});
  if (!writer) co_return std::unexpected(writer.error());
  for (std::span<const char> rest = data; !rest.empty();) {
    const std::size_t size = std::min(piece, rest.size());
    auto written = co_await (*writer)->write(rest.first(size));
    if (!written) co_return std::unexpected(written.error());
    rest = rest.subspan(size);
  }
  co_return co_await (*writer)->commit();
}

awaitable<Result<std::string>> ReadAll(ObjectReader& reader, std::size_t piece = 100'000) {
  std::string data;
  std::vector<char> buffer(piece);
  for (;;) {
    auto n = co_await reader.read(buffer);
    if (!n) co_return std::unexpected(n.error());
    if (*n == 0) co_return data;
    data.append(buffer.data(), *n);
  }
}

awaitable<Result<std::string>> Get(ObjectStore& store, ObjectKey key, std::size_t piece = 100'000) {
  auto reader = co_await store.open(key);
  if (!reader) co_return std::unexpected(reader.error());
  co_return co_await ReadAll(**reader, piece);
}

class DirectoryObjectStoreTest : public ::testing::Test {
 protected:
  DirectoryObjectStoreTest() { open(); }

  void open() {
    auto opened = DirectoryObjectStore::Open(root());
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }

  std::string root() const { return dir_ / "store"; }
  std::filesystem::path sessionPath() const { return root() + "/objects/" + key_.session; }

  // Everything below objects/, by name.
  std::set<std::string> names() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root() + "/objects")) {
      names.insert(entry.path().filename());
    }
    return names;
  }

  TempDir dir_;
  ObjectKey key_{NewId(), NewId()};
  std::unique_ptr<DirectoryObjectStore> store_;
};

TEST_F(DirectoryObjectStoreTest, KeepsDataAndMetadata) {
  const std::string text = "abc";
  const auto put = Await(Put(*store_, key_, text));
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(put->key, key_);
  EXPECT_EQ(put->size, 3u);
  EXPECT_EQ(put->etag, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(put->meta, (ObjectMeta{"dir/name.bin", "application/octet-stream", false}));
  EXPECT_EQ(Await(store_->stat(key_)), *put);
  EXPECT_EQ(Await(Get(*store_, key_)), text);
  store_.reset();
  open();
  EXPECT_EQ(Await(store_->stat(key_)), *put);
  EXPECT_EQ(Await(Get(*store_, key_)), text);
}

TEST_F(DirectoryObjectStoreTest, AnySizeInAnyPieces) {
  constexpr std::size_t kBuffered = 256 * 1024;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, kBuffered - 1, kBuffered, kBuffered + 1, 3 * kBuffered + 17}) {
    for (const std::size_t piece : {std::size_t{777}, kBuffered, kBuffered + 1, std::size_t{1'000'000}}) {
      const ObjectKey key{key_.session, NewId()};
      const std::string data = Bytes(size);
      const auto put = Await(Put(*store_, key, data, piece));
      ASSERT_TRUE(put) << put.error().message;
      EXPECT_EQ(put->size, size);
      EXPECT_TRUE(Await(Get(*store_, key, piece)) == data) << size << " in pieces of " << piece;
    }
  }
}

TEST_F(DirectoryObjectStoreTest, RefusesKeysThatAreNotIds) {
  for (const std::string& bad : {std::string("../../../../etc/shadow"), std::string(), std::string(21, '.'),
                                 std::string(20, 'a'), std::string(22, 'a'), std::string(21, '/')}) {
    for (const ObjectKey& key : {ObjectKey{bad, key_.id}, ObjectKey{key_.session, bad}}) {
      EXPECT_EQ(CodeOf(Await(store_->create(key, {}))), ErrorCode::kInvalid) << bad;
      EXPECT_EQ(CodeOf(Await(store_->open(key))), ErrorCode::kInvalid) << bad;
      EXPECT_EQ(CodeOf(Await(store_->stat(key))), ErrorCode::kInvalid) << bad;
      EXPECT_EQ(CodeOf(Await(store_->remove(key))), ErrorCode::kInvalid) << bad;
    }
    EXPECT_EQ(CodeOf(Await(store_->list(bad))), ErrorCode::kInvalid) << bad;
  }
}

TEST_F(DirectoryObjectStoreTest, RefusesMetadataThatCouldNotComeBack) {
  for (const ObjectMeta& bad : {ObjectMeta{"\xff", ""}, ObjectMeta{std::string("a\0b", 3), ""},
                                ObjectMeta{std::string(kMaxObjectFilename + 1, 'a'), ""},
                                ObjectMeta{"a", "text/plain\r\nSet-Cookie: a=b"},
                                ObjectMeta{"a", std::string(kMaxObjectContentType + 1, 'a')}}) {
    EXPECT_EQ(CodeOf(Await(store_->create(key_, bad))), ErrorCode::kInvalid)
        << bad.filename << bad.content_type;
  }
}

TEST_F(DirectoryObjectStoreTest, WhatIsAbsentIsNotFound) {
  EXPECT_EQ(CodeOf(Await(store_->open(key_))), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(Await(store_->stat(key_))), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(Await(store_->remove(key_))), ErrorCode::kNotFound);
  ASSERT_TRUE(Await(Put(*store_, {key_.session, NewId()}, "x")));
  EXPECT_EQ(CodeOf(Await(store_->open(key_))), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(Await(store_->stat(key_))), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(Await(store_->remove(key_))), ErrorCode::kNotFound);
}

TEST_F(DirectoryObjectStoreTest, NothingIsVisibleBeforeCommitNorStaysWithoutIt) {
  for (const std::size_t size : {std::size_t{10}, std::size_t{1'000'000}}) {
    auto writer = Await(store_->create(key_, {}));
    ASSERT_TRUE(writer);
    const std::string data = Bytes(size);
    ASSERT_TRUE(Await((*writer)->write(data)));
    EXPECT_EQ(CodeOf(Await(store_->stat(key_))), ErrorCode::kNotFound);
    EXPECT_TRUE(Await(store_->list(key_.session))->empty());
    writer->reset();
    store_.reset();  // waits for the removal
    EXPECT_EQ(names(), std::set<std::string>());
    open();
  }
}

TEST_F(DirectoryObjectStoreTest, AnIdNamesOneContentForEver) {
  ASSERT_TRUE(Await(Put(*store_, key_, "first")));
  EXPECT_EQ(CodeOf(Await(Put(*store_, key_, "second"))), ErrorCode::kConflict);
  EXPECT_EQ(Await(Get(*store_, key_)), "first");
  EXPECT_EQ(names(), (std::set<std::string>{key_.session, key_.id, key_.id + ".meta"}));
}

TEST_F(DirectoryObjectStoreTest, AWriterEndsWithItsCommit) {
  auto writer = Await(store_->create(key_, {}));
  ASSERT_TRUE(writer && Await((*writer)->commit()));
  EXPECT_EQ(CodeOf(Await((*writer)->write(std::string_view("x")))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(Await((*writer)->commit())), ErrorCode::kInvalid);
  EXPECT_EQ(Await(Get(*store_, key_)), "");
}

TEST_F(DirectoryObjectStoreTest, ListsExactlyOneSessionSortedById) {
  const std::string other = key_.session.substr(0, 20) + (key_.session[20] == 'a' ? "b" : "a");
  std::vector<std::string> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(NewId());
  for (const std::string& id : ids) ASSERT_TRUE(Await(Put(*store_, {key_.session, id}, id)));
  ASSERT_TRUE(Await(Put(*store_, {other, NewId()}, "x")));
  std::ranges::sort(ids);
  const auto listed = Await(store_->list(key_.session));
  ASSERT_TRUE(listed);
  std::vector<std::string> found;
  for (const ObjectInfo& info : *listed) found.push_back(info.key.id);
  EXPECT_EQ(found, ids);
  EXPECT_TRUE(
      std::ranges::all_of(*listed, [&](const ObjectInfo& i) { return i.key.session == key_.session; }));
  EXPECT_TRUE(Await(store_->list(NewId()))->empty());
}

TEST_F(DirectoryObjectStoreTest, AnOpenReaderOutlivesTheRemoval) {
  for (const std::size_t size : {std::size_t{1000}, std::size_t{2'000'000}}) {
    const ObjectKey key{key_.session, NewId()};
    const std::string data = Bytes(size);
    ASSERT_TRUE(Await(Put(*store_, key, data)));
    auto reader = Await(store_->open(key));
    ASSERT_TRUE(reader);
    ASSERT_TRUE(Await(store_->remove(key)));
    EXPECT_EQ(CodeOf(Await(store_->open(key))), ErrorCode::kNotFound);
    EXPECT_TRUE(Await(ReadAll(**reader)) == data);
    EXPECT_EQ((*reader)->info().size, size);
  }
}

TEST_F(DirectoryObjectStoreTest, TheLastObjectTakesItsSessionAlong) {
  const ObjectKey second{key_.session, NewId()};
  ASSERT_TRUE(Await(Put(*store_, key_, "a")) && Await(Put(*store_, second, "b")));
  ASSERT_TRUE(Await(store_->remove(key_)));
  EXPECT_EQ(names(), (std::set<std::string>{key_.session, second.id, second.id + ".meta"}));
  ASSERT_TRUE(Await(store_->remove(second)));
  EXPECT_EQ(names(), std::set<std::string>());
}

TEST_F(DirectoryObjectStoreTest, ReportsDamageInsteadOfServingIt) {
  const std::string data = Bytes(1'000'000);
  ASSERT_TRUE(Await(Put(*store_, key_, data)));
  auto reader = Await(store_->open(key_));
  ASSERT_TRUE(reader);
  std::filesystem::resize_file(sessionPath() / key_.id, 500'000);
  EXPECT_EQ(CodeOf(Await(ReadAll(**reader))), ErrorCode::kInternal);
  EXPECT_EQ(CodeOf(Await(store_->open(key_))), ErrorCode::kInternal);
  std::filesystem::resize_file(sessionPath() / key_.id, 1'000'000);
  ASSERT_TRUE(Await(store_->stat(key_)));
  std::ofstream(sessionPath() / (key_.id + ".meta")) << "{}";
  EXPECT_EQ(CodeOf(Await(store_->stat(key_))), ErrorCode::kInternal);
  EXPECT_TRUE(Await(store_->list(key_.session))->empty());
}

TEST_F(DirectoryObjectStoreTest, FollowsNoSymbolicLink) {
  ASSERT_TRUE(Await(Put(*store_, key_, "abc")));
  const std::string outside = dir_ / "outside";
  std::ofstream(outside) << "abc";
  std::filesystem::remove(sessionPath() / key_.id);
  std::filesystem::create_symlink(outside, sessionPath() / key_.id);
  EXPECT_FALSE(Await(store_->open(key_)));
  const std::string session = NewId();
  std::filesystem::create_directory_symlink(sessionPath(), root() + "/objects/" + session);
  EXPECT_FALSE(Await(store_->open({session, key_.id})));
  EXPECT_FALSE(Await(Put(*store_, {session, NewId()}, "x")));
}

TEST_F(DirectoryObjectStoreTest, BelongsToOneProcess) {
  const auto second = DirectoryObjectStore::Open(root());
  ASSERT_EQ(CodeOf(second), ErrorCode::kConflict);
  EXPECT_NE(second.error().message.find(root()), std::string::npos);
  store_.reset();
  open();
}

TEST_F(DirectoryObjectStoreTest, OpensOnlyADirectoryWithSaneOptions) {
  const std::string file = dir_ / "file";
  std::ofstream(file) << "x";
  EXPECT_EQ(CodeOf(DirectoryObjectStore::Open(file)), ErrorCode::kInvalid);
  EXPECT_FALSE(DirectoryObjectStore::Open(dir_ / "no/such/parent"));
  EXPECT_EQ(CodeOf(DirectoryObjectStore::Open(dir_ / "x", {.threads = 0})), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(DirectoryObjectStore::Open(dir_ / "x", {.threads = 65})), ErrorCode::kInvalid);
}

TEST_F(DirectoryObjectStoreTest, KeepsOthersOut) {
  ASSERT_TRUE(Await(Put(*store_, key_, "secret")));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root())) {
    struct stat status{};
    ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0077, 0u) << entry.path();
  }
}

TEST_F(DirectoryObjectStoreTest, CheckSeesThatTheDirectoryIsGone) {
  EXPECT_TRUE(Await(store_->check()));
  std::filesystem::remove_all(root());
  EXPECT_EQ(CodeOf(Await(store_->check())), ErrorCode::kUnavailable);
  EXPECT_FALSE(Await(Put(*store_, key_, "x")));
}

TEST_F(DirectoryObjectStoreTest, ReadersAndWritersOutliveTheStoreHarmlessly) {
  ASSERT_TRUE(Await(Put(*store_, key_, Bytes(1'000'000))));
  auto reader = Await(store_->open(key_));
  auto writer = Await(store_->create({key_.session, NewId()}, {}));
  ASSERT_TRUE(reader && writer && Await((*writer)->write(Bytes(1'000'000))));
  store_.reset();
  EXPECT_EQ(CodeOf(Await(ReadAll(**reader))), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(Await((*writer)->commit())), ErrorCode::kUnavailable);
  writer->reset();
  EXPECT_EQ(names(), (std::set<std::string>{key_.session, key_.id, key_.id + ".meta"}));
}

// Objects come and go in the same few sessions from several threads: no create may lose its directory to a
// removal.
TEST_F(DirectoryObjectStoreTest, ManyAtOnceDoNotGetInEachOthersWay) {
  asio::io_context context;
  const std::vector<std::string> sessions{NewId(), NewId()};
  std::atomic<int> rounds = 0;
  const auto loop = [&](std::uint32_t seed) -> awaitable<void> {
    for (std::uint32_t i = 0; i < 25; ++i) {
      const ObjectKey key{sessions[(seed + i) % sessions.size()], NewId()};
      const std::string data = Bytes(i % 5 == 0 ? 300'000 : 100, seed * 100 + i);
      const auto put = co_await Put(*store_, key, data);
      EXPECT_TRUE(put) << put.error().message;
      EXPECT_TRUE(co_await Get(*store_, key) == data);
      const auto removed = co_await store_->remove(key);
      EXPECT_TRUE(removed) << removed.error().message;
      ++rounds;
    }
  };
  for (std::uint32_t seed = 0; seed < 8; ++seed) {
    asio::co_spawn(asio::make_strand(context), loop(seed), asio::detached);
  }
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([&] { context.run(); });
  threads.clear();
  EXPECT_EQ(rounds, 8 * 25);
  EXPECT_EQ(names(), std::set<std::string>());
}

TEST_F(DirectoryObjectStoreTest, ResultsComeBackOnTheCallersThreadEvenIfItIsCancelled) {
  asio::io_context context;
  asio::cancellation_signal cancel;
  const auto here = std::this_thread::get_id();
  bool done = false;
  asio::co_spawn(
      context,
      [&]() -> awaitable<void> {
        co_await asio::this_coro::throw_if_cancelled(false);
        asio::post(context, [&] { cancel.emit(asio::cancellation_type::terminal); });
        const auto put = co_await Put(*store_, key_, Bytes(1'000'000));
        EXPECT_TRUE(put);
        EXPECT_EQ(std::this_thread::get_id(), here);
        done = true;
      },
      asio::bind_cancellation_slot(cancel.slot(), asio::detached));
  context.run();
  EXPECT_TRUE(done);
  EXPECT_TRUE(Await(store_->stat(key_)));
}

TEST_F(DirectoryObjectStoreTest, SessionsAreListedInPages) {
  EXPECT_TRUE(Await(store_->sessions("", 10))->empty());
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(NewId());
    ASSERT_TRUE(Await(Put(*store_, {ids.back(), NewId()}, "x")));
  }
  std::ranges::sort(ids);
  std::ofstream(std::filesystem::path(root()) / "objects" / "not-a-session").put('x');
  EXPECT_EQ(*Await(store_->sessions("", 10)), ids);
  EXPECT_EQ(*Await(store_->sessions("", 2)), (std::vector<std::string>{ids[0], ids[1]}));
  EXPECT_EQ(*Await(store_->sessions(ids[1], 1000)), (std::vector<std::string>{ids[2], ids[3], ids[4]}));
  EXPECT_TRUE(Await(store_->sessions(ids[4], 10))->empty());
  EXPECT_EQ(CodeOf(Await(store_->sessions("../x", 10))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(Await(store_->sessions("", 0))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(Await(store_->sessions("", 1001))), ErrorCode::kInvalid);
}

}  // namespace
}  // namespace codeapi
