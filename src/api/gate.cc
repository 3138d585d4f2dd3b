#include "api/gate.h"

#include <boost/json.hpp>

#include "api/responses.h"

namespace codeapi {
namespace {

namespace json = boost::json;

// A server without stateful machines.
constexpr std::string_view kProfile = "default";

std::optional<std::string> Sent(const Request& request, std::string_view header) {
  if (!request.headers.has(header)) return std::nullopt;
  return std::string(request.header(header));
}

asio::awaitable<std::expected<Principal, AuthFailure>> Authenticate(const ApiContext& api,
                                                                    const Request& request) {
  Credentials sent;
  sent.authorization = Sent(request, "Authorization");
  sent.api_key = Sent(request, "X-API-Key");
  sent.synthetic = Sent(request, "X-CodeAPI-Synthetic-Token");
  sent.repeated = request.headers.count("Authorization") > 1 || request.headers.count("X-API-Key") > 1 ||
                  request.headers.count("X-CodeAPI-Synthetic-Token") > 1;
  sent.is_exec = request.route == "/v1/exec";
  co_return co_await api.authenticator.Authenticate(std::move(sent));
}

Response Refused(const ApiContext& api, const Request& request, const AuthFailure& failure) {
  api.log.Write(Severity::kInfo, "not authenticated",
                {{"request", request.id}, {"trace", request.trace.trace_id}, {"reason", failure.reason}});
  Response response = ErrorResponse(failure.status, failure.text);
  // RFC 9110 wants a 401 to name a scheme.
  if (failure.status == 401) response.headers.set("WWW-Authenticate", "Bearer");
  return response;
}

// A client that was set up for machines with a memory would silently lose its state here.
std::optional<Response> ProfileProblem(const Request& request) {
  const std::string_view expected = request.header("X-CodeAPI-Expected-Profile");
  if (expected.empty() || expected == kProfile) return std::nullopt;
  if (expected != "stateful")
    return NamedError(400, "invalid_execution_profile",
                      "X-CodeAPI-Expected-Profile must be default or stateful");
  return JsonResponse(409,
                      json::object{{"error", "execution_profile_mismatch"},
                                   {"message", "This server does not run the expected execution profile"},
                                   {"expected_profile", expected},
                                   {"actual_profile", kProfile}});
}

asio::awaitable<Response> Admit(const ApiContext& api, const ApiHandler& handler, Request& request,
                                Principal principal) {
  if (auto problem = ProfileProblem(request)) co_return std::move(*problem);
  const Plan plan = api.plans.For(principal.plan);
  ApiCall call{request, std::move(principal), plan, api.objects.traced(request.trace.Header())};
  co_return co_await handler(api, call);
}

asio::awaitable<Response> Enter(const ApiContext& api, RateLimit rate, const ApiHandler& handler,
                                Request& request) {
  auto principal = co_await Authenticate(api, request);
  if (!principal) co_return Refused(api, request, principal.error());
  if (api.authenticator.open()) co_return co_await Admit(api, handler, request, std::move(*principal));

  const auto decision = co_await api.rates.Count(rate, *principal);
  if (!decision) {
    api.log.Write(
        Severity::kError, "requests cannot be counted",
        {{"request", request.id}, {"trace", request.trace.trace_id}, {"detail", decision.error().message}});
    co_return RetryLater();
  }
  Response response = decision->allowed
                          ? co_await Admit(api, handler, request, std::move(*principal))
                          : TextResponse(429, RateLimitBody(*decision), "application/json; charset=utf-8");
  for (auto& [name, value] : RateLimitHeaders(*decision)) {
    // A handler that refuses for its own reasons knows better when to come again.
    if (!response.headers.has(name)) response.headers.set(name, std::move(value));
  }
  co_return response;
}

void LogRefusal(const ApiContext& api, const Request& request, const Response& response) {
  if (response.status < 400) return;
  api.log.Write(response.status < 500 ? Severity::kInfo : Severity::kWarning, "request refused",
                {{"request", request.id},
                 {"trace", request.trace.trace_id},
                 {"method", request.method},
                 {"route", request.route.empty() ? "unmatched" : request.route},
                 {"status", static_cast<std::int64_t>(response.status)}});
}

}  // namespace

Handler Gated(const ApiContext& api, RateLimit rate, ApiHandler handler) {
  return [&api, rate, handler = std::move(handler)](Request& request) -> asio::awaitable<Response> {
    Response response = co_await Enter(api, rate, handler, request);
    response.headers.set("X-CodeAPI-Execution-Profile", std::string(kProfile));
    LogRefusal(api, request, response);
    co_return response;
  };
}

Handler GatedNotFound(const ApiContext& api) {
  return [&api](Request& request) -> asio::awaitable<Response> {
    Response response = ErrorResponse(404, "Not found");
    if (request.path.starts_with("/v1/")) {
      auto principal = co_await Authenticate(api, request);
      if (!principal) response = Refused(api, request, principal.error());
    }
    LogRefusal(api, request, response);
    co_return response;
  };
}

}  // namespace codeapi
