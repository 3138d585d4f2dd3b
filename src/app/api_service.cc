#include "app/api_service.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <boost/asio.hpp>

#include "app/metrics_route.h"
#include "app/process.h"
#include "app/shared_state.h"

namespace codeapi {
namespace {

JanitorOptions MakeJanitorOptions(const Settings& settings) {
  using std::chrono::milliseconds;
  JanitorOptions out;
  out.file_ttl = settings.file_ttl;
  out.grace = 2 * settings.job_timeout;
  out.interval =
      std::clamp<milliseconds>(settings.file_ttl / 4, std::chrono::seconds(1), std::chrono::minutes(10));
  return out;
}

}  // namespace

Result<std::unique_ptr<ApiService>> ApiService::Make(ServiceHost& host, StateStore& state) {
  std::unique_ptr<ApiService> out(new ApiService(host, state));
  if (auto opened = out->OpenAccess(); !opened) return std::unexpected(opened.error());
  return out;
}

Result<ApiParts> OpenApiParts(ServiceHost& host) {
  auto state = OpenStateStore(host);
  if (!state) return std::unexpected(state.error());
  auto queue = OpenJobQueue(host);
  if (!queue) return std::unexpected(queue.error());
  auto api = ApiService::Make(host, **state);
  if (!api) return std::unexpected(api.error());
  return ApiParts{std::move(*state), std::move(*queue), std::move(*api)};
}

// Who may come in, and how much they may ask for.
Result<void> ApiService::OpenAccess() {
  const Settings& settings = host_.settings;
  auto authenticator = Authenticator::Make(settings, state_, *host_.log);
  if (!authenticator) return std::unexpected(authenticator.error());
  authenticator_ = std::move(*authenticator);
  auto plans = PlanLimits::Parse(settings, *host_.log);
  if (!plans) return std::unexpected(plans.error());
  plans_.emplace(std::move(*plans));
  auto seal = JobSeal::Make(settings);
  if (!seal) return std::unexpected(seal.error());
  seal_ = std::move(*seal);
  rates_.emplace(settings, state_);
  running_.emplace(authenticator_->open() ? std::numeric_limits<int>::max() : settings.user_max_concurrent);
  return CheckExposure();
}

// Where there is no authentication everyone who reaches the port can run programs and read files.
Result<void> ApiService::CheckExposure() const {
  const Settings& settings = host_.settings;
  boost::system::error_code ec;
  const asio::ip::address address = asio::ip::make_address(settings.host, ec);
  if (ec) return Fail(ErrorCode::kInvalid, "CODEAPI_HOST=" + settings.host + " is not a numeric address");
  if (!authenticator_->open() || address.is_loopback()) return {};
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

Result<void> ApiService::Listen(JobQueue& queue, ObjectStore& objects,
                                std::function<asio::awaitable<bool>()> healthy) {
  const Settings& settings = host_.settings;
  janitor_ =
      std::make_unique<Janitor>(host_.executor(), objects, state_, *host_.log, MakeJanitorOptions(settings));
  context_ = std::make_unique<ApiContext>(ApiContext{settings, queue, state_, objects, *host_.log,
                                                     *authenticator_, *rates_, *running_, *plans_,
                                                     std::move(healthy), &metrics_, seal_.get()});
  Router router = MakeApiRouter(*context_);
  router.add("GET", "/metrics", MetricsOf(host_.metrics, queue));
  auto server = host_.Listen(settings.host, settings.service_port, std::move(router));
  if (!server) return std::unexpected(server.error());
  server_ = std::move(*server);
  Say("callers: " + authenticator_->Describe());
  return {};
}

asio::awaitable<void> ApiService::StopListening() {
  if (server_) co_await server_->stop(host_.settings.shutdown_grace);
}

asio::awaitable<void> ApiService::Stop() {
  if (janitor_) co_await janitor_->Stop();
}

}  // namespace codeapi
