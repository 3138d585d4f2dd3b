// A sandbox whose jailer is a child process on this machine.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "sandbox/sandbox.h"

namespace codeapi {

struct LocalSandboxOptions {
  std::string jailer_path;  ///< the codeapi-jailer executable; codeapi-init is beside it
  JailerSettings settings;
  std::string manifest_keys = {};  ///< for ManifestVerifier::FromText(); empty: runs need no manifest
  /// Asked before each run for the root of new cells; a new answer starts a new jailer for the runs from then
  /// on, while those under way go on in theirs. Called on one strand. Empty: settings.root, always.
  std::function<std::string()> root = {};
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
