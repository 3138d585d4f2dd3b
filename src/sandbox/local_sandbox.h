// A sandbox whose jailer is a child process on this machine.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "jailer/jailer_process.h"
#include "sandbox/sandbox.h"

namespace codeapi {

struct LocalSandboxOptions {
  JailerCommand jailer;  ///< MakeJailerCommand()'s answer; beside the executable is codeapi-init
  JailerSettings settings;
  /// Asked before each run for the root of new cells; a new answer starts a new jailer for the runs from then
  /// on, while those under way go on in theirs. Called on one strand. Empty: settings.root, always.
  std::function<std::string()> root = {};
  /// Told of the pool of the jailer that new runs go to.
  PoolObserver on_pool = {};
  /// SpawnLauncher()'s answer, where this process may not start jailers itself. It belongs to one sandbox.
  std::shared_ptr<JailerProcess> launcher = {};
  /// Called on one strand when the launcher has ended without being told to: runs go on while the jailer
  /// lives, and there will be no other.
  std::function<void()> launcher_lost = {};
};

/// Starts the jailer at the first run and again whenever it has died; runs under way when it dies fail.
/// Thread-safe.
class LocalSandbox final : public Sandbox {
 public:
  LocalSandbox(boost::asio::any_io_executor executor, LocalSandboxOptions options);
  ~LocalSandbox() override;

  boost::asio::awaitable<Result<Verdict>> Run(RunRequest request, std::vector<RunInput> files, RunSink& sink,
                                              ToolPeer* tools = nullptr) override;
  JailerInfo info() const override;

  /// Starts the jailer now, if it is not running: says early what a run would say.
  boost::asio::awaitable<Result<void>> Start();

  /// Ends the jailer and waits until it is gone. Runs under way fail.
  boost::asio::awaitable<void> Stop();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace codeapi
