#include <algorithm>

#include <boost/asio.hpp>

#include "app/commands.h"
#include "app/hardened_start.h"
#include "app/process.h"
#include "app/service_host.h"
#include "app/wiring.h"
#include "net/periodic.h"
#include "tools/call_server.h"

namespace codeapi {
namespace {

Result<Settings> EffectiveSettings(const ToolCallServerOptions& options) {
  auto settings = LoadSettings();
  if (!settings) return settings;
  if (options.host) settings->tool_call_server_host = *options.host;
  if (options.port) settings->tool_call_server_port = static_cast<std::uint16_t>(*options.port);
  return settings;
}

// Whoever opens sessions and answers calls without a token can speak for every tool of every program.
Result<void> CheckExposure(const Settings& settings) {
  return CheckInternalExposure(settings, "TOOL_CALL_SERVER_HOST", settings.tool_call_server_host,
                               "read and answer all tool calls");
}

// Everything that `codeapi tool-call-server` is, in the order it is built; destroyed the other way round.
class ToolCallService {
 public:
  explicit ToolCallService(Settings settings)
      : host_(std::move(settings)),
        sessions_({.expiry = host_.settings.tool_call_session_expiry}),
        sweep_(host_.executor(), [this]() -> asio::awaitable<std::chrono::milliseconds> {
          sessions_.Sweep();
          co_return std::min<std::chrono::milliseconds>(host_.settings.tool_call_session_expiry,
                                                        std::chrono::seconds(10));
        }) {}

  int Run() { return host_.Run(Main()); }

 private:
  asio::awaitable<int> Main() {
    const Settings& settings = host_.settings;
    host_.WatchSignals();
    auto server = host_.Listen(settings.tool_call_server_host, settings.tool_call_server_port,
                               MakeCallRouter(context_));
    if (!server) co_return Say(server.error().message), 1;
    sweep_.Start();
    Say(co_await host_.Signal() + ": finishing what is under way");
    co_await (*server)->stop(settings.shutdown_grace);
    co_await sweep_.Stop();
    Say("stopped");
    co_return 0;
  }

  ServiceHost host_;
  CallSessions sessions_;
  const CallServerContext context_{sessions_,
                                   *host_.log,
                                   host_.metrics,
                                   host_.settings.internal_service_token,
                                   host_.settings.tool_call_server_port,
                                   host_.settings.tool_call_request_timeout};
  Periodic sweep_;
};

}  // namespace

int ToolCallServerCommand(const ToolCallServerOptions& options) {
  PrepareService();
  auto settings = EffectiveSettings(options);
  if (!settings) return Say(settings.error().message), 1;
  if (auto checked = CheckHardened(kToolCallServer, *settings); !checked)
    return Say(checked.error().message), 1;
  if (auto exposure = CheckExposure(*settings); !exposure) return Say(exposure.error().message), 1;
  return ToolCallService(std::move(*settings)).Run();
}

}  // namespace codeapi
