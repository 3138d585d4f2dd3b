#include <algorithm>
#include <optional>

#include <boost/asio.hpp>

#include "app/commands.h"
#include "app/hardened_start.h"
#include "app/process.h"
#include "app/service_host.h"
#include "app/wiring.h"
#include "egress/gateway.h"
#include "egress/memory_ledger.h"
#include "egress/redis_ledger.h"
#include "net/redis_options.h"
#include "tools/call_server.h"

namespace codeapi {
namespace {

// Requests at once to each upstream, and how much longer than the tool-call server one waits for it.
constexpr std::size_t kMaxTransfers = 1024;
constexpr auto kCallMargin = std::chrono::seconds(10);

Result<Settings> EffectiveSettings(const EgressGatewayOptions& options) {
  auto settings = LoadSettings();
  if (!settings) return settings;
  if (options.host) settings->egress_gateway_host = *options.host;
  if (options.port) settings->egress_gateway_port = static_cast<std::uint16_t>(*options.port);
  if (auto checked = CheckHardened(kEgressGateway, *settings); !checked)
    return std::unexpected(checked.error());
  return settings;
}

// `http://host:port`, perhaps with a path, without a slash at its end.
Result<std::string> Upstream(std::string_view name, std::string url) {
  const bool web = url.starts_with("http://") || url.starts_with("https://");
  if (!web || url.find_first_of("?#@ ") != std::string::npos)
    return Fail(ErrorCode::kInvalid, std::string(name) + " is not an http or https URL of a server");
  while (url.ends_with('/')) url.pop_back();
  return url;
}

std::unexpected<Error> Missing(std::string_view name, std::string_view why) {
  return Fail(ErrorCode::kInvalid, std::string(name) + " is not set: " + std::string(why));
}

// What must not be missing, and is no default.
Result<void> CheckComplete(const Settings& settings) {
  if (settings.internal_service_token.empty())
    return Missing("CODEAPI_INTERNAL_SERVICE_TOKEN", "nobody could ask for a grant");
  if (settings.egress_grant_secret.empty())
    return Missing("CODEAPI_EGRESS_GRANT_SECRET", "grants are sealed with it");
  if (settings.manifest_public_keys.empty())
    return Missing("SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY", "no manifest could be believed");
  if (settings.egress_gateway_file_server_url.empty())
    return Missing("EGRESS_GATEWAY_FILE_SERVER_URL", "there would be no files");
  if (settings.egress_ledger_redis_url.empty() && settings.egress_ledger_required)
    return Missing("CODEAPI_EGRESS_LEDGER_REDIS_URL", "CODEAPI_EGRESS_LEDGER_REQUIRED=true asks for it");
  return {};
}

GatewayLimits LimitsFrom(const Settings& settings) {
  return {.max_file_bytes = static_cast<std::uint64_t>(settings.egress_max_file_bytes),
          .grant_ttl = std::chrono::ceil<std::chrono::seconds>(settings.egress_grant_ttl),
          .ledger_grace = std::chrono::ceil<std::chrono::seconds>(settings.egress_ledger_grace),
          .lease = settings.egress_lease,
          .max_path = static_cast<std::size_t>(settings.max_path_length),
          .max_depth = static_cast<std::size_t>(settings.max_nesting_depth),
          .output_extensions = settings.output_extensions};
}

// Everything that `codeapi egress-gateway` is, in the order it is built; destroyed the other way round.
class GatewayService {
 public:
  explicit GatewayService(Settings settings) : host_(std::move(settings)) {}

  /// What needs no connection to anything.
  Result<void> Open() {
    const Settings& settings = host_.settings;
    auto sealer = Sealer::Make(settings.egress_grant_secret);
    if (!sealer) return Named("CODEAPI_EGRESS_GRANT_SECRET", sealer.error());
    auto verifier = ManifestVerifier::FromText(settings.manifest_public_keys);
    if (!verifier) return Named("SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY", verifier.error());
    auto files = Upstream("EGRESS_GATEWAY_FILE_SERVER_URL", settings.egress_gateway_file_server_url);
    if (!files) return std::unexpected(files.error());
    std::string tools;
    if (!settings.egress_gateway_tool_call_server_url.empty()) {
      auto url =
          Upstream("EGRESS_GATEWAY_TOOL_CALL_SERVER_URL", settings.egress_gateway_tool_call_server_url);
      if (!url) return std::unexpected(url.error());
      tools = std::move(*url);
    }
    auto made = OpenClients();
    if (made) made = OpenLedger();
    if (!made) return made;
    context_.emplace(GatewayContext{std::move(*sealer), std::move(*verifier), ledger_,
                                    settings.internal_service_token, std::move(*files), std::move(tools),
                                    LimitsFrom(settings), *files_, *tools_, *host_.log, host_.metrics});
    return {};
  }

  int Run() { return host_.Run(Main()); }

 private:
  static Result<void> Named(std::string_view name, Error error) {
    error.message.insert(0, std::string(name) + " ");
    return std::unexpected(std::move(error));
  }

  Result<void> OpenClients() {
    HttpClientOptions options;
    options.max_transfers = options.max_idle_connections = kMaxTransfers;
    auto files = HttpClient::Make(host_.executor(), options);
    options.idle_timeout = host_.settings.tool_call_request_timeout + kCallMargin;
    auto tools = HttpClient::Make(host_.executor(), options);
    if (!files || !tools) return std::unexpected(files ? tools.error() : files.error());
    files_ = std::move(*files);
    tools_ = std::move(*tools);
    return {};
  }

  Result<void> OpenLedger() {
    const Settings& settings = host_.settings;
    if (settings.egress_ledger_redis_url.empty()) {
      Say("warning: the ledger is in memory (CODEAPI_EGRESS_LEDGER_REDIS_URL is not set): there may be one "
          "gateway "
          "only, and after a restart an execution could run again");
      ledger_ = std::make_shared<MemoryLedger>();
      return {};
    }
    auto options = RedisOptionsAt(settings.egress_ledger_redis_url, settings);
    if (!options) return Named("CODEAPI_EGRESS_LEDGER_REDIS_URL:", options.error());
    // Not below the prefix of queue and state: their users may do there what they like.
    std::string prefix = settings.redis_prefix;
    if (prefix.ends_with(':')) prefix.pop_back();
    auto ledger = RedisLedger::Make(host_.executor(), std::move(*options), prefix + "-egress:");
    if (!ledger) return std::unexpected(ledger.error());
    ledger_ = std::move(*ledger);
    return {};
  }

  asio::awaitable<int> Main() {
    const Settings& settings = host_.settings;
    host_.WatchSignals();
    auto server = host_.Listen(settings.egress_gateway_host, settings.egress_gateway_port,
                               MakeGatewayRouter(*context_));
    if (!server) co_return Say(server.error().message), 1;
    Say(co_await host_.Signal() + ": finishing what is under way");
    co_await (*server)->stop(settings.shutdown_grace);
    Say("stopped");
    co_return 0;
  }

  ServiceHost host_;
  std::shared_ptr<Ledger> ledger_;
  std::unique_ptr<HttpClient> files_, tools_;
  std::optional<GatewayContext> context_;
};

}  // namespace

int EgressGatewayCommand(const EgressGatewayOptions& options) {
  PrepareService();
  auto settings = EffectiveSettings(options);
  if (!settings) return Say(settings.error().message), 1;
  if (auto complete = CheckComplete(*settings); !complete) return Say(complete.error().message), 1;
  GatewayService service(std::move(*settings));
  if (auto opened = service.Open(); !opened) return Say(opened.error().message), 1;
  return service.Run();
}

}  // namespace codeapi
