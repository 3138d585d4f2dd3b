#include "jail/program_watch.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "jail/monotonic.h"

namespace codeapi {
namespace {

// Where in what is polled: the signals are between these, and what the tools need comes behind them.
constexpr std::size_t kControl = 0, kRefused = 2, kFirstOfTools = 3;

std::uint64_t Micros(const timeval& t) {
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(t.tv_usec);
}

// Everything in the PID namespace but this process, stopped or not, at once.
void KillEverything() {
  ::kill(-1, SIGKILL);
}

}  // namespace

int ProgramWatch::Open() {
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child, nullptr);
  signal_fd_.reset(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  return signal_fd_ ? 0 : errno;
}

// Adds one process that was reaped.
void ProgramWatch::Count(const rusage& usage) {
  exit_.cpu_us += Micros(usage.ru_utime) + Micros(usage.ru_stime);
  exit_.max_rss = std::max(exit_.max_rss, static_cast<std::uint64_t>(usage.ru_maxrss) * 1024);
}

// Reaps what has ended, but not without bound: processes that fork and exit all the time would keep this busy
// for ever (attack 2). True when there may be more.
bool ProgramWatch::ReapSome() {
  constexpr int kAtOnce = 64;
  for (int i = 0; i < kAtOnce && !main_ended_; ++i) {
    int status = 0;
    rusage usage{};
    const pid_t pid = ::wait4(-1, &status, WNOHANG, &usage);
    if (pid < 0 && errno == EINTR) continue;
    if (pid <= 0) return false;
    Count(usage);
    if (pid == main_pid_) {
      exit_.wait_status = static_cast<std::uint32_t>(status);
      exit_.wall_us = NowMicros() - started_us_;
      main_ended_ = true;
    }
  }
  return true;
}

// A process can fork between the signal and its own end only if it was not yet visible to the signal; the
// next round catches that child. Each round waits for a death, so this ends and never spins.
void ProgramWatch::ReapRest() {
  while (true) {
    KillEverything();
    int status = 0;
    rusage usage{};
    if (::wait4(-1, &status, 0, &usage) < 0 && errno != EINTR) break;
    Count(usage);
  }
}

// How many are ready; those that are not have no events.
int ProgramWatch::Poll(bool more) {
  fds_.clear();
  fds_.push_back({channel_.fd(), static_cast<short>(channel_.queued() > 0 ? POLLIN | POLLOUT : POLLIN), 0});
  fds_.push_back({signal_fd_.get(), POLLIN, 0});
  fds_.push_back({refused_ != nullptr ? refused_->fd() : -1, POLLIN, 0});
  std::uint64_t wait_us = more ? 0 : ToolChannel::kNever;
  if (tools_ != nullptr) {
    tools_->Watch(fds_);
    const std::uint64_t now = NowMicros();
    wait_us = std::min(wait_us, std::max(tools_->due(), now) - now);
  }
  const bool forever = tools_ == nullptr ? !more : !more && tools_->due() == ToolChannel::kNever;
  const timespec wait{static_cast<time_t>(wait_us / 1'000'000),
                      static_cast<long>(wait_us % 1'000'000 * 1000)};
  const int ready = ::ppoll(fds_.data(), fds_.size(), forever ? nullptr : &wait, nullptr);
  if (ready < 0) {
    for (pollfd& fd : fds_) fd.revents = 0;
  }
  return ready < 0 && errno == EINTR ? 0 : ready;
}

bool ProgramWatch::OnMessage() {
  const auto message = channel_.Receive();
  if (message && message->type == CellMessage::kToolResult && (tools_ != nullptr || killed_))
    return killed_ || tools_->OnResult(message->payload);
  if (!message || message->type != CellMessage::kKill) return false;
  killed_ = true;
  KillEverything();
  tools_ = nullptr;
  return true;
}

bool ProgramWatch::ServeTools(int ready) {
  if (tools_ == nullptr) return true;
  if (!tools_->OnEvents(std::span(fds_).subspan(kFirstOfTools))) return false;
  // A program that keeps init busy with connections is looked at all the same.
  constexpr std::uint64_t kLate = 5'000;
  const std::uint64_t now = NowMicros();
  return (ready > 0 && now < tools_->due() + std::min(kLate, ToolChannel::kNever - tools_->due())) ||
         tools_->Look(now);
}

bool ProgramWatch::UntilTheEnd(pid_t main, std::uint64_t started_us) {
  main_pid_ = main;
  started_us_ = started_us;
  main_ended_ = false;
  exit_ = {};
  bool more = false;
  while (!main_ended_) {
    const int ready = Poll(more);
    if (ready < 0) return false;
    if (fds_[kRefused].revents != 0) refused_->Answer(fds_[kRefused].revents);
    if (!ServeTools(ready)) return false;
    if ((fds_[kControl].revents & ~POLLOUT) != 0 && !OnMessage()) return false;
    if ((fds_[kControl].revents & POLLOUT) != 0 && !channel_.Flush()) return false;
    signalfd_siginfo info;
    while (::read(signal_fd_.get(), &info, sizeof info) > 0) continue;
    more = ReapSome();
  }
  ReapRest();
  // Calls that nobody waits for any more.
  channel_.DropQueued();
  return true;
}

}  // namespace codeapi
