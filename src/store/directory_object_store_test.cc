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
#include "store/object_store_contract.h"
#include "store/testing.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using testing::Await;
using testing::Bytes;
using testing::CodeOf;
using testing::Get;
using testing::Put;
using testing::ReadAll;
using testing::TempDir;

// The suite of object_store_contract.h.
class DirectoryBackend {
 public:
  DirectoryBackend() { reopen(); }

  ObjectStore& store() { return *store_; }
  void close() { store_.reset(); }

  void reopen() {
    close();
    auto opened = DirectoryObjectStore::Open(dir_ / "store");
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }

  static std::vector<std::size_t> sizes() {
    constexpr std::size_t kBuffered = 256 * 1024;
    return {0, 1, kBuffered - 1, kBuffered, kBuffered + 1, 3 * kBuffered + 17};
  }

 private:
  TempDir dir_;
  std::unique_ptr<DirectoryObjectStore> store_;
};

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

TEST_F(DirectoryObjectStoreTest, TagsAreSha256) {
  const auto put = Await(Put(*store_, key_, "abc"));
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(put->etag, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
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

TEST_F(DirectoryObjectStoreTest, StrangersAmongTheSessionsAreNotListed) {
  ASSERT_TRUE(Await(Put(*store_, key_, "x")));
  std::ofstream(std::filesystem::path(root()) / "objects" / "not-a-session").put('x');
  EXPECT_EQ(*Await(store_->sessions("", 10)), std::vector<std::string>{key_.session});
}

}  // namespace

namespace testing {
INSTANTIATE_TYPED_TEST_SUITE_P(Directory, ObjectStoreContract, DirectoryBackend);

}  // namespace testing

}  // namespace codeapi
