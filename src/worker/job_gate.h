// The door through which a job reaches what is outside of its cell, where there is one (docs/adr/0008).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "store/object_store.h"

namespace codeapi {

/// What one job may reach, while this worker does it. One call at a time.
class JobAccess {
 public:
  virtual ~JobAccess() = default;

  /// Where the files of its execution are read and stored. It serves later rounds of the same program as
  /// well, and fails when none is under way. May outlive the access.
  virtual std::shared_ptr<ObjectStore> objects() = 0;

  /// Notes that the program has made calls up to this number. Must come before anybody is told of them.
  virtual boost::asio::awaitable<Result<void>> NoteCalls(std::uint32_t last) = 0;

  /// Gives the access up, whatever becomes of the caller. `finished`: the job was done and is not to be done
  /// again; otherwise somebody else may. Once, and when nothing is asked of objects() any more.
  virtual boost::asio::awaitable<void> End(bool finished) = 0;
};

/// Thread-safe.
class JobGate {
 public:
  virtual ~JobGate() = default;

  /// Asks to do the job that a manifest was signed for. `starts` says that it runs a program, and does not go
  /// on with one that waits. Cancelled, it gives up between two attempts, with
  /// kCancelled. kForbidden: not with this manifest; kConflict:
  /// another worker does it, or it was done; kUnavailable: nobody can say.
  virtual boost::asio::awaitable<Result<std::unique_ptr<JobAccess>>> Enter(std::string manifest,
                                                                           bool starts) = 0;
};

}  // namespace codeapi
