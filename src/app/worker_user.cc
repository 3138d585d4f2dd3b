#include "app/worker_user.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <limits>
#include <utility>
#include <vector>

#include "app/object_store.h"
#include "app/process.h"
#include "app/shared_state.h"
#include "net/http_server.h"

namespace codeapi {
namespace {

constexpr const char* kSetting = "CODEAPI_WORKER_USER";

// Not the last one, which means "leave it as it is" to the kernel.
std::optional<std::uint32_t> ParseId(std::string_view text) {
  std::uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return id == std::numeric_limits<std::uint32_t>::max() ? std::nullopt : std::optional(id);
}

struct Entry {
  uid_t uid;
  gid_t gid;
};

std::optional<Entry> FindUser(const std::string& name, std::optional<uid_t> uid) {
  std::vector<char> buffer(64u << 10);
  passwd entry{}, *found = nullptr;
  const int error = uid ? ::getpwuid_r(*uid, &entry, buffer.data(), buffer.size(), &found)
                        : ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (error != 0 || found == nullptr) return std::nullopt;
  return Entry{entry.pw_uid, entry.pw_gid};
}

std::string Describe(const WorkerUser& user) {
  return fmt::format("{}:{}", user.uid, user.gid);
}

// glibc makes every thread another user, but the rest of what follows is each thread's own.
Result<void> CheckSingleThreaded() {
  std::error_code ec;
  std::size_t threads = 0;
  for (std::filesystem::directory_iterator it("/proc/self/task", ec), end; !ec && it != end; it.increment(ec))
    ++threads;
  if (!ec && threads == 1) return {};
  return Fail(ErrorCode::kInternal, std::string(kSetting) + ": there are threads already");
}

Result<void> MakeDataDirectoryFor(const std::string& path, const WorkerUser& user) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    if (errno == EEXIST) return {};
    return FailErrno("make the data directory " + path + " (CODEAPI_DATA_DIR)");
  }
  const UniqueFd made(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (made && ::fchown(made.get(), user.uid, user.gid) == 0) return {};
  return FailErrno("give the data directory " + path + " to user " + Describe(user));
}

// The bounding set goes first, which the user could not do any more.
Result<void> Become(const WorkerUser& user) {
  for (int cap = 0; cap <= 63; ++cap) {
    if (::prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 && ::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
      return FailErrno(fmt::format("{}: give up capability {} for good", kSetting, cap));
  }
  if (::setgroups(0, nullptr) != 0 || ::setresgid(user.gid, user.gid, user.gid) != 0 ||
      ::setresuid(user.uid, user.uid, user.uid) != 0) {
    return FailErrno(fmt::format("{}: become user {}", kSetting, Describe(user)));
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
      ::syscall(SYS_capset, &header, none) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    return FailErrno(std::string(kSetting) + ": give up all capabilities");
  }
  if (::setresuid(0, 0, 0) == 0) return Fail(ErrorCode::kInternal, std::string(kSetting) + ": still root");
  return {};
}

// Of the directory, and of what an earlier start as another user may have left in it.
Result<void> CheckDataDirectory(const std::string& path, const WorkerUser& user) {
  for (const char* below : {"", "/files", "/state.sqlite", "/state.sqlite-wal", "/state.sqlite-shm"}) {
    const std::string full = path + below;
    struct stat st{};
    const bool missing = ::stat(full.c_str(), &st) != 0 && errno == ENOENT;
    const int wanted = R_OK | W_OK | (S_ISDIR(st.st_mode) ? X_OK : 0);
    if (missing || ::access(full.c_str(), wanted) == 0) continue;
    return Fail(
        ErrorCode::kInvalid,
        fmt::format("{} cannot be used by user {} ({}): {}; give it the data directory: chown -R {} {}", full,
                    user.uid, kSetting, std::strerror(errno), Describe(user), path));
  }
  return {};
}

Result<void> CheckRootLink(const std::string& link, const WorkerUser& user) {
  std::array<char, 1> target;
  if (link.empty() || ::readlink(link.c_str(), target.data(), target.size()) >= 0 || errno != EACCES)
    return {};
  return Fail(
      ErrorCode::kInvalid,
      fmt::format("{}, which leads to the root that programs see, cannot be read by user {} ({}): let it "
                  "search the directories above, or set CODEAPI_ROOT",
                  link, user.uid, kSetting));
}

bool KeepsFilesInDataDirectory(const Settings& settings) {
  return !settings.data_dir.empty() && !(UsesRedis(settings) && FilesAreElsewhere(settings));
}

}  // namespace

Result<WorkerUser> ParseWorkerUser(const std::string& text, std::uint32_t uid_base, std::uint32_t cells) {
  const std::size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  const auto uid = ParseId(name);
  const auto entry = FindUser(name, uid);
  const auto wrong = [&](const std::string& why) {
    return Fail(ErrorCode::kInvalid, fmt::format("{}={}: {}", kSetting, text, why));
  };
  std::optional<std::uint32_t> gid;
  if (colon != std::string::npos) {
    gid = ParseId(text.substr(colon + 1));
    if (!gid) return wrong("no number of a group behind the colon");
  }
  if (!uid && !entry) return wrong("there is no such user");
  if (!gid && !entry) return wrong("the user database does not know it, so say its group too: UID:GID");
  const WorkerUser user{uid ? *uid : entry->uid, gid ? *gid : entry->gid};
  if (user.uid == 0 || user.gid == 0)
    return wrong("that is root, or its group; name a user of the service's own");
  if (user.uid >= uid_base && user.uid - uid_base < cells) {
    return wrong("programs run as that user (CODEAPI_SANDBOX_UID_BASE)");
  }
  return user;
}

Result<Unprivileged> LeavePrivileges(const Settings& settings, const JailerCommand& jailer,
                                     const RootChoice& root, const std::string& address, std::uint16_t port) {
  if (settings.worker_user.empty()) return Unprivileged();
  // Two jailers at a time have user ids of their own.
  const std::uint32_t cells = 2 * MakeJailerSettings(settings, root).max_cells;
  const auto user = ParseWorkerUser(settings.worker_user, settings.sandbox_uid_base, cells);
  if (!user) return std::unexpected(user.error());
  if (::geteuid() != 0) {
    return Fail(ErrorCode::kInvalid, fmt::format("{}={} needs a start as root, and this is user {}: unset it",
                                                 kSetting, settings.worker_user, ::geteuid()));
  }
  if (auto single = CheckSingleThreaded(); !single) return std::unexpected(single.error());
  auto launcher = SpawnLauncher(jailer);
  if (!launcher) return std::unexpected(launcher.error());
  Unprivileged out;
  out.launcher = std::make_shared<JailerProcess>(std::move(*launcher));
  auto bound = BindTcp(address, port);
  if (!bound) return std::unexpected(bound.error());
  out.bound = std::move(*bound);
  const bool keeps = KeepsFilesInDataDirectory(settings);
  Result<void> done;
  if (keeps) done = MakeDataDirectoryFor(settings.data_dir, *user);
  if (done) done = Become(*user);
  if (done && keeps) done = CheckDataDirectory(settings.data_dir, *user);
  if (done) done = CheckRootLink(root.link, *user);
  if (!done) return std::unexpected(done.error());
  Say("this process is user " + Describe(*user) + " now, without privileges");
  return out;
}

}  // namespace codeapi
