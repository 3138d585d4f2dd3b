// A machine for the jailer's fuzz target (jailer_fuzz.cc): no privileges, no cgroups, and inits that say and
// do what the fuzzer wants. Nothing else includes this.
//
// The process of an init is a real one, so that pidfds, signals and waitid are the kernel's. It shares memory
// and descriptors with the fuzzer, which makes it cost no more than a thread, and only waits to be killed.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fuzzing.h"
#include "jailer/cell.h"
#include "jailer/host.h"
#include "runtime/runtime.h"

namespace codeapi {

/// Nothing but the wait: another process's use of this process's memory is none of the sanitizers' business.
__attribute__((disable_sanitizer_instrumentation)) inline int WaitToBeKilled(void*) {
  ::syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  while (true) ::syscall(SYS_ppoll, nullptr, 0, nullptr, nullptr, 0);
}

/// One cell, seen from its init and from the kernel.
struct FuzzedInit {
  /// What the group says. The fuzzer changes it at will.
  CgroupUsage usage;
  bool refuses_limits = false;
  unsigned busy = 0;  ///< how often Remove() still fails
  UniqueFd oom;       ///< readable: it ran out of memory
  /// The init's ends of its streams, non-blocking.
  UniqueFd control, out, err;
  pid_t pid = -1;
  UniqueFd pidfd;
  bool ending = false;  ///< a signal is under way
  bool ended = false;   ///< and has arrived
  alignas(16) std::array<char, 16384> stack;

  void Signal(int number) {
    if (pid < 0 || ended) return;
    ::syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, 0);
    ending = true;
  }
  /// Waits for the signal to arrive. False when none is under way.
  bool AwaitEnd() {
    if (!ending || ended) return false;
    while (!HasEnded()) continue;
    return ended = true;
  }
  bool HasEnded(int timeout_ms = -1) const {
    pollfd end{pidfd.get(), POLLIN, 0};
    return ::poll(&end, 1, timeout_ms) == 1;
  }
  /// Says this as far as there is room.
  void Write(const UniqueFd& to, std::string_view bytes) const {
    while (to && !bytes.empty()) {
      const ssize_t n = ::write(to.get(), bytes.data(), bytes.size());
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  void Listen() const {
    std::array<char, 65536> buffer;
    while (control && ::recv(control.get(), buffer.data(), buffer.size(), 0) > 0) continue;
  }
};

using FuzzedInits = std::vector<std::shared_ptr<FuzzedInit>>;

/// Stands in the list of inits until it has been removed.
class FuzzedCgroup final : public CellCgroup {
 public:
  FuzzedCgroup(FuzzedInits& all, std::shared_ptr<FuzzedInit> init) : all_(all), init_(std::move(init)) {
    all_.push_back(init_);
  }
  std::span<const int> join_fds() const override { return {}; }
  void CloseJoinFds() override {}
  Result<void> SetLimits(const CgroupLimits&) override {
    if (init_->refuses_limits) return Fail(ErrorCode::kSetupFailed, "limits refused");
    return {};
  }
  CgroupUsage Usage() const override { return init_->usage; }
  int oom_fd() const override { return init_->oom.get(); }
  void DrainOomEvent() override {
    std::uint64_t count;
    while (::read(init_->oom.get(), &count, sizeof count) > 0) continue;
  }
  // The jailer calls this right before it signals init, which then must be awaited.
  void KillAll() override { init_->ending = true; }
  bool Remove() override {
    Require(init_->pid < 0 || init_->HasEnded(0), "a group is removed after its processes");
    if (init_->busy > 0) {
      --init_->busy;
      return false;
    }
    Require(std::erase(all_, init_) == 1, "a group is removed once");
    return true;
  }
  FuzzedInit& init() const { return *init_; }

 private:
  FuzzedInits& all_;
  std::shared_ptr<FuzzedInit> init_;
};

class FuzzedHost final : public JailerHost, private CgroupTree {
 public:
  // As in the jailer's main: who does not read any more is told by an error.
  FuzzedHost() { ::signal(SIGPIPE, SIG_IGN); }

  /// How many of the next attempts to make a cell fail, at its cgroup and at its process.
  unsigned failing_groups = 0, failing_starts = 0;

  /// The cells that there are, from the oldest.
  const FuzzedInits& inits() const { return inits_; }

  JailerInfo Prepare(const JailerSettings& settings) override {
    settings_ = settings;
    JailerInfo info;
    info.cgroup = version();
    info.limits_memory = true;
    return info;
  }
  std::vector<std::string> FindLanguages(CellEnvironment& environment) const override {
    const Runtime* bash = FindRuntime("bash");
    environment.runtimes = {{bash, &bash->commands.front()}};
    return {bash->id};
  }
  const std::vector<std::uint32_t>& cpus() const override { return cpus_; }
  std::uint32_t cpus_per_program() const override { return 1; }
  CgroupTree& cgroups() override { return *this; }
  CellSetup Setup(std::uint32_t slot) const override {
    Require(slot < settings_.max_cells, "there are no more slots than cells");
    return {};
  }

  Result<ZygoteProcess> StartZygote(const ZygoteSpec&) override {
    return Fail(ErrorCode::kSetupFailed, "no zygotes");
  }

  Result<CellProcess> StartInit(const CellCgroup& cgroup) override {
    if (failing_starts > 0) {
      --failing_starts;
      return Fail(ErrorCode::kSetupFailed, "no process");
    }
    FuzzedInit& init = static_cast<const FuzzedCgroup&>(cgroup).init();
    CellProcess process;
    int control[2], out[2], err[2], pidfd = -1;
    Require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, control) == 0 &&
                ::pipe2(out, O_CLOEXEC | O_NONBLOCK) == 0 && ::pipe2(err, O_CLOEXEC | O_NONBLOCK) == 0,
            "there are descriptors");
    process.pid = ::clone(WaitToBeKilled, init.stack.data() + init.stack.size(),
                          CLONE_VM | CLONE_FILES | CLONE_PIDFD | SIGCHLD, nullptr, &pidfd);
    Require(process.pid > 0, "a process can be made");
    process.pidfd.reset(pidfd);
    process.control.reset(control[0]);
    process.out.reset(out[0]);
    process.err.reset(err[0]);
    init.pid = process.pid;
    init.pidfd.reset(::fcntl(pidfd, F_DUPFD_CLOEXEC, 0));
    init.control.reset(control[1]);
    init.out.reset(out[1]);
    init.err.reset(err[1]);
    return process;
  }

 private:
  Result<std::unique_ptr<CellCgroup>> Create(const std::string&) override {
    if (failing_groups > 0) {
      --failing_groups;
      return Fail(ErrorCode::kSetupFailed, "no group");
    }
    auto init = std::make_shared<FuzzedInit>();
    init->oom.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    return std::make_unique<FuzzedCgroup>(inits_, std::move(init));
  }
  const char* version() const override { return "v1"; }
  bool limits_memory() const override { return true; }
  bool RemoveAll() override { return true; }

  JailerSettings settings_;
  std::vector<std::uint32_t> cpus_{0, 1};
  FuzzedInits inits_;
};

}  // namespace codeapi
