#include <algorithm>
#include <csignal>
#include <vector>

#include <boost/asio.hpp>

#include "app/commands.h"
#include "app/object_store.h"
#include "app/process.h"
#include "app/spdlog_log.h"
#include "app/wiring.h"
#include "files/file_server.h"
#include "net/http_server.h"

namespace codeapi {
namespace {

Result<Settings> EffectiveSettings(const FileServerOptions& options) {
  auto settings = LoadSettings();
  if (!settings) return settings;
  if (options.host) settings->file_server_host = *options.host;
  if (options.port) settings->file_server_port = static_cast<std::uint16_t>(*options.port);
  if (options.data_dir) settings->data_dir = *options.data_dir;
  if (settings->data_dir.empty() && !UsesS3(*settings)) {
    if (auto chosen = UseDefaultDataDirectory(*settings); !chosen) return std::unexpected(chosen.error());
  }
  return settings;
}

// Whoever reaches a file server without a token reads and writes everybody's files.
Result<void> CheckExposure(const Settings& settings) {
  if (!settings.internal_service_token.empty()) return {};
  if (settings.hardened_sandbox_mode) {
    return Fail(ErrorCode::kInvalid,
                "CODEAPI_HARDENED_SANDBOX_MODE=true needs CODEAPI_INTERNAL_SERVICE_TOKEN");
  }
  if (IsLoopbackAddress(settings.file_server_host)) return {};
  if (!settings.allow_unauthenticated_internal) {
    return Fail(ErrorCode::kInvalid,
                "FILE_SERVER_HOST=" + settings.file_server_host +
                    " can be reached from outside, and there is no CODEAPI_INTERNAL_SERVICE_TOKEN: everyone "
                    "could read "
                    "and write all files. Set the token, here and in the services that use this one, or "
                    "CODEAPI_ALLOW_UNAUTHENTICATED_INTERNAL=true if something else keeps strangers away");
  }
  Say("WARNING: everyone who reaches " + settings.file_server_host +
      " can read, write and delete all files: there is no CODEAPI_INTERNAL_SERVICE_TOKEN");
  return {};
}

// Everything that `codeapi file-server` is, in the order it is built; destroyed the other way round.
class FileService {
 public:
  explicit FileService(Settings settings)
      : settings_(std::move(settings)),
        log_(MakeStderrLog(settings_.log_level)),
        threads_(ServingThreads(settings_)),
        io_(static_cast<int>(threads_)) {}

  int Run() { return RunToEnd(io_, threads_, Main()); }

 private:
  asio::awaitable<int> Main() {
    auto objects = co_await OpenObjectStore(io_.get_executor(), settings_);
    if (!objects) co_return Say(objects.error().message), 1;
    objects_ = std::move(*objects);
    // Not before: a bucket is waited for with patience, and until then a signal may simply end the process.
    asio::signal_set signals(io_, SIGTERM, SIGINT);
    context_ = std::make_unique<FileServerContext>(
        FileServerContext{*objects_, *log_, metrics_, settings_.internal_service_token});
    ServerOptions options;
    options.address = settings_.file_server_host;
    options.port = settings_.file_server_port;
    options.log = [this](std::string_view text) {
      log_->Write(Severity::kWarning, "http", {{"detail", text}});
    };
    options.observe = metrics_.http_observer();
    auto server = HttpServer::Start(io_.get_executor(), std::move(options), MakeFileRouter(*context_));
    if (!server) co_return Say(server.error().message), 1;
    Say("listening on " + ListeningUrl(settings_.file_server_host, (*server)->port()));
    const int signal = co_await signals.async_wait(asio::use_awaitable);
    Say(std::string(signal == SIGTERM ? "SIGTERM" : "SIGINT") + ": finishing what is under way");
    co_await (*server)->stop(settings_.shutdown_grace);
    Say("stopped");
    co_return 0;
  }

  const Settings settings_;
  std::unique_ptr<Log> log_;
  const std::size_t threads_;
  Metrics metrics_;
  asio::io_context io_;
  std::unique_ptr<ObjectStore> objects_;
  std::unique_ptr<FileServerContext> context_;
};

}  // namespace

int FileServerCommand(const FileServerOptions& options) {
  (void)::signal(SIGPIPE, SIG_IGN);
  RaiseFileLimit();
  auto settings = EffectiveSettings(options);
  if (!settings) return Say(settings.error().message), 1;
  if (auto exposure = CheckExposure(*settings); !exposure) return Say(exposure.error().message), 1;
  return FileService(std::move(*settings)).Run();
}

}  // namespace codeapi
