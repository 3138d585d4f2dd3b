#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <limits>
#include <optional>

#include <boost/asio.hpp>

#include "api/api_context.h"
#include "app/commands.h"
#include "app/object_store.h"
#include "app/process.h"
#include "app/spdlog_log.h"
#include "app/wiring.h"
#include "files/janitor.h"
#include "net/http_server.h"
#include "store/in_process_job_queue.h"
#include "store/sqlite_state_store.h"
#include "worker/health.h"
#include "worker/worker.h"

namespace codeapi {
namespace {

Result<Settings> EffectiveSettings(const ServeOptions& options) {
  auto settings = LoadSettings();
  if (!settings) return settings;
  if (options.host) settings->host = *options.host;
  if (options.port) settings->service_port = static_cast<std::uint16_t>(*options.port);
  if (options.data_dir) settings->data_dir = *options.data_dir;
  if (settings->data_dir.empty()) {
    if (auto chosen = UseDefaultDataDirectory(*settings); !chosen) return std::unexpected(chosen.error());
  }
  if (settings->hardened_sandbox_mode) {
    return Fail(ErrorCode::kInvalid,
                "CODEAPI_HARDENED_SANDBOX_MODE=true: this version has no hardened mode; unset it");
  }
  return settings;
}

// Where there is no authentication everyone who reaches the port can run programs and read files.
Result<void> CheckExposure(const Settings& settings, const Authenticator& authenticator) {
  boost::system::error_code ec;
  const asio::ip::address address = asio::ip::make_address(settings.host, ec);
  if (ec) return Fail(ErrorCode::kInvalid, "CODEAPI_HOST=" + settings.host + " is not a numeric address");
  if (!authenticator.open() || address.is_loopback()) return {};
  if (!settings.allow_auth_provider_none) {
    return Fail(
        ErrorCode::kInvalid,
        "CODEAPI_HOST=" + settings.host +
            " can be reached from outside, and there is no authentication: everyone could run programs and "
            "read files. Set CODEAPI_AUTH_PROVIDER, or CODEAPI_ALLOW_AUTH_PROVIDER_NONE=true if something "
            "else keeps strangers away");
  }
  Say("warning: everyone who reaches " + settings.host +
      " can run programs and read files: there is no authentication");
  return {};
}

JanitorOptions MakeJanitorOptions(const Settings& settings) {
  using std::chrono::milliseconds;
  JanitorOptions out;
  out.file_ttl = settings.file_ttl;
  out.grace = 2 * settings.job_timeout;
  out.interval =
      std::clamp<milliseconds>(settings.file_ttl / 4, std::chrono::seconds(1), std::chrono::minutes(10));
  return out;
}

// Everything that `codeapi serve` is, in the order it is built; destroyed the other way round.
class Service {
 public:
  Service(Settings settings, std::string jailer, const RootChoice& root)
      : settings_(std::move(settings)),
        log_(MakeStderrLog(settings_.log_level)),
        threads_(ServingThreads(settings_)),
        io_(static_cast<int>(threads_)),
        queue_({static_cast<std::size_t>(settings_.queue_max)}),
        sandbox_(io_.get_executor(),
                 {std::move(jailer), MakeJailerSettings(settings_, root), FollowRoot(root)}),
        health_(io_.get_executor(), sandbox_, *log_, settings_.health_max_age) {}

  /// What needs no connection to anything.
  Result<void> Open() {
    if (auto made = MakeDataDirectory(settings_.data_dir); !made) return made;
    auto state = SqliteStateStore::Open(settings_.data_dir + "/state.sqlite");
    if (!state) return std::unexpected(state.error());
    state_ = std::move(*state);
    return OpenAccess();
  }

  int Run() { return RunToEnd(io_, threads_, Main()); }

 private:
  // Who may come in, and how much they may ask for.
  Result<void> OpenAccess() {
    auto authenticator = Authenticator::Make(settings_, *state_, *log_);
    if (!authenticator) return std::unexpected(authenticator.error());
    authenticator_ = std::move(*authenticator);
    auto plans = PlanLimits::Parse(settings_, *log_);
    if (!plans) return std::unexpected(plans.error());
    plans_.emplace(std::move(*plans));
    rates_.emplace(settings_, *state_);
    running_.emplace(authenticator_->open() ? std::numeric_limits<int>::max()
                                            : settings_.user_max_concurrent);
    return CheckExposure(settings_, *authenticator_);
  }

  asio::awaitable<Result<void>> OpenObjects() {
    auto objects = co_await OpenObjectStoreOrFileServer(io_.get_executor(), settings_);
    if (!objects) co_return std::unexpected(objects.error());
    objects_ = std::move(*objects);
    janitor_ = std::make_unique<Janitor>(io_.get_executor(), *objects_, *state_, *log_,
                                         MakeJanitorOptions(settings_));
    executor_ = std::make_unique<Executor>(sandbox_, *objects_, *log_, MakeExecutorLimits(settings_));
    worker_ = std::make_unique<Worker>(io_.get_executor(), queue_, *executor_, *log_,
                                       settings_.max_concurrent_jobs);
    context_ = std::make_unique<ApiContext>(ApiContext{settings_, queue_, *state_, *objects_, *log_,
                                                       *authenticator_, *rates_, *running_, *plans_,
                                                       [this] { return health_.healthy(); }});
    co_return Result<void>();
  }

  asio::awaitable<int> Main() {
    if (auto opened = co_await OpenObjects(); !opened) {
      Say(opened.error().message);
      co_return 1;
    }
    // Not before: a bucket is waited for with patience, and until then a signal may simply end the process.
    asio::signal_set signals(io_, SIGTERM, SIGINT);
    if (auto started = co_await sandbox_.Start(); !started) {
      Say("no cell can be made on this host: " + started.error().message);
      Say("`codeapi doctor` tells what is missing and how to fix it");
      co_return 1;
    }
    for (const std::string& warning : sandbox_.info().warnings) Say("warning: " + warning);
    ServerOptions options;
    options.address = settings_.host;
    options.port = settings_.service_port;
    options.log = [this](std::string_view text) {
      log_->Write(Severity::kWarning, "http", {{"detail", text}});
    };
    auto server = HttpServer::Start(io_.get_executor(), std::move(options), MakeApiRouter(*context_));
    if (!server) {
      Say(server.error().message);
      co_await sandbox_.Stop();
      co_return 1;
    }
    worker_->Start();
    Say("listening on " + ListeningUrl(settings_.host, (*server)->port()));
    Say("callers: " + authenticator_->Describe());
    if (auto probed = co_await health_.Probe(); probed) {
      Say("ready");
    } else {
      Say("not ready, no program runs: " + probed.error().message);
    }
    health_.Start();
    janitor_->Start();
    const int signal = co_await signals.async_wait(asio::use_awaitable);
    Say(fmt::format("{}: finishing what runs", signal == SIGTERM ? "SIGTERM" : "SIGINT"));
    co_await Stop(**server);
    Say("stopped");
    co_return 0;
  }

  // From the outside in, so that each part still has what it needs while it finishes.
  asio::awaitable<void> Stop(HttpServer& server) {
    co_await server.stop(settings_.shutdown_grace);
    queue_.stop();
    co_await worker_->Wait();
    co_await health_.Stop();
    co_await janitor_->Stop();
    co_await sandbox_.Stop();
  }

  const Settings settings_;
  std::unique_ptr<Log> log_;
  const std::size_t threads_;
  asio::io_context io_;
  InProcessJobQueue queue_;
  LocalSandbox sandbox_;
  HealthMonitor health_;
  std::unique_ptr<ObjectStore> objects_;
  std::unique_ptr<StateStore> state_;
  std::unique_ptr<Authenticator> authenticator_;
  std::optional<PlanLimits> plans_;
  std::optional<RateLimiter> rates_;
  std::optional<ConcurrencyLimiter> running_;
  std::unique_ptr<Janitor> janitor_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<ApiContext> context_;
};

}  // namespace

int ServeCommand(const ServeOptions& options) {
  ::signal(SIGPIPE, SIG_IGN);
  RaiseFileLimit();
  auto settings = EffectiveSettings(options);
  if (!settings) return Say(settings.error().message), 1;
  auto jailer = FindJailer(*settings);
  if (!jailer) return Say(jailer.error().message), 1;
  const RootChoice root = ChooseRoot(*settings);
  Say(DescribeRoot(root));
  Service service(std::move(*settings), std::move(*jailer), root);
  if (auto opened = service.Open(); !opened) return Say(opened.error().message), 1;
  return service.Run();
}

}  // namespace codeapi
