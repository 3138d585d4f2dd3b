// Who may build below one directory, on this machine or on another that mounts it too.
//
// Theory of operation. The lease is a file made with O_EXCL, which is atomic on NFS as well; flock is not
// assumed to work. Its holder rewrites it every few seconds. A waiter takes it over by renaming its own file
// over it, at once if the holder was a process of this machine that is gone, else when the file has not
// changed for a while by the waiter's own clock, so machines' clocks need not agree. Two waiters may do that
// at the same moment, and a holder that was merely stopped may go on: leases keep work from being done twice,
// while correctness rests on every build having a directory of its own that is renamed when complete.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.h"

namespace codeapi {

struct LeaseTimes {
  std::chrono::milliseconds heartbeat{5'000};
  std::chrono::milliseconds stale{60'000};  ///< a file unchanged for this long has no holder
  std::chrono::milliseconds poll{500};      ///< how often a waiter looks
};

/// Held from Acquire until destruction. Not movable; its own thread keeps it fresh.
class BuildLease {
 public:
  /// Waits for the lease that is the file `path`. `waiting` is called with the holder's description each
  /// time it is found to be held by somebody else. Fails only when the file cannot be made or read.
  static Result<std::unique_ptr<BuildLease>> Acquire(
      const std::string& path, const LeaseTimes& times,
      const std::function<void(const std::string& holder)>& waiting);
  ~BuildLease();
  BuildLease(const BuildLease&) = delete;
  BuildLease& operator=(const BuildLease&) = delete;

  /// Whether the file is still ours: false once somebody took it over.
  bool held() const;

 private:
  BuildLease(std::string path, std::string identity, std::chrono::milliseconds heartbeat);
  void Beat(std::chrono::milliseconds heartbeat);

  const std::string path_, identity_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

/// What a lease file says of its holder.
struct LeaseHolder {
  std::string host;  ///< name and boot id of the machine
  long pid = 0;
  std::string started;  ///< when that process started, in the kernel's ticks: process ids are used again
  std::string nonce;
};

/// As written to the file, and back; a file that makes no sense gives an empty host.
std::string FormatLease(const LeaseHolder& holder);
LeaseHolder ParseLease(const std::string& text);

/// This process as a holder.
LeaseHolder ThisProcess();

/// Whether `holder` is known to be gone: it was a process of this machine and is no longer there.
bool IsGone(const LeaseHolder& holder);

}  // namespace codeapi
