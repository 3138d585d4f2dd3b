// Directories in the walk: hidden ones, empty ones, and what must not be entered.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jail/workspace_fixture.h"

namespace codeapi {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using HarvestDirectoriesTest = WorkspaceTest;

TEST_F(HarvestDirectoriesTest, AnEmptyOneIsKeptByAMarker) {
  MakeDir("empty");
  MakeDir("a/b/deep");
  Write("full/a.csv", "x");
  const HarvestResult result = Walk();
  EXPECT_THAT(Names(result), ElementsAre("a/b/deep/.dirkeep", "empty/.dirkeep", "full/a.csv"));
  EXPECT_TRUE(result.files[0].marker);
  EXPECT_EQ(result.files[0].size, 0u);
  EXPECT_FALSE(fs::exists(dir_ / "empty/.dirkeep")) << "a walk writes nothing";
}

TEST_F(HarvestDirectoriesTest, TheWorkspaceItselfNeedsNone) {
  EXPECT_THAT(Walk().files, IsEmpty());
}

TEST_F(HarvestDirectoriesTest, OneWithSomethingInItHasNoMarker) {
  Write("skipped/a.xyz", "x");
  fs::create_directory(dir_ / "linked");
  fs::create_symlink("nowhere", dir_ / "linked/link");
  EXPECT_THAT(Walk().files, IsEmpty());
}

TEST_F(HarvestDirectoriesTest, WhatIsIgnoredLeavesItEmpty) {
  Write("a/.cache/x.csv", "x");
  Write("b/__pycache__/m.pyc", "x");
  Write("c/_ptc_history.json", "{}");
  EXPECT_THAT(Names(Walk()), ElementsAre("a/.dirkeep", "b/.dirkeep", "c/.dirkeep"));
}

TEST_F(HarvestDirectoriesTest, AMarkerThatCameBackIsAnInputLikeAnyOther) {
  Put("keep/.dirkeep", "", 4);
  Put("gone/.dirkeep", "", 5);
  fs::remove_all(dir_ / "gone");
  HarvestResult result = Walk();
  EXPECT_THAT(result.files, IsEmpty());
  EXPECT_THAT(result.summary.unchanged, ElementsAre(4));
  EXPECT_THAT(result.summary.deleted, ElementsAre(5));

  fs::remove(dir_ / "keep/.dirkeep");
  result = Walk();
  ASSERT_THAT(Names(result), ElementsAre("keep/.dirkeep")) << "the directory is still there, and empty";
}

TEST_F(HarvestDirectoriesTest, AMarkerIsNeverFollowedAsALink) {
  MakeDir("a");
  fs::create_symlink("/etc/passwd", dir_ / "a/.dirkeep");
  EXPECT_THAT(Walk().files, IsEmpty());
}

TEST_F(HarvestDirectoriesTest, AMarkerCountsAndIsLeftOutLikeAFile) {
  rules_.max_files = 1;
  MakeDir("a");
  MakeDir("b");
  HarvestResult result = Walk();
  EXPECT_THAT(Names(result), ElementsAre("a/.dirkeep"));
  EXPECT_THAT(result.summary.skipped, ElementsAre("b/.dirkeep"));

  rules_.max_files = 50;
  rules_.max_depth = 1;
  result = Walk();
  EXPECT_THAT(result.files, IsEmpty());
  EXPECT_EQ(result.summary.skip_reasons, std::uint32_t{kSkipPath});
  EXPECT_THAT(result.summary.skipped, ElementsAre("a/", "b/"));
}

TEST_F(HarvestDirectoriesTest, HiddenOnesAreAToolsOwn) {
  Write(".cache/a.csv", "x");
  Write(".config/deep/a.csv", "x");
  Write("a/.git/a.csv", "x");
  Write("a/a.csv", "x");
  Write("__pycache__/a.py", "x");
  MakeDir(".empty");
  const HarvestResult result = Walk();
  EXPECT_THAT(Names(result), ElementsAre("a/a.csv"));
  EXPECT_EQ(result.summary.skipped_count, 0u);
}

TEST_F(HarvestDirectoriesTest, HiddenOnesWithInputsAreWalked) {
  Put(".hidden/deep/in.csv", "x", 0);
  Put("__pycache__/in.csv", "x", 1);
  Write(".hidden/new.csv", "x");
  Write(".hidden/other/new.csv", "x");
  Write(".hidden/.more/new.csv", "x");
  Write(".hiddenmore/new.csv", "x");
  Write(".hidde/new.csv", "x");
  const HarvestResult result = Walk();
  EXPECT_THAT(Names(result), ElementsAre(".hidden/new.csv", ".hidden/other/new.csv"));
  EXPECT_THAT(result.summary.unchanged, ElementsAre(0, 1));
}

TEST_F(HarvestDirectoriesTest, HiddenFilesFollowTheExtensions) {
  Write(".env", "x");
  Write(".gitignore", "x");
  Write(".bashrc", "x");
  Write("..csv", "x");
  const HarvestResult result = Walk();
  EXPECT_THAT(Names(result), ElementsAre("..csv", ".env", ".gitignore"));
  EXPECT_THAT(result.summary.skipped, ElementsAre(".bashrc"));
}

TEST_F(HarvestDirectoriesTest, ReplayHistoryIsNeverReported) {
  Write("_ptc_history.json", "{}");
  Write("a/_ptc_history.json", "{}");
  Write("a/x.json", "{}");
  const HarvestResult result = Walk();
  EXPECT_THAT(Names(result), ElementsAre("a/x.json"));
  EXPECT_EQ(result.summary.skipped_count, 0u);
}

TEST_F(HarvestDirectoriesTest, ClosedOnesAreOpenToTheWalk) {
  Write("closed/a.csv", "x");
  fs::permissions(dir_ / "closed/a.csv", fs::perms::none);
  fs::permissions(dir_ / "closed", fs::perms::none);
  EXPECT_THAT(Names(Walk()), ElementsAre("closed/a.csv"));
}

TEST_F(HarvestDirectoriesTest, TheDeepestThatIsAllowed) {
  const std::string nine = "1/2/3/4/5/6/7/8/9/";
  Write(nine + "ten.csv", "x");
  MakeDir(nine + "ten/eleven/twelve");
  const HarvestResult result = Walk();
  EXPECT_THAT(Names(result), ElementsAre(nine + "ten.csv"));
  EXPECT_EQ(result.summary.skip_reasons, std::uint32_t{kSkipDepth});
  EXPECT_THAT(result.summary.skipped, ElementsAre(nine + "ten/eleven/"));
}

// A bomb of directories: none is followed further than allowed, and what is kept open stays bounded.
TEST_F(HarvestDirectoriesTest, AVeryDeepTreeIsCutOff) {
  // Built from within, since no such path can be named.
  UniqueFd at(::open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), "ddddddddddddddd", 0700), 0);
    at.reset(::openat(at.get(), "ddddddddddddddd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  const HarvestResult result = Walk();
  EXPECT_THAT(result.files, IsEmpty());
  EXPECT_EQ(result.summary.skipped_count, 1u);
}

}  // namespace
}  // namespace codeapi
