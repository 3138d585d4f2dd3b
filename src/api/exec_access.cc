#include "api/exec_access.h"

#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/system_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include "api/responses.h"
#include "api/session_access.h"
#include "auth/ownership.h"

namespace codeapi {

Response TooManyAtOnce() {
  Response response = JsonResponse(
      429, boost::json::object{{"error", "rate_limited"},
                               {"message", "Too many CodeAPI executions at once. Please retry in 1 second."},
                               {"retry_after_seconds", 1}});
  response.headers.set("Retry-After", "1");
  return response;
}

asio::awaitable<Result<bool>> MayRead(const ApiContext& api, const Principal& principal,
                                      const ExecRequest& request) {
  std::vector<std::string> keys;
  for (const InputRef& file : request.execution.files) keys.push_back(OwnerKey(file.session));
  if (keys.empty()) co_return true;
  auto owners = co_await api.state.get_many(std::move(keys));
  if (!owners) co_return std::unexpected(owners.error());
  for (std::size_t i = 0; i < owners->size(); ++i) {
    const auto wanted = SessionKey(principal, request.scopes[i]);
    if (!wanted || (*owners)[i] != *wanted) co_return false;
  }
  co_return true;
}

asio::awaitable<std::expected<std::string, Response>> ReadJsonBody(const ApiContext& api, Request& request) {
  const std::string type = request.media_type();
  if (type != "application/json" && !type.ends_with("+json"))
    co_return std::unexpected(ErrorResponse(415, "Content-Type must be application/json"));
  auto body = co_await request.body.read_all(static_cast<std::size_t>(api.settings.http_json_limit));
  if (body) co_return std::move(*body);
  const bool large = body.error().code == ErrorCode::kTooLarge;
  co_return std::unexpected(large ? ErrorResponse(413, "request entity too large")
                                  : ErrorResponse(400, "Bad request"));
}

Response QueueUnavailable(const Error& error) {
  return RetryLater(error.message == "queue_full"      ? "queue_full"
                    : error.message == "shutting down" ? "Service is shutting down"
                                                       : "Service is temporarily unavailable");
}

asio::awaitable<Result<std::string>> SubmitByDeadline(JobQueue& queue, JobSpec spec) {
  using namespace asio::experimental::awaitable_operators;  // NOLINT: the only way to get operator||
  // A program that uses all of its time has to be ended and its files stored.
  constexpr auto kForTheAnswer = std::chrono::seconds(5);
  asio::system_timer late(co_await asio::this_coro::executor, spec.deadline + kForTheAnswer);
  auto outcome =
      co_await (queue.submit(std::move(spec)) || late.async_wait(asio::as_tuple(asio::use_awaitable)));
  if (outcome.index() == 0) co_return std::move(std::get<0>(outcome));
  const auto [aborted] = std::get<1>(outcome);
  if (aborted) co_return Fail(ErrorCode::kCancelled, "the client has gone");
  co_return Fail(ErrorCode::kDeadline, "no answer came by the deadline");
}

asio::awaitable<Result<std::string>> SubmitSigned(const ApiContext& api, const Principal& principal,
                                                  RoundToSign what, JobSpec spec) {
  if (api.seal == nullptr) co_return co_await SubmitByDeadline(api.queue, std::move(spec));
  auto payload = api.seal->Sign(principal, what, std::move(spec.payload));
  if (!payload) co_return payload;
  spec.payload = std::move(*payload);
  const std::string job = spec.id;
  auto answer = co_await SubmitByDeadline(api.queue, std::move(spec));
  if (!answer) co_return answer;
  co_return api.seal->Open(job, what.request.id, what.round, std::move(*answer));
}

}  // namespace codeapi
