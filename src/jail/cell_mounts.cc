#include "jail/cell_mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "jail/cell_users.h"

namespace codeapi {
namespace {

MountStatus Failed(std::string step) {
  return {errno, std::move(step)};
}

constexpr unsigned long kReadOnlyBind = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;

// Files of /proc that tell of the host or of other cells (attack 54). The kernel decides which of them exist.
constexpr const char* kMaskedFiles[] = {
    "/proc/buddyinfo",
    "/proc/cgroups",
    "/proc/cmdline",
    "/proc/config.gz",
    "/proc/consoles",
    "/proc/crypto",
    "/proc/devices",
    "/proc/diskstats",
    "/proc/dma",
    "/proc/execdomains",
    "/proc/fb",
    "/proc/interrupts",
    "/proc/iomem",
    "/proc/ioports",
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/key-users",
    "/proc/keys",
    "/proc/kmsg",
    "/proc/kpagecgroup",
    "/proc/kpagecount",
    "/proc/kpageflags",
    "/proc/latency_stats",
    "/proc/locks",
    "/proc/misc",
    "/proc/modules",
    "/proc/mtrr",
    "/proc/pagetypeinfo",
    "/proc/partitions",
    "/proc/sched_debug",
    "/proc/schedstat",
    "/proc/slabinfo",
    "/proc/softirqs",
    "/proc/swaps",
    "/proc/sysrq-trigger",
    "/proc/timer_list",
    "/proc/version",
    "/proc/vmallocinfo",
    "/proc/vmstat",
    "/proc/zoneinfo",
    "/proc/sys/kernel/core_pattern",
};
constexpr const char* kMaskedDirectories[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/bus",
    "/proc/driver",
    "/proc/dynamic_debug",
    "/proc/fs",
    "/proc/irq",
    "/proc/pressure",
    "/proc/scsi",
    "/proc/sysvipc",
    "/proc/tty",
    "/proc/sys/dev",
    "/proc/sys/fs/binfmt_misc",
};
// Files of /proc that stand-ins of the template root cover.
constexpr struct {
  const char* file;
  const char* covered;
} kSynthetic[] = {{"cpuinfo", "/proc/cpuinfo"},
                  {"stat", "/proc/stat"},
                  {"uptime", "/proc/uptime"},
                  {"loadavg", "/proc/loadavg"},
                  {"boot_id", "/proc/sys/kernel/random/boot_id"}};

bool MakeDirectory(const std::string& path, mode_t mode) {
  return ::mkdir(path.c_str(), mode) == 0 && ::chmod(path.c_str(), mode) == 0;
}

bool Bind(const std::string& from, const char* to) {
  return ::mount(from.c_str(), to, nullptr, MS_BIND, nullptr) == 0;
}

// Shows the file `name` of the cell's tmpfs at `to`, for good: there it cannot be written, whoever owns it,
// and what is mounted on cannot be removed.
bool ShowStaged(const std::string& name, const char* to) {
  return Bind(std::string(kStagingDir) + "/" + name, to) &&
         ::mount(nullptr, to, nullptr, kReadOnlyBind, nullptr) == 0;
}

bool MakeStaged(const std::string& name, const std::string& text) {
  const UniqueFd fd(
      ::open((std::string(kStagingDir) + "/" + name).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// The one `sandbox` that programs find by name has to be the cell's own, so that no two cells can share the
// files.
MountStatus MountUsers(const CellSetup& setup) {
  if (!MakeStaged("passwd", PasswdText(setup.uid, setup.gid)) || !MakeStaged("group", GroupText(setup.gid)))
    return Failed("make users");
  if (!ShowStaged("passwd", "/etc/passwd") || !ShowStaged("group", "/etc/group")) return Failed("show users");
  return {};
}

// Covers one path. One that this kernel does not have needs no cover, nor one that is closed to everyone but
// root: the program is not root, and each mount costs the set-up ten microseconds.
bool Cover(const std::string& from, const char* to) {
  struct stat st{};
  if (::stat(to, &st) != 0 || (st.st_mode & S_IRWXO) == 0) return true;
  return Bind(from, to);
}

}  // namespace

MountStatus MountWorkspace(const CellSetup& setup, CellFilesystem& out) {
  const std::string staging = kStagingDir;
  const std::string options = "mode=0755,size=" + std::to_string(setup.workspace_bytes) +
                              ",nr_inodes=" + std::to_string(setup.workspace_inodes);
  if (::mount("cell", kStagingDir, "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0)
    return Failed("mount tmpfs");
  if (!MakeDirectory(staging + "/data", 0700) ||
      ::chown((staging + "/data").c_str(), setup.uid, setup.gid) != 0 ||
      !MakeDirectory(staging + "/tmp", 01777) || !MakeDirectory(staging + "/shm", 01777)) {
    return Failed("make workspace directories");
  }
  out.meminfo.reset(::open((staging + "/meminfo").c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!out.meminfo) return Failed("make meminfo");
  if (!Bind(staging + "/data", kWorkspacePath) || !Bind(staging + "/tmp", "/tmp") ||
      !Bind(staging + "/shm", "/dev/shm")) {
    return Failed("bind workspace directories");
  }
  out.workspace.reset(::open(kWorkspacePath, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!out.workspace) return Failed("open workspace");
  return MountUsers(setup);
}

MountStatus MountProc() {
  if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=2") != 0)
    return Failed("mount proc");
  for (const char* path : kMaskedFiles) {
    if (!Cover("/dev/null", path)) return Failed(std::string("mask ") + path);
  }
  const std::string synthetic = kSyntheticDir;
  for (const char* path : kMaskedDirectories) {
    if (!Cover(synthetic + "/empty", path)) return Failed(std::string("mask ") + path);
  }
  for (const auto& [file, covered] : kSynthetic) {
    if (!Cover(synthetic + "/" + file, covered)) return Failed(std::string("cover ") + covered);
  }
  if (!ShowStaged("meminfo", "/proc/meminfo")) return Failed("cover /proc/meminfo");
  // The binds keep the tmpfs; its own mount, which shows more than they do, goes.
  if (::umount2(kStagingDir, MNT_DETACH) != 0) return Failed("detach staging");
  return {};
}

std::string MeminfoText(std::uint64_t total) {
  const std::uint64_t kib = total / 1024;
  std::string out;
  const auto line = [&](const char* name, std::uint64_t value) {
    std::string number = std::to_string(value);
    if (number.size() < 8) number.insert(0, 8 - number.size(), ' ');
    std::string label = std::string(name) + ":";
    label.resize(16, ' ');
    out += label + number + " kB\n";
  };
  line("MemTotal", kib);
  line("MemFree", kib);
  line("MemAvailable", kib);
  line("Buffers", 0);
  line("Cached", 0);
  line("SwapCached", 0);
  line("Active", 0);
  line("Inactive", 0);
  line("SwapTotal", 0);
  line("SwapFree", 0);
  line("Shmem", 0);
  line("SReclaimable", 0);
  return out;
}

}  // namespace codeapi
