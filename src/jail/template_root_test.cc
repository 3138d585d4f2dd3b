// The template root for real, each case in a child with a mount namespace of its own. What cells add to it is
// in cell_mounts_test.cc.

#include "jail/template_root.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#include <cstdlib>
#include <sstream>

#include "jail/plot_backend.h"
#include "jail/testing.h"

namespace codeapi {
namespace {

namespace fs = std::filesystem;
using testing::ReadFile;
using testing::Report;

// A root with one program, one file of /etc, and something beside them that is nobody's business.
void MakeSource(const fs::path& at) {
  fs::create_directories(at / "usr/bin");
  fs::create_directories(at / "etc/fonts");
  testing::WriteFile(at / "usr/bin/tool", "tool");
  testing::WriteFile(at / "etc/magic", "magic\n");
  testing::WriteFile(at / "etc/shadow", "secret\n");
}

// Enters the template root of `source` and returns the mount table as a program would read it; "" and a
// report when that fails.
std::string MountsOf(const std::string& source, int out) {
  if (const auto entered = EnterTemplateRoot({source, 1}); !entered) {
    Report(out, entered.error().message);
    return {};
  }
  if (::mount("proc", "/proc", "proc", 0, nullptr) != 0) Report(out, "mount proc");
  return ReadFile("/proc/self/mountinfo");
}

TEST(TemplateRoot, ShowsThePartsOfItsSourceThatProgramsNeed) {
  const testing::TempDir dir;
  MakeSource(dir.path());
  EXPECT_EQ(testing::RunInChild([&](int out) {
              MountsOf(dir.path(), out);
              Report(out, ReadFile("/usr/bin/tool") + " " + ReadFile("/etc/magic") +
                              (fs::exists("/etc/shadow") ? "shadow" : "") +
                              (fs::exists("/etc/fonts") ? "fonts" : ""));
            }).output,
            "tool magic\nfonts");
}

// What package-init built: links instead of mounts, and the names we make ourselves stay ours.
TEST(TemplateRoot, LinksToWhatABuiltRootKeepsForEtc) {
  const testing::TempDir dir;
  MakeSource(dir.path());
  const fs::path kept = dir.path() / "usr/lib/codeapi/etc";
  fs::create_directories(kept / "fonts");
  fs::create_directories(kept / "java-21-openjdk");
  fs::create_directories(dir.path() / "usr/local/lib/node_modules/pkg");
  fs::create_symlink("usr/local/lib/node_modules", dir.path() / "node_modules");
  testing::WriteFile(kept / "java-21-openjdk/conf", "java");
  testing::WriteFile(kept / "passwd", "not this one");
  const auto child = testing::RunInChild([&](int out) {
    const std::string mounts = MountsOf(dir.path(), out);
    Report(out, ReadFile("/etc/java-21-openjdk/conf"));
    if (!fs::is_symlink("/etc/fonts") || !fs::is_directory("/etc/fonts")) Report(out, " fonts");
    if (mounts.find(" /etc/") != std::string::npos) Report(out, " mounts: " + mounts);
    if (fs::is_symlink("/etc/passwd") || !ReadFile("/etc/passwd").empty()) Report(out, " passwd");
    if (!fs::is_directory("/node_modules/pkg")) Report(out, " node_modules");
  });
  EXPECT_EQ(child.output, "java");
}

// Attack 54: in a container the root is an overlay, and its options name the engine's directories.
TEST(TemplateRoot, AnOverlayTellsNothingOfWhatItIsMadeOf) {
  const testing::TempDir dir;
  const std::string at = dir / "engine";
  const auto child = testing::RunInChild([&](int out) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      return Report(out, "unshare");
    }
    fs::create_directory(at);
    if (::mount("tmpfs", at.c_str(), "tmpfs", 0, nullptr) != 0) return Report(out, "mount tmpfs");
    MakeSource(at + "/layer");
    for (const char* name : {"/above", "/work", "/container"}) fs::create_directory(at + name);
    const std::string layers = "lowerdir=" + at + "/layer,upperdir=" + at + "/above,workdir=" + at + "/work";
    if (::mount("overlay", (at + "/container").c_str(), "overlay", 0, layers.c_str()) != 0) {
      return Report(out, "mount overlay");
    }
    const std::string mounts = MountsOf(at + "/container", out);
    std::string told = ReadFile("/usr/bin/tool") + " " + ReadFile("/etc/magic");
    for (const char* word : {"engine", "layer", "above", "container", "upperdir", "workdir"}) {
      if (mounts.find(word) != std::string::npos) told += std::string(" tells ") + word;
    }
    if (mounts.find("overlay root ro,lowerdir=usr:") == std::string::npos) told += "no overlay:\n" + mounts;
    Report(out, told);
  });
  EXPECT_EQ(child.output, "tool magic\n");
}

TEST(TemplateRoot, TellsNothingOfTheHostsMemoryBesideItsDevices) {
  const testing::TempDir dir;
  MakeSource(dir.path());
  EXPECT_EQ(
      testing::RunInChild([&](int out) {
        const std::string mounts = MountsOf(dir.path(), out);
        Report(out, mounts.find("devtmpfs") == std::string::npos ? "none" : mounts);
        for (const char* name : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}) {
          const UniqueFd device(::open(name, O_RDWR | O_CLOEXEC));
          struct stat st{};
          if (!device || ::fstat(device.get(), &st) != 0 || (st.st_mode & 07777) != 0666) {
            Report(out, std::string(" ") + name);
          }
        }
      }).output,
      "none");
}

TEST(TemplateRoot, SaysWhenTheMachineStarted) {
  timespec since_boot{};
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  const std::time_t boot = ::time(nullptr) - since_boot.tv_sec;
  const testing::TempDir dir;
  MakeSource(dir.path());
  const auto child = testing::RunInChild([&](int out) {
    MountsOf(dir.path(), out);
    std::istringstream stat(ReadFile("/etc/cell/stat"));
    for (std::string line; std::getline(stat, line);) {
      if (line.starts_with("btime ")) Report(out, line.substr(6));
    }
  });
  EXPECT_LE(std::abs(std::atoll(child.output.c_str()) - boot), 2) << child.output;
}

// What matplotlib is told to draw with has to be where every Python looks.
TEST(TemplateRoot, EveryPythonFindsThePlotBackend) {
  const testing::TempDir dir;
  MakeSource(dir.path());
  const std::string lib = dir / "usr/local/lib";
  fs::create_directories(lib + "/python3.90/dist-packages");
  fs::create_directories(lib + "/python3.91/site-packages/numpy");
  fs::create_directories(lib + "/python3.92/dist-packages");
  fs::create_directories(lib + "/other");
  testing::WriteFile(lib + "/python3.92/dist-packages/codeapi_matplotlib.py", "the root's own");
  const auto child = testing::RunInChild([&](int out) {
    MountsOf(dir.path(), out);
    const std::string at = "/usr/local/lib/python3.9";
    const std::string file = "/codeapi_matplotlib.py";
    if (ReadFile(at + "0/dist-packages" + file) == kPlotBackend) Report(out, "covered ");
    if (ReadFile(at + "1/site-packages" + file) == kPlotBackend) Report(out, "layered ");
    if (fs::exists(at + "1/site-packages/numpy")) Report(out, "beside numpy ");
    Report(out, ReadFile(at + "2/dist-packages" + file));
    if (!HasPlotBackend()) Report(out, " not everywhere");
    if (::open((at + "1/site-packages/x").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644) >= 0) {
      Report(out, " writable");
    }
  });
  EXPECT_EQ(child.output, "covered layered beside numpy the root's own");
}

TEST(TemplateRoot, WithoutPythonThereIsNoPlotBackend) {
  const testing::TempDir dir;
  MakeSource(dir.path());
  EXPECT_EQ(testing::RunInChild([&](int out) {
              MountsOf(dir.path(), out);
              Report(out, HasPlotBackend() ? "there" : "none");
            }).output,
            "none");
}

TEST(TemplateRoot, WithoutProgramsThereIsNone) {
  const testing::TempDir dir;
  EXPECT_EQ(testing::RunInChild([&](int out) { MountsOf(dir.path(), out); }).output,
            "open the root's " + dir.path().string() + "/usr: No such file or directory");
}

}  // namespace
}  // namespace codeapi
