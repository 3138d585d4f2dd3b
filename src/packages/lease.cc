#include "packages/lease.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <sstream>

#include "base/ids.h"
#include "base/unique_fd.h"
#include "packages/files.h"

namespace codeapi {
namespace {

// Field 22 of /proc/<pid>/stat; the name before it may contain anything, but ends with the last ')'.
std::string StartTime(long pid) {
  const auto stat = ReadWholeFile(fmt::format("/proc/{}/stat", pid));
  if (!stat) return "";
  std::istringstream fields(stat->substr(stat->rfind(')') + 1));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  return field;
}

// A process id means something only within its process namespace, which containers have of their own.
std::string ThisMachine() {
  std::array<char, 256> name{}, space{};
  ::gethostname(name.data(), name.size() - 1);
  const ssize_t n = ::readlink("/proc/self/ns/pid", space.data(), space.size() - 1);
  auto boot = ReadWholeFile("/proc/sys/kernel/random/boot_id").value_or("");
  std::erase(boot, '\n');
  return fmt::format("{}/{}/{}", name.data(), boot, n > 0 ? space.data() : "");
}

Result<bool> Create(const std::string& path, const std::string& content) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd && errno == EEXIST) return false;
  if (!fd) return FailErrno("make " + path);
  if (::write(fd.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
    const int error = errno;
    ::unlink(path.c_str());
    return FailErrno("write " + path, error);
  }
  return true;
}

// What changes with every heartbeat.
std::string Pulse(const std::string& path) {
  struct stat st{};
  if (::stat(path.c_str(), &st) != 0) return "";
  return fmt::format("{}.{}.{}", st.st_ino, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

// Watches somebody else's lease. Clocks of other machines are not asked: only whether it changes.
class Watcher {
 public:
  Watcher(const std::string& path, std::chrono::milliseconds stale) : path_(path), stale_(stale) {}

  bool Stale(const LeaseHolder& holder) {
    if (IsGone(holder)) return true;
    const auto now = std::chrono::steady_clock::now();
    if (const std::string pulse = Pulse(path_); pulse != pulse_) {
      pulse_ = pulse;
      since_ = now;
    }
    return now - since_ >= stale_;
  }

 private:
  const std::string& path_;
  const std::chrono::milliseconds stale_;
  std::string pulse_;
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

}  // namespace

std::string FormatLease(const LeaseHolder& holder) {
  return fmt::format("{} {} {} {}\n", holder.host, holder.pid, holder.started, holder.nonce);
}

LeaseHolder ParseLease(const std::string& text) {
  LeaseHolder holder;
  std::istringstream in(text);
  if (!(in >> holder.host >> holder.pid >> holder.started >> holder.nonce)) return {};
  return holder;
}

LeaseHolder ThisProcess() {
  return {ThisMachine(), ::getpid(), StartTime(::getpid()), NewId()};
}

bool IsGone(const LeaseHolder& holder) {
  if (holder.host != ThisMachine() || holder.pid <= 0) return false;
  return StartTime(holder.pid) != holder.started;
}

Result<std::unique_ptr<BuildLease>> BuildLease::Acquire(
    const std::string& path, const LeaseTimes& times,
    const std::function<void(const std::string&)>& waiting) {
  const std::string identity = FormatLease(ThisProcess());
  const auto mine = [&] {
    return std::unique_ptr<BuildLease>(new BuildLease(path, identity, times.heartbeat));
  };
  Watcher watcher(path, times.stale);
  while (true) {
    auto created = Create(path, identity);
    if (!created) return std::unexpected(created.error());
    if (*created) return mine();
    const auto text = ReadWholeFile(path);
    if (!text && text.error().code == ErrorCode::kNotFound) continue;  // just released
    if (!text) return std::unexpected(text.error());
    const LeaseHolder holder = ParseLease(*text);
    if (watcher.Stale(holder)) {
      if (auto taken = ReplaceFile(path, identity); !taken) return std::unexpected(taken.error());
      // Another waiter may have done the same; the last rename stands.
      std::this_thread::sleep_for(std::min(times.poll, std::chrono::milliseconds(200)));
      if (ReadWholeFile(path).value_or("") == identity) return mine();
      continue;
    }
    if (waiting)
      waiting(fmt::format("process {} of {}", holder.pid, holder.host.substr(0, holder.host.find('/'))));
    std::this_thread::sleep_for(times.poll);
  }
}

BuildLease::BuildLease(std::string path, std::string identity, std::chrono::milliseconds heartbeat)
    : path_(std::move(path)),
      identity_(std::move(identity)),
      thread_([this, heartbeat] { Beat(heartbeat); }) {}

BuildLease::~BuildLease() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
  if (held()) ::unlink(path_.c_str());
}

bool BuildLease::held() const {
  return ReadWholeFile(path_).value_or("") == identity_;
}

void BuildLease::Beat(std::chrono::milliseconds heartbeat) {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, heartbeat, [this] { return stopping_; })) {
    if (held()) ::utimensat(AT_FDCWD, path_.c_str(), nullptr, 0);
  }
}

}  // namespace codeapi
