// A cell's mounts for real: each case is PID 1 of its own namespaces, on top of the template root.

#include "jail/cell_mounts.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <set>
#include <sstream>

#include "jail/cell_users.h"
#include "jail/template_root.h"
#include "jail/testing.h"

namespace codeapi {
namespace {

namespace fs = std::filesystem;
using testing::ReadFile;
using testing::Report;

constexpr std::uint32_t kUid = 200'003;

CellSetup SomeSetup() {
  CellSetup setup;
  setup.uid = setup.gid = kUid;
  setup.workspace_bytes = 1 << 20;
  setup.workspace_inodes = 40;
  return setup;
}

// Runs `look` as PID 1 in a cell and returns what it reports.
std::string InCell(const std::function<void(int, CellFilesystem&)>& look) {
  const auto child = testing::RunInChild([&](int out) {
    if (::unshare(CLONE_NEWPID) != 0) return Report(out, "unshare failed");
    if (const auto entered = EnterTemplateRoot({"", 2}); !entered) {
      return Report(out, entered.error().message);
    }
    const pid_t init = testing::Fork();
    if (init != 0) ::_exit(WEXITSTATUS(testing::WaitFor(init)));
    CellFilesystem files;
    if (const MountStatus status = MountWorkspace(SomeSetup(), files); !status) {
      return Report(out, status.step + ": " + std::strerror(status.error));
    }
    if (const MountStatus status = MountProc(); !status) {
      return Report(out, status.step + ": " + std::strerror(status.error));
    }
    look(out, files);
  });
  EXPECT_TRUE(child.exited_with(0)) << child.status;
  return child.output;
}

// As far as file permissions go. The group matters: hidepid lets group 0 see everything.
void BecomeTheProgram() {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(kUid, kUid, kUid) != 0 ||
      ::setresuid(kUid, kUid, kUid) != 0) {
    ::_exit(1);
  }
}

std::string Describe(const char* path) {
  struct stat st{};
  if (::stat(path, &st) != 0) return std::string(path) + " missing\n";
  char mode[8];
  static_cast<void>(std::snprintf(mode, sizeof mode, "%o", st.st_mode & 07777));
  return std::string(path) + " " + mode + " " + std::to_string(st.st_uid) + ":" + std::to_string(st.st_gid) +
         "\n";
}

dev_t DeviceOf(const char* path) {
  struct stat st{};
  return ::stat(path, &st) == 0 ? st.st_dev : 0;
}

TEST(CellMounts, TheProgramOwnsItsWorkspace) {
  EXPECT_EQ(InCell([](int out, CellFilesystem&) {
              Report(out, Describe("/mnt/data") + Describe("/tmp") + Describe("/dev/shm"));
            }),
            "/mnt/data 700 200003:200003\n/tmp 1777 0:0\n/dev/shm 1777 0:0\n");
}

TEST(CellMounts, AllThreeDirectoriesShareOneCap) {
  EXPECT_EQ(InCell([](int out, CellFilesystem& files) {
              struct statvfs st{};
              struct stat kept{};
              ::statvfs("/mnt/data", &st);
              ::fstat(files.workspace.get(), &kept);
              const dev_t device = DeviceOf("/mnt/data");
              Report(out, std::to_string(st.f_blocks * st.f_frsize) + " " + std::to_string(st.f_files) +
                              (device != DeviceOf("/") && device == DeviceOf("/tmp") &&
                                       device == DeviceOf("/dev/shm") && device == kept.st_dev
                                   ? " one"
                                   : " several"));
            }),
            "1048576 40 one");
}

TEST(CellMounts, AFullWorkspaceIsAnErrorOfTheWriter) {
  EXPECT_EQ(InCell([](int out, CellFilesystem&) {
              const UniqueFd file(::open("/tmp/big", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
              const std::string block(256 << 10, 'x');
              int error = 0;
              for (int i = 0; i < 8 && error == 0; ++i) {
                if (::write(file.get(), block.data(), block.size()) < 0) error = errno;
              }
              const UniqueFd other(::open("/mnt/data/small", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
              const int small = ::write(other.get(), "x", 1) < 0 ? errno : 0;
              Report(out, std::string(std::strerror(error)) + ", " + std::strerror(small));
            }),
            "No space left on device, No space left on device");
}

TEST(CellMounts, InodesAreCappedToo) {
  EXPECT_EQ(InCell([](int out, CellFilesystem&) {
              int made = 0;
              while (made < 1000 && ::mkdir(("/dev/shm/" + std::to_string(made)).c_str(), 0700) == 0) ++made;
              Report(out, made < 40 && errno == ENOSPC ? "capped" : std::to_string(made));
            }),
            "capped");
}

TEST(CellMounts, TheStagingPlaceIsGone) {
  EXPECT_EQ(InCell([](int out, CellFilesystem&) {
              Report(out, fs::is_empty("/run") && DeviceOf("/run") == DeviceOf("/") ? "empty" : "shows");
            }),
            "empty");
}

TEST(CellMounts, NoMountIsWritableButTheWorkspace) {
  const std::string writable = InCell([](int out, CellFilesystem&) {
    std::ifstream mounts("/proc/self/mounts");
    std::set<std::string> found;
    for (std::string line; std::getline(mounts, line);) {
      std::istringstream fields(line);
      std::string source, target, type, options;
      fields >> source >> target >> type >> options;
      if (options.starts_with("rw")) found.insert(target);
    }
    std::string text;
    for (const std::string& target : found) {
      if (!target.starts_with("/proc")) text += target + " ";
    }
    Report(out, text);
  });
  EXPECT_EQ(writable, "/dev/shm /mnt/data /tmp ");
}

// Attack 54: the kernel's tell-tale files say nothing to the program. Some are closed to it, the others
// covered.
TEST(CellMounts, FilesThatTellOfTheHostAreEmpty) {
  EXPECT_EQ(
      InCell([](int out, CellFilesystem&) {
        BecomeTheProgram();
        std::string told;
        for (const char* name :
             {"cmdline", "kallsyms",  "keys",     "key-users",     "modules",    "partitions",
              "version", "vmstat",    "zoneinfo", "timer_list",    "interrupts", "iomem",
              "ioports", "diskstats", "swaps",    "locks",         "devices",    "crypto",
              "cgroups", "kmsg",      "kcore",    "sysrq-trigger", "config.gz",  "sys/kernel/core_pattern"}) {
          const std::string path = std::string("/proc/") + name;
          if (fs::exists(path) && !ReadFile(path).empty()) told += path + " ";
        }
        for (const char* name :
             {"acpi", "bus", "driver", "fs", "irq", "pressure", "scsi", "sysvipc", "tty"}) {
          const std::string path = std::string("/proc/") + name;
          std::error_code closed;
          if (fs::directory_iterator(path, closed) != fs::directory_iterator()) told += path + " ";
        }
        Report(out, told + ".");
      }),
      ".");
}

TEST(CellMounts, TheMachineThatIsShownIsTheCells) {
  EXPECT_EQ(InCell([](int out, CellFilesystem& files) {
              const std::string text = MeminfoText(256ull << 20);
              if (::pwrite(files.meminfo.get(), text.data(), text.size(), 0) < 0) return;
              int cpus = 0;
              std::istringstream cpuinfo(ReadFile("/proc/cpuinfo"));
              for (std::string line; std::getline(cpuinfo, line);) cpus += line.starts_with("processor");
              Report(out, std::to_string(cpus) + " " +
                              (ReadFile("/proc/meminfo") == text ? "meminfo " : "other meminfo ") +
                              ReadFile("/proc/uptime") + ReadFile("/proc/loadavg") +
                              ReadFile("/proc/sys/kernel/random/boot_id"));
            }),
            "2 meminfo 1.00 1.00\n0.00 0.00 0.00 1/1 1\n00000000-0000-4000-8000-000000000000\n");
}

TEST(CellMounts, WhatIsShownCannotBeWritten) {
  EXPECT_EQ(InCell([](int out, CellFilesystem&) {
              std::string text;
              for (const char* path :
                   {"/proc/meminfo", "/proc/cpuinfo", "/etc/passwd", "/etc/group", "/usr/x", "/x"}) {
                const UniqueFd fd(::open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
                text += fd ? std::string(path) + " " : std::strerror(errno) + std::string("; ");
              }
              Report(out, text);
            }),
            "Read-only file system; Read-only file system; Read-only file system; Read-only file system; "
            "Read-only file system; Read-only file system; ");
}

// The next cell's program has another id and the same name.
TEST(CellMounts, ItsProgramIsTheOneUserOfItsName) {
  EXPECT_EQ(InCell([](int out, CellFilesystem&) {
              Report(out, ReadFile("/etc/passwd") == PasswdText(kUid, kUid) ? "passwd " : "other passwd ");
              Report(out, ReadFile("/etc/group") == GroupText(kUid) ? "group\n" : "other group\n");
              Report(out, Describe("/etc/passwd") + Describe("/etc/group"));
            }),
            "passwd group\n/etc/passwd 644 0:0\n/etc/group 644 0:0\n");
}

// As a rootless cell's program, whose files these are.
TEST(CellMounts, EvenTheirOwnerCannotChangeOrRemoveItsUsers) {
  EXPECT_EQ(InCell([](int out, CellFilesystem&) {
              std::string text;
              for (const char* path : {"/etc/passwd", "/etc/group"}) {
                if (::chmod(path, 0666) == 0 || errno != EROFS) text += "mode ";
                if (::chown(path, kUid, kUid) == 0 || errno != EROFS) text += "owner ";
                if (::truncate(path, 0) == 0 || errno != EROFS) text += "size ";
                if (::unlink(path) == 0 || ::rename(path, "/mnt/data/x") == 0) text += "name ";
                if (::link(path, "/mnt/data/x") == 0 || errno != EXDEV) text += "link ";
              }
              Report(out,
                     text + (fs::is_empty("/mnt/data") && fs::is_empty("/tmp") ? "." : "in the workspace"));
            }),
            ".");
}

TEST(CellMounts, OtherUsersProcessesAreInvisible) {
  EXPECT_EQ(InCell([](int out, CellFilesystem&) {
              const pid_t program = testing::Fork();
              if (program != 0) {
                testing::WaitFor(program);
                return;
              }
              BecomeTheProgram();
              std::string seen;
              for (const auto& entry : fs::directory_iterator("/proc")) {
                const std::string name = entry.path().filename();
                if (name.find_first_not_of("0123456789") == std::string::npos) seen += name + " ";
              }
              Report(out, seen + (fs::exists("/proc/1/status") ? "sees init" : "alone"));
            }),
            "2 alone");
}

TEST(CellMounts, NothingOfTheHostsTreeIsLeft) {
  EXPECT_EQ(
      InCell([](int out, CellFilesystem&) {
        std::set<std::string> names;
        for (const auto& entry : fs::directory_iterator("/")) names.insert(entry.path().filename());
        for (const char* expected : {"bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "mnt", "proc",
                                     "run", "sbin", "tmp", "usr", "var"}) {
          names.erase(expected);
        }
        std::string text;
        for (const std::string& name : names) text += name + " ";
        for (const char* path : {"/etc/shadow", "/etc/ssh", "/var/lib", "/var/log", "/mnt/data/..data"}) {
          if (fs::exists(path)) text += std::string(path) + " ";
        }
        Report(out, text + ".");
      }),
      ".");
}

TEST(CellMounts, AFailedStepIsNamed) {
  const auto child = testing::RunInChild([](int out) {
    if (::unshare(CLONE_NEWNS) != 0 || ::setresuid(kUid, kUid, kUid) != 0) ::_exit(1);
    CellFilesystem files;
    const MountStatus workspace = MountWorkspace(SomeSetup(), files), proc = MountProc();
    Report(out, workspace.step + " " + std::to_string(workspace.error == EPERM) + ", " + proc.step + " " +
                    std::to_string(proc.error == EPERM));
  });
  EXPECT_EQ(child.output, "mount tmpfs 1, mount proc 1");
}

TEST(MeminfoText, IsWhatToolsParse) {
  std::istringstream text(MeminfoText(512ull << 20));
  std::set<std::string> names;
  for (std::string line; std::getline(text, line);) {
    std::istringstream fields(line);
    std::string name, unit;
    std::uint64_t value = 1;
    fields >> name >> value >> unit;
    EXPECT_TRUE(name.ends_with(':')) << line;
    EXPECT_EQ(unit, "kB") << line;
    EXPECT_EQ(value, name.starts_with("Mem") ? 524'288u : 0u) << line;
    names.insert(name);
  }
  for (const char* name : {"MemTotal:", "MemFree:", "MemAvailable:", "Buffers:", "Cached:", "SwapTotal:"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
  EXPECT_TRUE(MeminfoText(1ull << 60).starts_with("MemTotal:       1125899906842624 kB\n"));
}

}  // namespace
}  // namespace codeapi
