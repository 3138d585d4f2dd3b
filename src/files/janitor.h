// Removes stored files that nobody can reach any more.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/log.h"
#include "base/result.h"
#include "net/periodic.h"
#include "store/object_store.h"
#include "store/state_store.h"

namespace codeapi {

struct JanitorOptions {
  /// How long the owner of a storage session is remembered after its last file was written.
  std::chrono::milliseconds file_ttl{86'400'000};
  /// What a file may be older than its owner's record: an execution's outputs are stored before it ends.
  std::chrono::milliseconds grace{360'000};
  /// From the end of one sweep to the start of the next.
  std::chrono::milliseconds interval{600'000};
  std::function<std::chrono::system_clock::time_point()> now;  ///< the system's clock when empty
};

/// Theory of operation. A storage session can be used as long as its owner is known (auth/ownership.h), and
/// the record of the owner expires by itself. What stays is in the object store: files whose owner has
/// expired, and files that never had one because a process died between the two. A sweep looks at every
/// session that holds files and removes those without an owner, but only files older than `file_ttl` +
/// `grace`: younger ones may still be given an owner. If the state store is away nothing is removed.
///
/// Several processes may sweep the same store. Thread-safe.
class Janitor {
 public:
  /// `objects`, `state` and `log` must outlive Stop().
  Janitor(boost::asio::any_io_executor executor, ObjectStore& objects, StateStore& state, Log& log,
          JanitorOptions options);

  /// One sweep over the whole store: how many files were removed. Ends early, with the error, when a store is
  /// away.
  boost::asio::awaitable<Result<std::size_t>> Sweep();

  /// Sweeps now and then until Stop().
  void Start() { periodic_.Start(); }
  /// Ends the sweeping and waits for the one under way to notice, at the latest after the session it is at.
  boost::asio::awaitable<void> Stop() { return periodic_.Stop(); }

 private:
  boost::asio::awaitable<Result<std::size_t>> SweepSession(const std::string& session);
  boost::asio::awaitable<std::chrono::milliseconds> Turn();
  std::chrono::system_clock::time_point horizon() const;

  ObjectStore& objects_;
  StateStore& owners_;
  Log& log_;
  const JanitorOptions options_;
  Periodic periodic_;
};

}  // namespace codeapi
