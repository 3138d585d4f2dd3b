#include "app/service_host.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include <boost/asio.hpp>

#include "app/process.h"
#include "app/spdlog_log.h"

namespace codeapi {
namespace {

// Probes and scrapes come every few seconds and tell nothing.
bool IsProbe(std::string_view route) {
  return route == "/v1/health" || route == "/health" || route == "/ready" || route == "/live" ||
         route == "/metrics";
}

void LogRequest(Log& log, const Request& request, int status) {
  if (request.id.empty() || IsProbe(request.route)) return;
  const auto took = std::chrono::steady_clock::now() - request.started;
  log.Write(Severity::kInfo, "request",
            {{"request", request.id},
             {"trace", request.trace.trace_id},
             {"span", request.trace.span_id},
             {"method", request.method},
             {"route", request.route.empty() ? "unmatched" : request.route},
             {"status", static_cast<std::int64_t>(status)},
             {"ms", std::chrono::duration_cast<std::chrono::milliseconds>(took).count()}});
}

}  // namespace

ServiceHost::ServiceHost(Settings the_settings)
    : settings(std::move(the_settings)),
      log(MakeStderrLog(settings.log_level)),
      threads_(ServingThreads(settings)),
      io_(static_cast<int>(threads_)) {}

int ServiceHost::Run(asio::awaitable<int> main) {
  return RunToEnd(io_, threads_, std::move(main));
}

void ServiceHost::Keep(std::string address, std::uint16_t port, UniqueFd bound) {
  bound_.push_back({std::move(address), port, std::make_shared<UniqueFd>(std::move(bound))});
}

Result<std::unique_ptr<HttpServer>> ServiceHost::Listen(std::string address, std::uint16_t port,
                                                        Router router) {
  ServerOptions options;
  const auto kept = std::ranges::find_if(
      bound_, [&](const Bound& bound) { return bound.address == address && bound.port == port; });
  if (kept != bound_.end()) {
    options.bound = std::move(kept->socket);
    bound_.erase(kept);
  }
  options.address = address;
  options.port = port;
  options.log = [this](std::string_view text) { log->Write(Severity::kWarning, "http", {{"detail", text}}); };
  options.observe = [this, count = metrics.http_observer()](const Request& request, int status) {
    count(request, status);
    LogRequest(*log, request, status);
  };
  auto server = HttpServer::Start(io_.get_executor(), std::move(options), std::move(router));
  if (server) Say("listening on " + ListeningUrl(address, (*server)->port()));
  return server;
}

void ServiceHost::WatchSignals() {
  if (!signals_) signals_ = std::make_unique<asio::signal_set>(io_, SIGTERM, SIGINT);
}

asio::awaitable<std::string> ServiceHost::Signal() {
  WatchSignals();
  const int signal = co_await signals_->async_wait(asio::use_awaitable);
  if (failed_) {
    const std::lock_guard lock(end_mutex_);
    co_return end_reason_;
  }
  co_return signal == SIGTERM ? "SIGTERM" : "SIGINT";
}

void ServiceHost::EndWith(std::string reason) {
  {
    const std::lock_guard lock(end_mutex_);
    end_reason_ = std::move(reason);
  }
  failed_ = true;
  ::kill(::getpid(), SIGTERM);
}

void PrepareService() {
  (void)::signal(SIGPIPE, SIG_IGN);
  RaiseFileLimit();
  GiveLargeBuffersBack();
}

Result<void> CheckInternalExposure(const Settings& settings, std::string_view host_setting,
                                   const std::string& host, std::string_view what) {
  if (!settings.internal_service_token.empty()) return {};
  if (settings.hardened_sandbox_mode) {
    return Fail(ErrorCode::kInvalid,
                "CODEAPI_HARDENED_SANDBOX_MODE=true needs CODEAPI_INTERNAL_SERVICE_TOKEN");
  }
  if (IsLoopbackAddress(host)) return {};
  if (!settings.allow_unauthenticated_internal) {
    return Fail(
        ErrorCode::kInvalid,
        fmt::format("{}={} can be reached from outside, and there is no "
                    "CODEAPI_INTERNAL_SERVICE_TOKEN: everyone could {}. Set the token, here and in the "
                    "services that use this one, or CODEAPI_ALLOW_UNAUTHENTICATED_INTERNAL=true if "
                    "something else keeps strangers away",
                    host_setting, host, what));
  }
  Say(fmt::format("WARNING: everyone who reaches {} can {}: there is no CODEAPI_INTERNAL_SERVICE_TOKEN", host,
                  what));
  return {};
}

}  // namespace codeapi
