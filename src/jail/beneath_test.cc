#include "jail/beneath.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "jail/testing.h"

namespace codeapi {
namespace {

namespace fs = std::filesystem;
using testing::ReadToEnd;
using testing::TempDir;
using testing::WriteFile;

constexpr std::uint32_t kUid = 61'234;

class BeneathTest : public ::testing::Test {
 protected:
  BeneathTest() {
    fs::create_directories(root_ / "in/a/b");
    fs::create_directory(root_ / "out");
    WriteFile(root_ / "in/a/b/file", "inside");
    WriteFile(root_ / "out/secret", "outside");
    beneath_.emplace(UniqueFd(::open((root_ / "in").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  }
  int ErrorOf(const std::string& path, int flags = O_RDONLY) {
    const auto fd = beneath_->Open(path, flags, flags & O_CREAT ? 0600 : 0);
    return fd ? 0 : fd.error();
  }
  TempDir root_;
  std::optional<BeneathDir> beneath_;
};

TEST_F(BeneathTest, OpensWhatIsBeneath) {
  const auto fd = beneath_->Open("a/b/file", O_RDONLY);
  ASSERT_TRUE(fd);
  EXPECT_EQ(ReadToEnd(fd->get()), "inside");
  EXPECT_EQ(ErrorOf("a/../a/b/./file"), 0) << "a way that stays beneath is none out";
  EXPECT_EQ(ErrorOf("a/missing"), ENOENT);
  EXPECT_EQ(ErrorOf("a/b/file/x"), ENOTDIR);
}

TEST_F(BeneathTest, CreatesWithTheModeGiven) {
  ::umask(022);
  ASSERT_TRUE(beneath_->Open("new", O_WRONLY | O_CREAT | O_EXCL, 0640));
  struct stat st{};
  ASSERT_EQ(::stat((root_ / "in/new").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0640u);
  EXPECT_EQ(ErrorOf("new", O_WRONLY | O_CREAT | O_EXCL), EEXIST);
}

TEST_F(BeneathTest, DescriptorsAreClosedOnExec) {
  const auto fd = beneath_->Open("a/b/file", O_RDONLY);
  ASSERT_TRUE(fd);
  EXPECT_EQ(::fcntl(fd->get(), F_GETFD), FD_CLOEXEC);
  const auto path_only = beneath_->Open("a/b/file", O_PATH);
  ASSERT_TRUE(path_only);
  EXPECT_EQ(::fcntl(path_only->get(), F_GETFD), FD_CLOEXEC);
}

TEST_F(BeneathTest, TheWayOutIsClosed) {
  for (const std::string path :
       {"..", "../out/secret", "a/../../out/secret", "/", "/etc/passwd", "/proc/self"}) {
    EXPECT_EQ(ErrorOf(path), EXDEV) << path;
    EXPECT_EQ(ErrorOf(path, O_PATH), EXDEV) << path;
  }
}

TEST_F(BeneathTest, NoSymlinkIsFollowedWhereverItLeads) {
  fs::create_symlink("a/b/file", root_ / "in/to_inside");
  fs::create_symlink("a", root_ / "in/to_directory");
  fs::create_symlink("../out", root_ / "in/to_outside");
  fs::create_symlink("/etc/passwd", root_ / "in/to_absolute");
  fs::create_symlink("nowhere", root_ / "in/dangling");
  fs::create_symlink("loop", root_ / "in/loop");
  for (const char* path : {"to_inside", "to_directory", "to_directory/b/file", "to_outside/secret",
                           "to_absolute", "dangling", "loop", "a/../to_outside/secret"}) {
    EXPECT_EQ(ErrorOf(path), ELOOP) << path;
  }
  EXPECT_EQ(ErrorOf("dangling", O_WRONLY | O_CREAT), ELOOP);
  EXPECT_FALSE(fs::exists(root_ / "in/nowhere")) << "a file was made through a link";
  EXPECT_EQ(ErrorOf("to_directory", O_RDONLY | O_DIRECTORY), ENOTDIR);
  EXPECT_EQ(ErrorOf("to_absolute", O_WRONLY | O_TRUNC), ELOOP);
}

TEST_F(BeneathTest, MagicLinksAreRefused) {
  const BeneathDir proc(UniqueFd(::open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  for (const char* path : {"exe", "cwd", "root", "root/etc/passwd", "cwd/x", "fd/0", "fd/0/x", "ns/mnt"}) {
    const auto fd = proc.Open(path, O_RDONLY);
    ASSERT_FALSE(fd) << path;
    EXPECT_EQ(fd.error(), ELOOP) << path;
  }
  EXPECT_TRUE(proc.Open("status", O_RDONLY));
}

// A blocking open would never return, and the test with it.
TEST_F(BeneathTest, AFifoHoldsNobodyUp) {
  ASSERT_EQ(::mkfifo((root_ / "in/fifo").c_str(), 0600), 0);
  EXPECT_EQ(ErrorOf("fifo", O_RDONLY), 0);
  EXPECT_EQ(ErrorOf("fifo", O_WRONLY), ENXIO);
}

// An open that must not block answers EAGAIN for a file under lease, as it does for a race it could not
// judge.
TEST_F(BeneathTest, ALeaseHoldsNobodyUp) {
  const UniqueFd holder(::open((root_ / "in/a/b/file").c_str(), O_RDWR | O_CLOEXEC));
  auto* const before = ::signal(SIGIO, SIG_IGN);
  ASSERT_EQ(::fcntl(holder.get(), F_SETLEASE, F_WRLCK), 0);
  EXPECT_EQ(ErrorOf("a/b/file"), EAGAIN);
  ASSERT_EQ(::fcntl(holder.get(), F_SETLEASE, F_UNLCK), 0);
  ::signal(SIGIO, before);
  EXPECT_EQ(ErrorOf("a/b/file"), 0);
}

TEST_F(BeneathTest, AnEntryOfADirectoryCannotLeadOutOfIt) {
  const auto dir = beneath_->Open("a", O_RDONLY | O_DIRECTORY);
  ASSERT_TRUE(dir);
  EXPECT_TRUE(BeneathDir::OpenIn(dir->get(), "b/file", O_RDONLY));
  const auto up = BeneathDir::OpenIn(dir->get(), "../a", O_RDONLY);
  ASSERT_FALSE(up);
  EXPECT_EQ(up.error(), EXDEV);
}

// Attack 30: a directory is exchanged for a symlink, over and over, while somebody opens a file below it.
TEST_F(BeneathTest, ARaceAgainstASwapNeverLeadsOut) {
  fs::create_directory(root_ / "in/swap");
  WriteFile(root_ / "in/swap/secret", "inside");
  fs::create_symlink(root_ / "out", root_ / "in/link");
  const std::string one = root_ / "in/swap", other = root_ / "in/link";
  const pid_t swapper = testing::Fork();
  ASSERT_GE(swapper, 0);
  if (swapper == 0) {
    while (::getppid() != 1) {
      ::syscall(SYS_renameat2, AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
    }
    ::_exit(0);
  }
  int opened = 0, refused = 0;
  // Until both sides of the race have been seen often.
  while (opened < 200 || refused < 200) {
    const auto fd = beneath_->Open("swap/secret", O_RDONLY);
    if (fd) {
      ++opened;
      if (const std::string text = ReadToEnd(fd->get()); text != "inside") {
        ADD_FAILURE() << text;
        break;
      }
    } else if (++refused; fd.error() != ELOOP && fd.error() != EAGAIN) {
      ADD_FAILURE() << fd.error();
      break;
    }
  }
  ::kill(swapper, SIGKILL);
  testing::WaitFor(swapper);
}

TEST_F(BeneathTest, MakesTheParentsThatAreMissing) {
  ::umask(0);
  const auto parent = beneath_->MakeParents("a/x/y/file", kUid, kUid + 1);
  ASSERT_TRUE(parent);
  struct stat st{}, made{};
  ASSERT_EQ(::fstat(parent->get(), &st), 0);
  ASSERT_EQ(::stat((root_ / "in/a/x/y").c_str(), &made), 0);
  EXPECT_EQ(st.st_ino, made.st_ino);
  EXPECT_EQ(made.st_mode & 07777, 0700u);
  EXPECT_EQ(made.st_uid, kUid);
  EXPECT_EQ(made.st_gid, kUid + 1);
  ASSERT_EQ(::stat((root_ / "in/a").c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, 0u) << "one that was there keeps its owner";
  EXPECT_FALSE(fs::exists(root_ / "in/a/x/y/file"));
}

TEST_F(BeneathTest, WithoutASlashTheParentIsTheDirectoryItself) {
  const auto parent = beneath_->MakeParents("file", kUid, kUid);
  ASSERT_TRUE(parent);
  struct stat st{}, root{};
  ASSERT_EQ(::fstat(parent->get(), &st), 0);
  ASSERT_EQ(::fstat(beneath_->fd(), &root), 0);
  EXPECT_EQ(st.st_ino, root.st_ino);
}

TEST_F(BeneathTest, ParentsAreMadeBeneathOnly) {
  fs::create_symlink("../out", root_ / "in/link");
  const auto error = [&](const std::string& path) {
    const auto parent = beneath_->MakeParents(path, kUid, kUid);
    return parent ? 0 : parent.error();
  };
  EXPECT_EQ(error("link/x/file"), ENOTDIR);
  EXPECT_EQ(error("../out/x/file"), EXDEV);
  EXPECT_EQ(error("/out/file"), ENOENT);
  EXPECT_EQ(error("a/b/file/x"), ENOTDIR);
  EXPECT_FALSE(fs::exists(root_ / "out/x"));
  struct stat st{};
  ASSERT_EQ(::stat((root_ / "out").c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, 0u);
}

}  // namespace
}  // namespace codeapi
