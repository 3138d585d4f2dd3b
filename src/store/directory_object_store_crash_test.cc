// What is left of an object when its writer is killed, or the disk is full.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/ids.h"
#include "store/directory_object_store.h"
#include "store/testing.h"

namespace codeapi {
namespace testing {
namespace {

using boost::asio::awaitable;

const ObjectKey kKey{"sssssssssssssssssssss", "ooooooooooooooooooooo"};

awaitable<Result<ObjectInfo>> Put(ObjectStore& store, ObjectKey key, std::size_t size) {
  const std::string data(size, 'x');
  auto writer = co_await store.create(std::move(key), {"name", "text/plain"});
  if (!writer) co_return std::unexpected(writer.error());
  for (std::span<const char> rest = data; !rest.empty();) {
    const std::size_t piece = std::min<std::size_t>(rest.size(), 16 * 1024);
    if (auto written = co_await (*writer)->write(rest.first(piece)); !written) {
      co_return std::unexpected(written.error());
    }
    rest = rest.subspan(piece);
  }
  co_return co_await (*writer)->commit();
}

std::set<std::string> NamesBelow(const std::string& directory) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    names.insert(entry.path().filename());
  }
  return names;
}

// object-killed ROOT STEP SIZE: writes kKey and removes it again, and dies at STEP.
int WriteAndDie(const std::string& root, const std::string& step, std::size_t size) {
  auto store = DirectoryObjectStore::Open(root, {.on_step = [&](const char* name) {
                                            if (name == step) ::kill(::getpid(), SIGKILL);
                                          }});
  if (!store) return 3;
  if (!Await(Put(**store, kKey, size))) return 4;
  if (!Await((*store)->remove(kKey))) return 5;
  return 0;
}

// Whether writing an object of this size fails as it should on a full disk, leaving only `before` behind.
bool FailsCleanly(DirectoryObjectStore& store, const std::string& root, std::size_t size,
                  const std::set<std::string>& before) {
  const auto put = Await(Put(store, {kKey.session, NewId()}, size));
  return !put && put.error().code == ErrorCode::kUnavailable && NamesBelow(root + "/objects") == before;
}

// object-full ROOT: on a disk of 64 KiB that is mounted at ROOT.
int FillTheDisk(const std::string& root) {
  if (!MountSmallDisk(root, "64k")) return 3;
  auto store = DirectoryObjectStore::Open(root);
  if (!store) return 4;
  if (!FailsCleanly(**store, root, 1024 * 1024, {})) return 5;
  if (!FailsCleanly(**store, root, 200 * 1024, {})) return 6;
  if (!Await(Put(**store, kKey, 4096))) return 7;
  const std::set<std::string> kept{kKey.session, kKey.id, kKey.id + ".meta"};
  if (!FailsCleanly(**store, root, 200 * 1024, kept)) return 8;
  const auto info = Await((*store)->stat(kKey));
  return info && info->size == 4096 ? 0 : 9;
}

}  // namespace

int RunObjectStoreHelper(const std::vector<std::string>& arguments) {
  if (arguments[0] == "object-killed")
    return WriteAndDie(arguments[1], arguments[2], std::stoul(arguments[3]));
  if (arguments[0] == "object-full") return FillTheDisk(arguments[1]);
  return 2;
}

namespace {

struct Crash {
  const char* step;
  bool there;  // whether the object is, afterwards
};

class DirectoryObjectStoreCrash : public ::testing::TestWithParam<std::tuple<Crash, std::size_t>> {};

TEST_P(DirectoryObjectStoreCrash, LeavesAnObjectWhollyOrNotAtAll) {
  const auto [crash, size] = GetParam();
  const TempDir dir;
  Helper helper({"object-killed", dir / "store", crash.step, std::to_string(size)});
  ASSERT_EQ(helper.wait(), -SIGKILL);

  auto store = DirectoryObjectStore::Open(dir / "store");
  ASSERT_TRUE(store) << store.error().message;
  const auto info = Await((*store)->stat(kKey));
  EXPECT_EQ(info.has_value(), crash.there);
  EXPECT_EQ(Await((*store)->list(kKey.session))->size(), crash.there ? 1u : 0u);
  const std::set<std::string> whole{kKey.session, kKey.id, kKey.id + ".meta"};
  EXPECT_EQ(NamesBelow(dir / "store/objects"), crash.there ? whole : std::set<std::string>());
  if (crash.there) {
    EXPECT_EQ(info->size, size);
    std::vector<char> data(size + 1);
    auto reader = Await((*store)->open(kKey));
    ASSERT_TRUE(reader);
    std::size_t read = 0;
    for (std::size_t n = 1; n != 0; read += n) n = *Await((*reader)->read(std::span(data).subspan(read)));
    EXPECT_EQ(std::string(data.data(), read), std::string(size, 'x'));
    EXPECT_TRUE(Await((*store)->remove(kKey)));
  }
  EXPECT_TRUE(Await(Put(**store, kKey, size)));
}

INSTANTIATE_TEST_SUITE_P(
    Steps, DirectoryObjectStoreCrash,
    ::testing::Combine(::testing::Values(Crash{"data_written", false}, Crash{"data_synced", false},
                                         Crash{"meta_synced", false}, Crash{"meta_renamed", false},
                                         Crash{"data_renamed", true}, Crash{"directory_synced", true},
                                         Crash{"data_unlinked", false}),
                       ::testing::Values(std::size_t{100}, std::size_t{1'000'000})),
    [](const auto& info) {
      return std::string(std::get<0>(info.param).step) + "_" + std::to_string(std::get<1>(info.param));
    });

TEST(DirectoryObjectStoreFullDisk, IsAnErrorThatLeavesNothingBehind) {
  const TempDir dir;
  Helper helper({"object-full", dir.path()});
  EXPECT_EQ(helper.wait(), 0);
}

}  // namespace
}  // namespace testing
}  // namespace codeapi
