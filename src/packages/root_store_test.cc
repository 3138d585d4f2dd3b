#include "packages/root_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "packages/testing.h"

namespace codeapi {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const std::string kAddress(64, 'a');
const std::string kOther(64, 'b');

std::string Make(const testing::PackagesDir& dir, const std::string& name, bool complete = true) {
  dir.Write("roots/" + name + "/usr/bin/tool", name);
  if (complete) dir.Write("roots/" + name + "/packages.json", "{}");
  return dir / ("roots/" + name);
}

TEST(RootStore, NothingIsCurrentBeforeTheFirstSwitch) {
  const testing::PackagesDir dir;
  const RootStore store(dir.path());
  EXPECT_EQ(store.Current(), std::nullopt);
  EXPECT_EQ(store.Find(kAddress), std::nullopt);
}

TEST(RootStore, ABuildIsPublishedUnderItsAddressAndAgainUnderTheNext) {
  const testing::PackagesDir dir;
  const RootStore store(dir.path());
  for (const std::string& name : {kAddress, kAddress + ".2"}) {
    const std::string build = store.BeginBuild().value();
    std::ofstream(build + "/packages.json") << "{}";
    EXPECT_EQ(store.Publish(build, kAddress).value(), store.roots() + "/" + name);
    EXPECT_EQ(store.Find(kAddress), store.roots() + "/" + name);
  }
  EXPECT_EQ(store.Find(kAddress.substr(1)), std::nullopt);
}

TEST(RootStore, AnIncompleteRootIsNone) {
  const testing::PackagesDir dir;
  const RootStore store(dir.path());
  const std::string root = Make(dir, kAddress, false);
  EXPECT_EQ(store.Find(kAddress), std::nullopt);
  ASSERT_TRUE(store.Switch(root));
  EXPECT_EQ(store.Current(), std::nullopt);
}

TEST(RootStore, SwitchingLeavesARelativeLink) {
  const testing::PackagesDir dir;
  const RootStore store(dir.path());
  const std::string root = Make(dir, kAddress);
  ASSERT_TRUE(store.Switch(root));
  EXPECT_EQ(std::filesystem::read_symlink(store.current_link()), "roots/" + kAddress);
  EXPECT_EQ(store.Current(), std::filesystem::canonical(root));
}

// Whoever looks while roots are switched sees one or the other, never nothing.
TEST(RootStore, SwitchingIsOneStep) {
  const testing::PackagesDir dir;
  const RootStore store(dir.path());
  const std::string one = Make(dir, kAddress), two = Make(dir, kOther);
  ASSERT_TRUE(store.Switch(one));
  std::atomic<bool> done = false;
  std::atomic<int> missing = 0;
  std::thread reader([&] {
    while (!done) missing += !store.Current();
  });
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(store.Switch(i % 2 ? one : two));
  done = true;
  reader.join();
  EXPECT_EQ(missing, 0);
  int names = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) names += !entry.path().empty();
  EXPECT_EQ(names, 2) << "only roots and current may be left";
}

TEST(RootStore, TheNextBuildRemovesWhatDeadBuildersLeft) {
  const testing::PackagesDir dir;
  const RootStore store(dir.path());
  Make(dir, ".build-dead", false);
  const std::string root = Make(dir, kAddress);
  const std::string build = store.BeginBuild().value();
  EXPECT_FALSE(std::filesystem::exists(dir / "roots/.build-dead"));
  EXPECT_TRUE(std::filesystem::exists(root));
  EXPECT_TRUE(std::filesystem::is_directory(build));
}

TEST(RootStore, PruneKeepsTheCurrentRoot) {
  const testing::PackagesDir dir;
  const RootStore store(dir.path());
  const std::string old = Make(dir, kAddress), now = Make(dir, kOther);
  Make(dir, ".build-dead", false);
  ASSERT_TRUE(store.Switch(now));
  EXPECT_THAT(store.Prune().value(), UnorderedElementsAre(kAddress, ".build-dead"));
  EXPECT_FALSE(std::filesystem::exists(old));
  EXPECT_EQ(store.Current(), std::filesystem::canonical(now));
  EXPECT_THAT(store.Prune().value(), IsEmpty());
}

}  // namespace
}  // namespace codeapi
