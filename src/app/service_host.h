// What stands around the parts of every service: its settings, log, metrics and threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "base/log.h"
#include "base/result.h"
#include "base/settings.h"
#include "base/unique_fd.h"
#include "net/http_server.h"
#include "net/metrics.h"

namespace codeapi {

/// Built before everything else of a process, and destroyed after it.
class ServiceHost {
 public:
  explicit ServiceHost(Settings settings);

  /// Runs `main` on all threads until it returns: the exit status of the process.
  int Run(boost::asio::awaitable<int> main);

  /// Keeps a socket that BindTcp() has bound to this address and port, for Listen().
  void Keep(std::string address, std::uint16_t port, UniqueFd bound);

  /// Starts an HTTP server that logs and counts as all of ours do.
  Result<std::unique_ptr<HttpServer>> Listen(std::string address, std::uint16_t port, Router router);

  /// Waits for SIGTERM or SIGINT and returns its name, or for EndWith() and returns what it was given.
  boost::asio::awaitable<std::string> Signal();
  /// Ends the process as a signal would, but with a reason and as a failure. Thread-safe.
  void EndWith(std::string reason);
  /// What a process that has come to its end returns: 1 after EndWith().
  int status() const { return failed_ ? 1 : 0; }

  /// From here on SIGTERM and SIGINT are for Signal() to tell; until then they simply end the process, which
  /// is right while it only waits for something else.
  void WatchSignals();

  boost::asio::any_io_executor executor() { return io_.get_executor(); }

  const Settings settings;
  const std::unique_ptr<Log> log;
  Metrics metrics;

 private:
  const std::size_t threads_;
  boost::asio::io_context io_;
  std::unique_ptr<boost::asio::signal_set> signals_;
  struct Bound {
    std::string address;
    std::uint16_t port = 0;
    std::shared_ptr<UniqueFd> socket;
  };
  std::vector<Bound> bound_;
  std::mutex end_mutex_;
  std::string end_reason_;
  std::atomic<bool> failed_ = false;
};

/// What every service does before it is built: later writes to vanished peers are errors, not signals, and
/// every descriptor that the system lets us have may be used.
void PrepareService();

/// For services that only others of ours use: kInvalid when `host`, the value of the setting `host_setting`,
/// can be reached from outside while there is no internal token, unless the settings allow it, which is then
/// said loudly. `what` is what strangers could do: "read all files".
Result<void> CheckInternalExposure(const Settings& settings, std::string_view host_setting,
                                   const std::string& host, std::string_view what);

}  // namespace codeapi
