// Private roots for real, each in a child with mount namespaces of its own.

#include "jail/private_root.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <functional>

#include "jail/template_root.h"
#include "jail/testing.h"

namespace codeapi {
namespace {

namespace fs = std::filesystem;
using testing::ReadFile;
using testing::Report;

constexpr const char* kFiles[] = {"/",          "/usr",       "/usr/bin/tool", "/usr/lib/more/file",
                                  "/etc/magic", "/etc/hosts", "/dev",          "/dev/null"};

class PrivateRootTest : public ::testing::Test {
 protected:
  PrivateRootTest() {
    fs::create_directories(source_.path() / "usr/bin");
    fs::create_directories(source_.path() / "usr/lib/more");
    fs::create_directories(source_.path() / "etc");
    testing::WriteFile(source_ / "usr/bin/tool", "tool");
    testing::WriteFile(source_ / "etc/magic", "magic\n");
  }

  // `mount_more` mounts in the source; the child is then in the template root with `mounts`, or has reported
  // why not.
  std::string InTemplate(const std::function<bool()>& mount_more,
                         const std::function<void(int, const std::vector<std::string>&)>& look) {
    return testing::RunInChild([&](int out) {
             if (::unshare(CLONE_NEWNS) != 0 ||
                 ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 || !mount_more()) {
               return Report(out, "set-up failed");
             }
             TemplateOptions options{source_.path(), 1};
             options.private_mounts = true;
             const auto mounts = EnterTemplateRoot(options);
             if (!mounts) return Report(out, mounts.error().message);
             look(out, *mounts);
           })
        .output;
  }

  // A file system of its own inside /usr, which an overlay over /usr would not show.
  bool MountMore() {
    const std::string at = source_ / "usr/lib/more";
    if (::mount("more", at.c_str(), "tmpfs", 0, nullptr) != 0) return false;
    testing::WriteFile(at + "/file", "in a mount");
    return true;
  }

  testing::TempDir source_;
};

// Runs `look` in a cell's place: a child with a mount namespace, which has `mounts` of its own unless there
// are none.
void InCell(int out, const std::vector<std::string>& mounts, const std::function<void()>& look) {
  const pid_t cell = testing::Fork();
  if (cell != 0) {
    testing::WaitFor(cell);
    return;
  }
  MountStatus status;
  if (::unshare(CLONE_NEWNS) != 0) status = {errno, "unshare"};
  if (status && !mounts.empty()) status = EnterPrivateRoot(mounts);
  if (!status) Report(out, status.step + ": " + std::strerror(status.error));
  if (status) look();
  ::_exit(0);
}

// How many of the files could be locked. The locks stay as long as the process.
std::string LockAll() {
  std::size_t locked = 0;
  for (const char* path : kFiles) {
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    locked += fd >= 0 && ::flock(fd, LOCK_EX | LOCK_NB) == 0 ? 1 : 0;
  }
  return std::to_string(locked) + " ";
}

TEST_F(PrivateRootTest, LocksStayInside) {
  EXPECT_EQ(InTemplate([&] { return MountMore(); },
                       [](int out, const std::vector<std::string>& mounts) {
                         Report(out, LockAll());
                         InCell(out, {}, [&] { Report(out, LockAll()); });
                         InCell(out, mounts, [&] {
                           Report(out, LockAll());
                           InCell(out, {}, [&] { Report(out, LockAll()); });
                         });
                         InCell(out, mounts, [&] { Report(out, LockAll()); });
                       }),
            "8 0 8 0 8 ");
}

// A cell watches, another one reads, and the first one says what it saw.
void WatchAnother(int out, const std::vector<std::string>& mounts) {
  int ready[2], go[2];
  if (::pipe2(ready, O_CLOEXEC) != 0 || ::pipe2(go, O_CLOEXEC) != 0) return Report(out, "no pipe");
  const pid_t watcher = testing::Fork();
  if (watcher == 0) {
    InCell(out, mounts, [&] {
      const UniqueFd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
      for (const char* path : kFiles) {
        if (::inotify_add_watch(watch.get(), path, IN_ALL_EVENTS) < 0) Report(out, "no watch ");
      }
      char bytes[4096];
      Report(ready[1], "x");
      if (::read(go[0], bytes, 1) != 1) Report(out, "no go ");
      Report(out, ::read(watch.get(), bytes, sizeof bytes) > 0 ? "seen " : "unseen ");
    });
    ::_exit(0);
  }
  char byte;
  if (::read(ready[0], &byte, 1) != 1) Report(out, "not ready ");
  InCell(out, mounts, [&] { Report(out, ReadFile("/usr/bin/tool") + " "); });
  Report(go[1], "x");
  testing::WaitFor(watcher);
}

TEST_F(PrivateRootTest, WatchesStayInside) {
  EXPECT_EQ(InTemplate([&] { return MountMore(); },
                       [](int out, const std::vector<std::string>& mounts) {
                         WatchAnother(out, {});
                         WatchAnother(out, mounts);
                       }),
            "tool seen tool unseen ");
}

TEST_F(PrivateRootTest, ShowsWhatTheTemplateShows) {
  EXPECT_EQ(InTemplate([&] { return MountMore(); },
                       [](int out, const std::vector<std::string>& mounts) {
                         InCell(out, mounts, [&] {
                           Report(out, ReadFile("/usr/bin/tool") + " " + ReadFile("/usr/lib/more/file"));
                           if (!fs::is_empty("/run") || !fs::is_empty("/mnt/data")) Report(out, " layers");
                           for (const char* path : {"/", "/usr", "/usr/lib/more", "/etc", "/dev"}) {
                             const std::string name = std::string(path) + "/x";
                             if (::mkdir(name.c_str(), 0700) == 0 || errno != EROFS)
                               Report(out, " writable " + name);
                           }
                           const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
                           if (::write(null.get(), "x", 1) != 1) Report(out, " no device");
                         });
                       }),
            "tool in a mount");
}

TEST_F(PrivateRootTest, WhatAnOverlayCannotShowIsRefused) {
  const auto look = [](int out, const std::vector<std::string>&) { Report(out, "entered"); };
  const std::string file = source_ / "usr/bin/tool", odd = source_ / "usr/a:b";
  fs::create_directory(odd);
  const std::string refused = "CODEAPI_ROOT_SHARING=private is not possible here: there is ";
  EXPECT_EQ(
      InTemplate([&] { return ::mount(file.c_str(), file.c_str(), nullptr, MS_BIND, nullptr) == 0; }, look),
      refused + "a single file mounted at /usr/bin/tool");
  EXPECT_EQ(InTemplate([&] { return ::mount("odd", odd.c_str(), "tmpfs", 0, nullptr) == 0; }, look),
            refused + "something mounted at /usr/a:b");
}

// The kernel has no more than two overlays one over the other.
TEST_F(PrivateRootTest, WhatTheKernelRefusesIsNamed) {
  const std::string usr = source_ / "usr", layers = "lowerdir=" + usr + ":" + (source_ / "etc");
  const auto stack = [&] {
    for (int i = 0; i < 2; ++i) {
      if (::mount("overlay", usr.c_str(), "overlay", MS_RDONLY, layers.c_str()) != 0) return false;
    }
    return true;
  };
  EXPECT_EQ(
      InTemplate(stack, [](int out, const std::vector<std::string>&) { Report(out, "entered"); }),
      "CODEAPI_ROOT_SHARING=private is not possible here: mount an overlay over /usr: Invalid argument");
}

TEST_F(PrivateRootTest, ASharedRootHasNoMountsToCover) {
  EXPECT_EQ(testing::RunInChild([&](int out) {
              const auto mounts = EnterTemplateRoot({source_.path(), 1});
              Report(out, !mounts ? mounts.error().message : std::to_string(mounts->size()));
            }).output,
            "0");
}

}  // namespace
}  // namespace codeapi
