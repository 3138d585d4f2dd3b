// The walk that finds a program's outputs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include <chrono>
#include <cstring>

#include "base/text.h"
#include "jail/workspace_fixture.h"

namespace codeapi {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using HarvestTest = WorkspaceTest;

TEST_F(HarvestTest, AnEmptyWorkspaceGivesNothing) {
  const HarvestResult result = Walk();
  EXPECT_THAT(result.files, IsEmpty());
  EXPECT_EQ(result.summary.Encode(), HarvestSummary().Encode());
}

TEST_F(HarvestTest, NewFilesAreFoundSorted) {
  for (const char* name : {"b.csv", "a/z.csv", "a.csv", "a/b/c.csv", "B.csv", "a!.csv"}) Write(name, name);
  const HarvestResult result = Walk();
  EXPECT_THAT(Names(result), ElementsAre("B.csv", "a!.csv", "a.csv", "a/b/c.csv", "a/z.csv", "b.csv"));
  for (const HarvestedFile& file : result.files) {
    EXPECT_EQ(file.input, CellOutput::kNew);
    EXPECT_EQ(file.size, file.name.size());
    EXPECT_FALSE(file.marker);
  }
}

TEST_F(HarvestTest, InputsAreToldApartByContent) {
  Put("same.csv", "0123456789", 0);
  Put("touched.csv", "0123456789", 1);
  Put("rewritten.csv", "0123456789", 2);
  Put("longer.csv", "0123456789", 3);
  Put("same_size.csv", "0123456789", 4);
  Put("emptied.csv", "0123456789", 5);
  Put("empty.csv", "", 6);
  fs::last_write_time(dir_ / "touched.csv", fs::file_time_type::clock::now() + std::chrono::hours(1));
  Write("rewritten.csv", "0123456789");
  Write("longer.csv", "0123456789!");
  // Same size, same time: only the bytes tell.
  const auto time = fs::last_write_time(dir_ / "same_size.csv");
  Write("same_size.csv", "0123456780");
  fs::last_write_time(dir_ / "same_size.csv", time);
  Write("emptied.csv", "");

  const HarvestResult result = Walk();
  EXPECT_THAT(result.summary.unchanged, ElementsAre(0, 1, 2, 6));
  EXPECT_THAT(Names(result), ElementsAre("emptied.csv", "longer.csv", "same_size.csv"));
  EXPECT_EQ(result.files[0].input, 5u);
  EXPECT_EQ(result.files[1].input, 3u);
  EXPECT_EQ(result.files[2].input, 4u);
  EXPECT_THAT(result.summary.deleted, IsEmpty());
}

TEST_F(HarvestTest, AReplacedFileIsAChangedInput) {
  Put("a.csv", "old", 3);
  Write("tmp.csv", "new");
  fs::rename(dir_ / "tmp.csv", dir_ / "a.csv");
  const HarvestResult result = Walk();
  ASSERT_THAT(Names(result), ElementsAre("a.csv"));
  EXPECT_EQ(result.files[0].input, 3u);
}

TEST_F(HarvestTest, RemovedAndRenamedInputs) {
  Put("removed.csv", "a", 2);
  Put("renamed.csv", "b", 1);
  fs::remove(dir_ / "removed.csv");
  fs::rename(dir_ / "renamed.csv", dir_ / "other.csv");
  const HarvestResult result = Walk();
  EXPECT_THAT(result.summary.deleted, ElementsAre(1, 2));
  EXPECT_THAT(result.summary.unchanged, IsEmpty());
  ASSERT_THAT(Names(result), ElementsAre("other.csv"));
  EXPECT_EQ(result.files[0].input, CellOutput::kNew);
}

TEST_F(HarvestTest, AnInputThatIsNoLongerAFileIsGone) {
  for (std::uint32_t i = 0; i < 4; ++i) Put(std::to_string(i) + ".csv", "x", i);
  for (int i = 0; i < 4; ++i) fs::remove(dir_ / (std::to_string(i) + ".csv"));
  fs::create_symlink("/etc/passwd", dir_ / "0.csv");
  fs::create_directory(dir_ / "1.csv");
  ASSERT_EQ(::mkfifo((dir_ / "2.csv").c_str(), 0600), 0);
  Write("3.csv/below.csv", "x");
  const HarvestResult result = Walk();
  EXPECT_THAT(result.summary.deleted, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(Names(result), ElementsAre("1.csv/.dirkeep", "3.csv/below.csv"));
}

TEST_F(HarvestTest, ASealedInputIsUnchangedWhateverHappensToIt) {
  for (std::uint32_t i = 0; i < 5; ++i) Put("d/" + std::to_string(i) + ".csv", "x", i, true);
  Write("d/1.csv", "overwritten");
  fs::remove(dir_ / "d/2.csv");
  fs::rename(dir_ / "d/3.csv", dir_ / "d/moved.csv");
  fs::remove(dir_ / "d/4.csv");
  fs::create_symlink("/etc/passwd", dir_ / "d/4.csv");
  const HarvestResult result = Walk();
  EXPECT_THAT(result.summary.unchanged, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(result.summary.deleted, IsEmpty());
  EXPECT_THAT(Names(result), ElementsAre("d/moved.csv"));
}

TEST_F(HarvestTest, TheSourceIsReportedOnlyWhenItChanged) {
  Put("main.py", "print()", 0, false, CellFileKind::kSource);
  HarvestResult result = Walk();
  EXPECT_THAT(result.files, IsEmpty());
  EXPECT_THAT(result.summary.unchanged, IsEmpty());
  Write("main.py", "print(1)");
  result = Walk();
  ASSERT_THAT(Names(result), ElementsAre("main.py"));
  EXPECT_EQ(result.files[0].input, CellOutput::kNew);
  fs::remove(dir_ / "main.py");
  EXPECT_THAT(Walk().summary.deleted, IsEmpty());
}

TEST_F(HarvestTest, OnlyRegularFilesAreOutputs) {
  Write("real.csv", "x");
  fs::create_symlink("real.csv", dir_ / "link.csv");
  fs::create_symlink("/etc", dir_ / "etc");
  fs::create_symlink(".", dir_ / "self");
  ASSERT_EQ(::mkfifo((dir_ / "fifo.csv").c_str(), 0600), 0);
  ASSERT_EQ(::mknod((dir_ / "dev.csv").c_str(), S_IFCHR | 0600, makedev(1, 5)), 0);
  const UniqueFd socket_fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX};
  std::strncpy(address.sun_path, (dir_ / "sock.csv").c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket_fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const HarvestResult result = Walk();
  EXPECT_THAT(Names(result), ElementsAre("real.csv"));
  EXPECT_EQ(result.summary.skipped_count, 0u);
}

TEST_F(HarvestTest, AHardLinkIsAFile) {
  Put("a.csv", "x", 0);
  fs::create_hard_link(dir_ / "a.csv", dir_ / "b.csv");
  const HarvestResult result = Walk();
  EXPECT_THAT(Names(result), ElementsAre("b.csv"));
  EXPECT_THAT(result.summary.unchanged, ElementsAre(0));
}

TEST_F(HarvestTest, ExtensionsDecideAboutNewFilesOnly) {
  Put("in.xyz", "x", 0);
  Write("in.xyz", "changed");
  Write("new.xyz", "x");
  Write("Makefile", "x");
  Write("new.csv", "x");
  HarvestResult result = Walk();
  EXPECT_THAT(Names(result), ElementsAre("in.xyz", "new.csv"));
  EXPECT_EQ(result.summary.skip_reasons, std::uint32_t{kSkipExtension});
  EXPECT_EQ(result.summary.skipped_count, 2u);
  EXPECT_THAT(result.summary.skipped, ElementsAre("Makefile", "new.xyz"));

  rules_.extra_extensions = {"xyz"};
  EXPECT_THAT(Names(Walk()), ElementsAre("in.xyz", "new.csv", "new.xyz"));
  rules_.any_extension = true;
  EXPECT_THAT(Names(Walk()), ElementsAre("Makefile", "in.xyz", "new.csv", "new.xyz"));
}

TEST_F(HarvestTest, SizeIsInclusive) {
  rules_.max_file_size = 4;
  Put("in.csv", "x", 0);
  Write("in.csv", "12345");
  Write("fits.csv", "1234");
  Write("big.csv", "12345");
  const HarvestResult result = Walk();
  EXPECT_THAT(Names(result), ElementsAre("fits.csv"));
  EXPECT_EQ(result.summary.skip_reasons, std::uint32_t{kSkipSize});
  EXPECT_THAT(result.summary.skipped, ElementsAre("big.csv", "in.csv"));
  EXPECT_THAT(result.summary.unchanged, IsEmpty());
  EXPECT_THAT(result.summary.deleted, IsEmpty()) << "it is there, only too large";
}

TEST_F(HarvestTest, ChangedInputsComeFirstWhenTheCapBites) {
  rules_.max_files = 2;
  Put("z.csv", "x", 7);
  Write("z.csv", "changed");
  for (const char* name : {"a.csv", "b.csv", "c.csv"}) Write(name, "x");
  const HarvestResult result = Walk();
  EXPECT_THAT(Names(result), ElementsAre("a.csv", "z.csv"));
  EXPECT_EQ(result.summary.skip_reasons, std::uint32_t{kSkipMaxFiles});
  EXPECT_EQ(result.summary.skipped_count, 2u);
  EXPECT_THAT(result.summary.skipped, ElementsAre("b.csv", "c.csv"));
}

TEST_F(HarvestTest, ACapOfNoneLeavesAllOut) {
  rules_.max_files = 0;
  Write("a.csv", "x");
  const HarvestResult result = Walk();
  EXPECT_THAT(result.files, IsEmpty());
  EXPECT_EQ(result.summary.skipped_count, 1u);
}

TEST_F(HarvestTest, EverythingLeftOutIsCountedAndSomeIsNamed) {
  for (int i = 100; i < 130; ++i) Write(std::to_string(i) + ".xyz", "x");
  const HarvestResult result = Walk();
  EXPECT_EQ(result.summary.skipped_count, 30u);
  ASSERT_EQ(result.summary.skipped.size(), HarvestSummary::kMaxSkippedNames);
  EXPECT_EQ(result.summary.skipped.front(), "100.xyz");
  EXPECT_EQ(result.summary.skipped.back(), "119.xyz");
}

TEST_F(HarvestTest, DepthIsCountedInSegments) {
  rules_.max_depth = 3;
  Write("a/b/ok.csv", "x");
  Write("a/b/c/too_deep.csv", "x");
  Write("a/b/c/d/never_seen.csv", "x");
  const HarvestResult result = Walk();
  EXPECT_THAT(Names(result), ElementsAre("a/b/ok.csv"));
  EXPECT_EQ(result.summary.skip_reasons & ~std::uint32_t{kSkipPath | kSkipDepth}, 0u);
  EXPECT_NE(result.summary.skip_reasons & kSkipDepth, 0u);
  EXPECT_THAT(result.summary.skipped, ElementsAre("a/b/c/d/", "a/b/c/too_deep.csv"));
}

TEST_F(HarvestTest, LongPathsAreLeftOut) {
  const std::string long_name = std::string(200, 'd') + "/" + std::string(52, 'f');  // 253 bytes
  Write(long_name + ".md", "x");                                                     // 256
  Write(long_name + ".csv", "x");                                                    // 257
  const HarvestResult result = Walk();
  EXPECT_THAT(Names(result), ElementsAre(long_name + ".md"));
  EXPECT_EQ(result.summary.skip_reasons, std::uint32_t{kSkipPath});
  EXPECT_THAT(result.summary.skipped, ElementsAre(long_name + ".csv"));
}

TEST_F(HarvestTest, NamesThatAreNotTextAreLeftOut) {
  Write("bad\xff.csv", "x");
  Write("back\\slash.csv", "x");
  Write("dir\xc3/a.csv", "x");
  Write("new\nline.csv", "x");
  Write("gr\xc3\xbc\xc3\x9f.csv", "x");
  const HarvestResult result = Walk();
  EXPECT_THAT(Names(result), ElementsAre("gr\xc3\xbc\xc3\x9f.csv", "new\nline.csv"));
  EXPECT_EQ(result.summary.skip_reasons, std::uint32_t{kSkipPath});
  EXPECT_THAT(result.summary.skipped,
              ElementsAre("back\\slash.csv", "bad\xef\xbf\xbd.csv", "dir\xef\xbf\xbd/a.csv"));
}

// The names go into JSON. One of 255 bad bytes becomes 765 bytes of text, and is cut.
TEST_F(HarvestTest, NamesOfWhatIsLeftOutAreTextEvenWhenCut) {
  for (std::size_t extra = 0; extra < 3; ++extra) {
    Write(std::string(extra, 'a') + std::string(240, '\xff') + ".csv", "x");
  }
  const HarvestResult result = Walk();
  ASSERT_EQ(result.summary.skipped.size(), 3u);
  for (const std::string& name : result.summary.skipped) {
    EXPECT_TRUE(IsUtf8(name)) << name.size();
    EXPECT_LE(name.size(), 512u);
    EXPECT_GT(name.size(), 500u);
  }
}

TEST_F(HarvestTest, TheSameTreeAlwaysGivesTheSameAnswer) {
  rules_.max_files = 7;
  for (int i = 0; i < 40; ++i) {
    Write("d" + std::to_string(i % 5) + "/" + std::to_string(i * 7919 % 101) + ".csv", "x");
  }
  const HarvestResult first = Walk(), second = Walk();
  EXPECT_EQ(Names(first), Names(second));
  EXPECT_EQ(first.summary.Encode(), second.summary.Encode());
  EXPECT_THAT(Names(first), ::testing::WhenSorted(::testing::ElementsAreArray(Names(second))));
}

}  // namespace
}  // namespace codeapi
