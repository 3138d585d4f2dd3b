#include "jail/template_root.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/unique_fd.h"
#include "jail/cell_mounts.h"
#include "jail/plot_backend.h"
#include "jail/root_mounts.h"

namespace codeapi {
namespace {

// Any directory will do: it is covered in our own mount namespace only, and gone after the pivot.
constexpr const char* kBuildDir = "/tmp";

// Parts of /etc that programs under /usr read. None of them holds a secret or a name of this host.
constexpr const char* kEtcEntries[] = {
    "alternatives",    "fonts",           "ld.so.cache",   "ld.so.conf", "ld.so.conf.d",
    "magic",           "matplotlibrc",    "mime.types",    "perl",       "python3",
    "python3.9",       "python3.10",      "python3.11",    "python3.12", "python3.13",
    "python3.14",      "ImageMagick-6",   "ImageMagick-7", "R",          "php",
    "libreoffice",     "protocols",       "services",      "ldc2.conf",  "java-17-openjdk",
    "java-21-openjdk", "java-25-openjdk",
};
constexpr unsigned kMemoryDevices = 1;  // major number
constexpr struct {
  const char* name;
  unsigned minor;
} kDevices[] = {{"null", 3}, {"zero", 5}, {"full", 7}, {"random", 8}, {"urandom", 9}};
// Where a root that package-init built keeps what belongs below /etc and /var. Programs get links to it,
// since every mount makes every cell slower.
constexpr const char* kShown = "/usr/lib/codeapi";
constexpr const char* kTopLevel[] = {"bin", "lib", "lib32", "lib64", "libx32", "sbin"};

// When the machine started, in seconds since the epoch: what `ps` reckons the start of processes from. No
// secret, since every program may read both clocks.
std::time_t BootTime() {
  timespec since_boot{};
  static_cast<void>(::clock_gettime(CLOCK_BOOTTIME, &since_boot));  // cannot fail with these arguments
  return ::time(nullptr) - since_boot.tv_sec;
}

class Builder {
 public:
  explicit Builder(const TemplateOptions& options) : options_(options) {}

  Result<std::vector<std::string>> Build() {
    if (::unshare(CLONE_NEWNS) != 0) return FailErrno("unshare mount namespace");
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return FailErrno("make mounts private");
    // From here on the source is the working directory: its path may lead through the build directory.
    if (::chdir(options_.source.empty() ? "/" : options_.source.c_str()) != 0) {
      return FailErrno("enter the root " + options_.source);
    }
    if (::mount("root", kBuildDir, "tmpfs", MS_NOSUID, "mode=0755,size=16m,nr_inodes=4096") != 0) {
      return FailErrno("mount the template root");
    }
    for (const char* path : {"/etc", kSyntheticDir, "/etc/cell/empty"}) Directory(path);
    Programs();
    Etc();
    PlotBackend();
    Devices();
    MountPoints();
    if (!error_.empty()) return Fail(ErrorCode::kSetupFailed, error_);
    std::vector<std::string> mounts;
    if (options_.private_mounts) {
      auto found = FindRootMounts(kBuildDir);
      if (!found) return found;
      mounts = std::move(*found);
    }
    if (auto pivoted = Pivot(); !pivoted) return std::unexpected(pivoted.error());
    return mounts;
  }

 private:
  std::string At(const std::string& path) const { return kBuildDir + path; }
  static std::string Source(const std::string& path) { return path.substr(1); }

  void Check(bool ok, const std::string& what) {
    if (!ok && error_.empty()) error_ = what + ": " + std::strerror(errno);
  }

  void Directory(const std::string& path, mode_t mode = 0755) {
    Check(::mkdir(At(path).c_str(), mode) == 0 || errno == EEXIST, "mkdir " + path);
    Check(::chmod(At(path).c_str(), mode) == 0, "chmod " + path);
  }

  void File(const std::string& path, const std::string& content) {
    UniqueFd fd(::open(At(path).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    Check(fd && ::fchmod(fd.get(), 0644) == 0 &&
              ::write(fd.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()),
          "write " + path);
  }

  void Link(const std::string& target, const std::string& path) {
    Check(::symlink(target.c_str(), At(path).c_str()) == 0, "symlink " + path);
  }

  // Read-only with everything mounted beneath it, in one step. Device nodes and setuid bits mean nothing
  // there.
  void BindReadOnly(const std::string& from, const std::string& to, std::uint64_t flags) {
    Check(::mount(from.c_str(), At(to).c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0, "bind " + to);
    mount_attr attributes{};
    attributes.attr_set = flags;
    Check(::mount_setattr(AT_FDCWD, At(to).c_str(), AT_RECURSIVE, &attributes, sizeof attributes) == 0,
          "make read-only " + to);
  }

  bool LinkShown(const std::string& path) {
    struct stat st{};
    const std::string kept = kShown + path;
    if (options_.source.empty() || ::lstat(Source(kept).c_str(), &st) != 0) return false;
    Link(kept, path);
    return true;
  }

  void BindEntry(const std::string& path) {
    if (LinkShown(path)) return;
    struct stat st{};
    if (::stat(Source(path).c_str(), &st) != 0) return;
    if (!S_ISDIR(st.st_mode)) return Copy(path);
    Directory(path);
    if (Overlay(path)) return;
    BindReadOnly(Source(path), path, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  }

  // A single file costs every cell less as a copy than as a mount, and tells nothing of where it is from.
  void Copy(const std::string& path) {
    std::ifstream in(Source(path), std::ios::binary);
    std::ostringstream content;
    content << in.rdbuf();
    Check(static_cast<bool>(in), "read " + path);
    File(path, content.str());
  }

  // An overlay's mount options name the directories it is made of, in a container those of the container
  // engine, and a bind mount of it shows them to every program (attack 54). An overlay of our own on top of
  // it shows only what it is given here: names relative to the root. False where there is no need or the
  // kernel refuses, and where each cell puts one of its own: there cannot be three, one over the other.
  bool Overlay(const std::string& path) {
    if (options_.private_mounts) return false;
    struct statfs fs{};
    if (::statfs(Source(path).c_str(), &fs) != 0 || fs.f_type != OVERLAYFS_SUPER_MAGIC) return false;
    // Without a writable layer there must be two; the second is empty.
    const std::string layers = "lowerdir=" + Source(path) + ":" + At(kSyntheticDir) + "/empty";
    return ::mount("root", At(path).c_str(), "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV, layers.c_str()) ==
           0;
  }

  void Programs() {
    struct stat usr{};
    // Anything else may be missing, but without this there is nothing to run.
    Check(::stat(Source("/usr").c_str(), &usr) == 0, "open the root's " + options_.source + "/usr");
    BindEntry("/usr");
    for (const std::string name : kTopLevel) {
      const std::string path = "/" + name;
      struct stat st{};
      if (::lstat(Source(path).c_str(), &st) != 0) continue;
      if (!S_ISLNK(st.st_mode)) {
        BindEntry(path);
        continue;
      }
      std::array<char, 256> target{};
      const ssize_t n = ::readlink(Source(path).c_str(), target.data(), target.size());
      if (n > 0) Link(std::string(target.data(), static_cast<std::size_t>(n)), path);
    }
    // Node and Bun look for packages here, from /mnt/data upwards.
    if (struct stat modules{};
        !options_.source.empty() && ::lstat(Source("/node_modules").c_str(), &modules) == 0) {
      Link("usr/local/lib/node_modules", "/node_modules");
    }
  }

  // Whatever else a built root shows of /etc. What we make ourselves is there already and wins.
  void ShownEtc() {
    std::error_code ec;
    const std::string kept = Source(std::string(kShown) + "/etc");
    for (const auto& entry : std::filesystem::directory_iterator(kept, ec)) {
      const std::string path = "/etc/" + entry.path().filename().string();
      struct stat st{};
      if (::lstat(At(path).c_str(), &st) != 0) LinkShown(path);
    }
  }

  void Etc() {
    for (const std::string name : kEtcEntries) BindEntry("/etc/" + name);
    // Each cell covers these with its own (cell_mounts.h).
    for (const char* path : {"/etc/passwd", "/etc/group"}) File(path, "");
    File("/etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.1.1\tsandbox\n");
    File("/etc/hostname", "sandbox\n");
    File("/etc/host.conf", "multi on\n");
    File("/etc/nsswitch.conf",
         "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n");
    File("/etc/os-release", "NAME=\"codeapi sandbox\"\nID=codeapi\nPRETTY_NAME=\"codeapi sandbox\"\n");
    File("/etc/timezone", "Etc/UTC\n");
    Link("/usr/share/zoneinfo/Etc/UTC", "/etc/localtime");
    Link("/proc/self/mounts", "/etc/mtab");
    if (!options_.source.empty()) ShownEtc();
    Synthetic();
  }

  // What stands in for files of /proc that would show the host. cpuinfo keeps the first CPU's block, which
  // any program can learn from the cpuid instruction anyway, once per CPU that a cell may use.
  void Synthetic() {
    const std::string dir = kSyntheticDir;
    std::ifstream in("/proc/cpuinfo");
    std::string block;
    for (std::string line; std::getline(in, line) && !line.empty();) {
      if (!line.starts_with("processor") && !line.starts_with("physical id") &&
          !line.starts_with("siblings")) {
        block += line + "\n";
      }
    }
    std::string cpuinfo, stat = "cpu  0 0 0 0 0 0 0 0 0 0\n";
    for (std::uint32_t i = 0; i < options_.cpus; ++i) {
      cpuinfo += "processor\t: " + std::to_string(i) + "\n" + block + "\n";
      stat += "cpu" + std::to_string(i) + " 0 0 0 0 0 0 0 0 0 0\n";
    }
    File(dir + "/cpuinfo", cpuinfo);
    File(dir + "/stat", stat + "intr 0\nctxt 0\nbtime " + std::to_string(BootTime()) +
                            "\nprocesses 1\nprocs_running 1\nprocs_blocked 0\nsoftirq 0\n");
    File(dir + "/uptime", "1.00 1.00\n");
    File(dir + "/loadavg", "0.00 0.00 0.00 1/1 1\n");
    // The host's would tell two programs whether they are on the same one.
    File(dir + "/boot_id", "00000000-0000-4000-8000-000000000000\n");
  }

  // One module more in the directories for a machine's own ones, which are the root's to fill: an empty one
  // is covered, and any other one gets a layer on top. A root that brings the module needs neither, and
  // without it, where the kernel has no overlays, programs draw with matplotlib's own.
  void PlotBackend() {
    const std::string modules = std::string(kSyntheticDir) + "/python";
    Directory(modules);
    File(modules + "/" + kPlotBackendFile, kPlotBackend);
    for (const std::string& directory : PythonDirectories("")) {
      if (::access((directory + "/" + kPlotBackendFile).c_str(), F_OK) == 0) continue;
      std::error_code ec;
      if (std::filesystem::is_empty(directory, ec)) {
        BindReadOnly(At(modules), "/" + directory, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
        continue;
      }
      const std::string layers = "lowerdir=" + At(modules) + ":" + directory;
      static_cast<void>(::mount("root", At("/" + directory).c_str(), "overlay",
                                MS_RDONLY | MS_NOSUID | MS_NODEV, layers.c_str()));
    }
  }

  void Devices() {
    Directory("/dev");
    for (const auto& [name, minor] : kDevices) {
      const std::string path = std::string("/dev/") + name;
      // The host's own nodes are second choice: their mount tells how large its memory is.
      const bool made = ::mknod(At(path).c_str(), S_IFCHR | 0666, ::makedev(kMemoryDevices, minor)) == 0 &&
                        ::chmod(At(path).c_str(), 0666) == 0;
      if (!made) File(path, "");
      BindReadOnly(made ? At(path) : path, path, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    }
    Link("/proc/self/fd", "/dev/fd");
    Link("/proc/self/fd/0", "/dev/stdin");
    Link("/proc/self/fd/1", "/dev/stdout");
    Link("/proc/self/fd/2", "/dev/stderr");
    Directory("/dev/shm");
  }

  void MountPoints() {
    for (const char* path : {"/mnt", "/mnt/data", "/proc", "/run", "/tmp", "/var", "/var/cache"})
      Directory(path);
    Link("/tmp", "/var/tmp");
    // In a user namespace the kernel lets /proc be mounted only where one is to be seen in full already (its
    // mount_too_revealing). Each cell's own covers this one for good: a program cannot unmount anything.
    if (options_.keep_proc) {
      Check(::mount("/proc", At("/proc").c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0, "bind /proc");
    }
    BindEntry("/var/cache/fontconfig");
  }

  static Result<void> Pivot() {
    // pivot_root(".", ".") stacks the old root on the new one; detaching "." then removes the old one.
    if (::chdir(kBuildDir) != 0) return FailErrno("enter the template root");
    if (::syscall(SYS_pivot_root, ".", ".") != 0) return FailErrno("pivot_root");
    if (::umount2(".", MNT_DETACH) != 0) return FailErrno("detach the host's tree");
    if (::chdir("/") != 0) return FailErrno("enter /");
    if (::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, nullptr) !=
        0) {
      return FailErrno("make the template root read-only");
    }
    return {};
  }

  const TemplateOptions& options_;
  std::string error_;
};

}  // namespace

Result<std::vector<std::string>> EnterTemplateRoot(const TemplateOptions& options) {
  return Builder(options).Build();
}

}  // namespace codeapi
