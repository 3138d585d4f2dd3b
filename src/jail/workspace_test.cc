#include "jail/workspace.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "jail/workspace_fixture.h"

namespace codeapi {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct stat StatOf(const std::string& path) {
  struct stat st{};
  EXPECT_EQ(::lstat(path.c_str(), &st), 0) << path;
  return st;
}

TEST_F(WorkspaceTest, AFileArrivesAsSentAndBelongsToTheProgram) {
  std::string bytes(200'000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7);
  ASSERT_EQ(workspace_.BeginFile({CellFileKind::kInput, false, 0, "dir/sub/a.bin"}), 0);
  ASSERT_EQ(workspace_.Append(bytes.substr(0, 1)), 0);
  ASSERT_EQ(workspace_.Append(""), 0);
  ASSERT_EQ(workspace_.Append(bytes.substr(1)), 0);
  ASSERT_EQ(workspace_.EndFile(), 0);
  EXPECT_EQ(testing::ReadFile(dir_ / "dir/sub/a.bin"), bytes);
  for (const char* name : {"dir", "dir/sub", "dir/sub/a.bin"}) {
    EXPECT_EQ(StatOf(dir_ / name).st_uid, kUid) << name;
    EXPECT_EQ(StatOf(dir_ / name).st_gid, kGid) << name;
  }
  EXPECT_EQ(StatOf(dir_ / "dir/sub/a.bin").st_mode & 07777, 0600u);
}

TEST_F(WorkspaceTest, ASealedFileStaysRoots) {
  Put("a.csv", "sealed", 0, true);
  EXPECT_EQ(StatOf(dir_ / "a.csv").st_uid, 0u);
  EXPECT_EQ(StatOf(dir_ / "a.csv").st_mode & 07777, 0444u);
}

TEST_F(WorkspaceTest, TheLastOfTwoEqualNamesStays) {
  Put("a.csv", "first", 0, true);
  Put("a.csv", "second", 1);
  EXPECT_EQ(testing::ReadFile(dir_ / "a.csv"), "second");
  EXPECT_EQ(StatOf(dir_ / "a.csv").st_uid, kUid);
  const HarvestResult result = Walk();
  EXPECT_THAT(result.summary.unchanged, ElementsAre(1));
  EXPECT_THAT(result.summary.deleted, IsEmpty());
}

TEST_F(WorkspaceTest, NamesThatCannotBeAreRefused) {
  Put("file", "x");
  Put("dir/file", "x");
  const auto begin = [&](const std::string& name) {
    return workspace_.BeginFile({CellFileKind::kInput, false, 0, name});
  };
  EXPECT_EQ(begin("dir"), EEXIST);
  EXPECT_EQ(begin("file/below"), ENOTDIR);
  EXPECT_EQ(begin("../out"), EXDEV);
  EXPECT_NE(begin("/etc/x"), 0);
  EXPECT_NE(begin(""), 0);
  EXPECT_NE(begin("dir/"), 0);
  EXPECT_EQ(begin(std::string(256, 'a')), ENAMETOOLONG);
}

TEST_F(WorkspaceTest, BytesWithoutAFileAreRefused) {
  EXPECT_EQ(workspace_.Append("x"), EINVAL);
  EXPECT_EQ(workspace_.EndFile(), EINVAL);
  Put("a.csv", "x");
  EXPECT_EQ(workspace_.Append("x"), EINVAL);
  EXPECT_EQ(workspace_.EndFile(), EINVAL);
}

TEST_F(WorkspaceTest, StandardInputHasNoName) {
  EXPECT_EQ(workspace_.stdin_fd(), -1);
  Put("", "to read", 0, false, CellFileKind::kStdin);
  ASSERT_GE(workspace_.stdin_fd(), 0);
  EXPECT_EQ(testing::ReadToEnd(workspace_.stdin_fd()), "to read");
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
  const HarvestResult result = Walk();
  EXPECT_THAT(result.files, IsEmpty());
  EXPECT_THAT(result.summary.unchanged, IsEmpty());
  EXPECT_THAT(result.summary.deleted, IsEmpty());
}

TEST_F(WorkspaceTest, SupportFilesAreRootsAndNoPartOfTheWorkspace) {
  Put("run.py", "import sys", 0, false, CellFileKind::kSupport);
  Put("call",
      "\x7f"
      "ELF",
      0, false, CellFileKind::kSupport);
  EXPECT_EQ(testing::ReadFile(support_ + "/run.py"), "import sys");
  EXPECT_EQ(testing::ReadFile(support_ + "/call"),
            "\x7f"
            "ELF");
  EXPECT_EQ(StatOf(support_).st_mode & 07777, 0755u);
  for (const char* name : {"", "/run.py", "/call"}) EXPECT_EQ(StatOf(support_ + name).st_uid, 0u) << name;
  for (const char* name : {"/run.py", "/call"}) {
    EXPECT_EQ(StatOf(support_ + name).st_mode & 07777, 0555u) << name;
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
  const HarvestResult result = Walk();
  EXPECT_THAT(result.files, IsEmpty());
  EXPECT_THAT(result.summary.unchanged, IsEmpty());
  EXPECT_THAT(result.summary.deleted, IsEmpty());
}

TEST_F(WorkspaceTest, SupportFilesAreBounded) {
  const auto begin = [&](const std::string& name) {
    return workspace_.BeginFile({CellFileKind::kSupport, false, 0, name});
  };
  for (const std::string name :
       {"", ".", "..", ".hidden", "a/b", "../x", "/etc/x", "a b", "a\n", "\xc3\xbc"}) {
    EXPECT_EQ(begin(name), EINVAL) << name;
  }
  EXPECT_EQ(begin(std::string(65, 'a')), EINVAL);
  EXPECT_FALSE(std::filesystem::exists(support_)) << "nothing is made for a name that cannot be";
  EXPECT_EQ(begin(std::string(64, 'a')), 0);
  EXPECT_EQ(workspace_.Append(std::string(kMaxSupportFile, 'x')), 0);
  EXPECT_EQ(workspace_.Append("x"), EFBIG);
  workspace_.EndFile();
  EXPECT_EQ(begin(std::string(64, 'a')), EEXIST) << "each once";
  for (std::uint32_t i = 2; i < kMaxSupportFiles; ++i) EXPECT_EQ(begin("f" + std::to_string(i)), 0) << i;
  EXPECT_EQ(begin("one-more"), E2BIG);
}

// Attack 9's other half: inputs beyond the cap are an answer, not a crash. In a child, whose mount goes with
// it.
TEST_F(WorkspaceTest, AFullWorkspaceSaysSo) {
  const auto child = testing::RunInChild([&](int out) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("t", dir_.path().c_str(), "tmpfs", 0, "size=64k,nr_inodes=4") != 0) {
      return testing::Report(out, "no mount");
    }
    Workspace small(UniqueFd(::open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)), kUid, kGid);
    const int begun = small.BeginFile({CellFileKind::kInput, false, 0, "a"});
    const int written = small.Append(std::string(100'000, 'x'));
    small.EndFile();
    int inode = 0;
    for (const char* name : {"b", "c", "d", "e"}) {
      inode = small.BeginFile({CellFileKind::kInput, false, 0, name});
      small.EndFile();
    }
    testing::Report(out, std::to_string(begun) + " " + std::to_string(written) + " " + std::to_string(inode));
  });
  EXPECT_EQ(child.output, "0 " + std::to_string(ENOSPC) + " " + std::to_string(ENOSPC));
}

TEST_F(WorkspaceTest, OpenFileGivesWhatTheWalkSaw) {
  Write("dir/a.csv", "content");
  const HarvestResult result = Walk();
  ASSERT_THAT(Names(result), ElementsAre("dir/a.csv"));
  const auto fd = workspace_.OpenFile(result.files[0]);
  ASSERT_TRUE(fd);
  EXPECT_EQ(testing::ReadToEnd(fd->get()), "content");
}

TEST_F(WorkspaceTest, OpenFileRefusesWhatHasBecomeOfIt) {
  const auto error_after = [&](auto change) {
    Write("a.csv", "content");
    const HarvestedFile file = Walk().files.at(0);
    change();
    const auto fd = workspace_.OpenFile(file);
    std::filesystem::remove_all(dir_ / "a.csv");
    return fd ? 0 : fd.error();
  };
  const std::string path = dir_ / "a.csv";
  EXPECT_EQ(error_after([&] { Write("a.csv", "longer content"); }), ESTALE);
  EXPECT_EQ(error_after([&] { std::filesystem::remove(path); }), ENOENT);
  EXPECT_EQ(error_after([&] {
              std::filesystem::remove(path);
              std::filesystem::create_symlink("/etc/passwd", path);
            }),
            ELOOP);
  EXPECT_EQ(error_after([&] {
              std::filesystem::remove(path);
              std::filesystem::create_directory(path);
            }),
            ESTALE);
  EXPECT_EQ(error_after([&] {
              std::filesystem::remove(path);
              ::mkfifo(path.c_str(), 0600);
            }),
            ESTALE);
}

}  // namespace
}  // namespace codeapi
