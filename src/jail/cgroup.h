// Control groups behind one interface: version 2, version 1, or nothing.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace codeapi {

/// What one cell may use. 0 means no limit.
struct CgroupLimits {
  std::uint64_t memory_bytes = 0;  ///< anonymous memory, page tables, kernel memory and the workspace's pages
  std::uint32_t processes = 0;     ///< processes and threads, init included
  std::uint32_t cpu_hundredths = 0;  ///< CPU bandwidth; 100 is one CPU
  /// Share of the CPU when there is not enough for all, as version 2 counts it: 1 to 10000, and 100 is what
  /// everything else has; 0 leaves it at that.
  std::uint32_t cpu_weight = 0;

  bool operator==(const CgroupLimits&) const = default;
};

/// What a cell has used so far.
struct CgroupUsage {
  std::uint64_t cpu_us = 0;
  std::uint64_t memory_peak = 0;  ///< bytes
  std::uint64_t oom_kills = 0;
};

/// The control group of one cell. Not thread-safe. Destroying the object does not remove the group: Remove()
/// does, once it is empty.
class CellCgroup {
 public:
  virtual ~CellCgroup() = default;
  /// Descriptors that a single-threaded process writes "0" to in order to move itself in; its later children
  /// follow. A process joins by itself because moving another one makes the kernel wait for an RCU grace
  /// period, often ten milliseconds (see cgroup_procs_write_start in the kernel), during which a jailer would
  /// serve nobody.
  virtual std::span<const int> join_fds() const = 0;
  /// Closes them, once the process has been started.
  virtual void CloseJoinFds() = 0;
  /// A descriptor for clone3's CLONE_INTO_CGROUP, which version 2 has for the same purpose; -1 without one.
  virtual int clone_into_fd() const { return -1; }
  /// May be called again; only what differs is written.
  virtual Result<void> SetLimits(const CgroupLimits& limits) = 0;
  virtual CgroupUsage Usage() const = 0;
  /// Tells by oom_epoll_events() when the group may have run out of memory; -1 when the kernel cannot tell.
  virtual int oom_fd() const = 0;
  virtual std::uint32_t oom_epoll_events() const { return EPOLLIN; }
  /// Takes the event off oom_fd().
  virtual void DrainOomEvent() {}
  /// Kills every process in it at once, where the kernel can (version 2, Linux 5.14).
  virtual void KillAll() {}
  /// False while a process is still dying in it; a name is used again only after this was true.
  virtual bool Remove() = 0;
};

/// Where cells' groups are made. Its descriptors are opened by Open(), so it works on after the jailer has
/// left the host's mount tree. Not thread-safe.
class CgroupTree {
 public:
  virtual ~CgroupTree() = default;
  virtual Result<std::unique_ptr<CellCgroup>> Create(const std::string& name) = 0;
  virtual const char* version() const = 0;  ///< "v2", "v1", "none"
  virtual bool limits_memory() const = 0;
  /// Removes what this process made; cells must be gone.
  /// False while something of it is left.
  virtual bool RemoveAll() = 0;
};

/// The version 1 tree: a group `codeapi.<pid>` beneath the caller's own in each of the memory, pids, cpuacct
/// and cpu hierarchies. Groups that dead processes of ours left are swept. kUnavailable, with what is
/// missing, when a needed controller is not mounted or not writable.
Result<std::unique_ptr<CgroupTree>> OpenCgroupV1();

/// The version 2 tree: a group `codeapi.<pid>` beneath the caller's own, or at the top where the caller's own
/// cannot hand down controllers. kUnavailable as above.
Result<std::unique_ptr<CgroupTree>> OpenCgroupV2();

/// No cgroups: nothing is limited or counted here, and rlimits have to do.
std::unique_ptr<CgroupTree> NoCgroups();

}  // namespace codeapi
