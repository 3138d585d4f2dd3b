// The worker's end of the jailer protocol.
//
// Theory of operation. One connection carries all runs. Everything that touches it happens on one strand: a
// reader coroutine cuts frames and hands each to its run's channel, a writer coroutine sends whatever has
// been queued as one write, and each run is a coroutine of its own. The jailer is not trusted: a channel
// holds no more frames than the granted credit allows, a frame for a run that does not exist is dropped, and
// a run whose frames make no sense fails alone. When the stream breaks, every run fails and the client stays
// dead.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/unique_fd.h"
#include "sandbox/sandbox.h"

namespace codeapi {

/// Thread-safe but for construction. Runs as Sandbox::Run says.
class JailerClient {
 public:
  /// Says hello over `stream` and waits for the answer. kSetupFailed, with the jailer's own words, when it
  /// cannot make cells; kUnavailable when the stream breaks or there is no answer in 30 s. `on_pool`, if
  /// there is one, is called whenever the jailer tells of its pool, on a strand of its own executor.
  static boost::asio::awaitable<Result<std::shared_ptr<JailerClient>>> Connect(
      boost::asio::any_io_executor executor, UniqueFd stream, JailerSettings settings,
      PoolObserver on_pool = {});
  ~JailerClient();
  JailerClient(const JailerClient&) = delete;
  JailerClient& operator=(const JailerClient&) = delete;

  boost::asio::awaitable<Result<Verdict>> Run(RunRequest request, std::vector<RunInput> files, RunSink& sink,
                                              ToolPeer* tools = nullptr);

  const JailerInfo& info() const;

  /// False once the stream has broken or Close() was called.
  bool alive() const;

  /// Breaks the stream: the jailer takes every cell with it and ends.
  void Close();

 private:
  class Connection;
  explicit JailerClient(std::shared_ptr<Connection> connection);
  std::shared_ptr<Connection> connection_;
};

}  // namespace codeapi
