// The inputs of one execution on their way from the store into a cell.
//
// Theory of operation. Each input has a coroutine that opens it, reads a piece ahead and hands over one piece
// at a time, so that the next is read while the last is on its way. A few of them are under way at once, in
// the order of the inputs: a cell takes one file after the other, but the store is asked about several, and
// nothing waits for the first input that the start of the run need not wait for.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "sandbox/sandbox.h"
#include "store/object_store.h"
#include "worker/execution.h"
#include "worker/input_cache.h"

namespace codeapi {

/// Not thread-safe, but what Input() returns may be used on another executor than the rest, once each.
class InputStreams {
 public:
  /// `objects`, and `cache` if there is one, must live until Stop() has returned, which must be called.
  InputStreams(boost::asio::any_io_executor executor, ObjectStore& objects, InputCache* cache,
               const ExecutionRequest& request);

  /// Begins to open them.
  void Start();

  /// Number `i`, as a sandbox takes it; to be taken in their order. What goes wrong with the store is
  /// reported by its source or, before its first byte, by what makes it ready.
  RunInput Input(std::size_t i) const;

  /// Ends what is still under way: nothing is asked of the store any more when this returns.
  boost::asio::awaitable<void> Stop();

 private:
  struct Shared;
  struct Stream;
  static boost::asio::awaitable<void> Pump(std::shared_ptr<Shared> shared);
  static boost::asio::awaitable<void> Carry(Shared& shared, Stream& stream);
  static boost::asio::awaitable<void> Read(Shared& shared, Stream& stream, ObjectReader& reader);

  std::shared_ptr<Shared> shared_;
};

}  // namespace codeapi
