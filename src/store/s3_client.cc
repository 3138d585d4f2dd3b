#include "store/s3_client.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <random>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "store/xml.h"

namespace codeapi {

using asio::awaitable;

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kProbe = std::chrono::seconds(5);  // for calls that are not repeated: somebody waits
constexpr std::size_t kMaxAnswer = 16uz << 20;            // a page of a list has a few hundred KiB

bool IsOneOf(std::string_view code, std::initializer_list<std::string_view> codes) {
  return std::ranges::find(codes, code) != codes.end();
}

// S3 answers some requests 200 before it knows how they end.
void LookForError(S3Answer& answer, bool may_hold_error) {
  if (answer.status < 300 && !may_hold_error) return;
  if (answer.body.empty() && answer.status >= 300) return;
  const auto root = ParseXml(answer.body);
  if (root && root->name == "Error") {
    answer.code = root->get("Code").substr(0, 100);
    if (answer.code.empty()) answer.code = "Unnamed";
  } else if (!root && answer.status < 300) {
    answer.code = "InternalError";  // cut short, or not S3 at all
  }
}

}  // namespace

// The attempts of one call.
class S3Client::Pace {
 public:
  explicit Pace(const S3Retry& retry) : retry_(retry), end_(Clock::now() + retry.total) {}

  milliseconds left() const {
    return std::max(std::chrono::duration_cast<milliseconds>(end_ - Clock::now()), milliseconds(1));
  }

  /// Waits before the next attempt; false when there shall be none.
  awaitable<bool> next() {
    if (++made_ >= retry_.attempts) co_return false;
    const int doublings = std::min(made_ - 1, 20);
    const milliseconds most = std::min(retry_.cap, milliseconds(retry_.base.count() << doublings));
    std::minstd_rand random{std::random_device{}()};
    const milliseconds pause(std::uniform_int_distribution<std::int64_t>(0, most.count())(random));
    if (Clock::now() + pause >= end_) co_return false;
    asio::steady_timer timer(co_await asio::this_coro::executor, pause);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return true;
  }

 private:
  const S3Retry& retry_;
  Clock::time_point end_;
  int made_ = 0;
};

S3Client::S3Client(S3Options options, S3Address address)
    : options_(std::move(options)), address_(std::move(address)) {}

Result<std::shared_ptr<S3Client>> S3Client::Make(const asio::any_io_executor& executor, S3Options options) {
  auto address = ResolveS3Address(options);
  if (!address) return std::unexpected(address.error());
  const std::shared_ptr<S3Client> client(new S3Client(std::move(options), std::move(*address)));
  auto http = HttpClient::Make(executor, client->options_.http);
  if (!http) return std::unexpected(http.error());
  client->http_ = std::move(*http);
  if (const auto& identity = client->options_.web_identity) {
    if (identity->token_file.empty() || identity->role_arn.empty()) {
      return Fail(ErrorCode::kInvalid,
                  "S3: a web identity needs AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN");
    }
    client->credentials_ = MakeWebIdentityCredentials(executor, client->http_, *identity);
  } else {
    if (client->options_.keys.access_key.empty() || client->options_.keys.secret_key.empty()) {
      return Fail(ErrorCode::kInvalid, "S3: there is no access key or no secret key");
    }
    client->credentials_ = MakeStaticCredentials(client->options_.keys);
  }
  return client;
}

awaitable<Result<ClientRequest>> S3Client::sign(const S3Call& call, AwsCredentials& used) {
  auto credentials = co_await credentials_->get();
  if (!credentials) co_return std::unexpected(credentials.error());
  used = std::move(*credentials);
  AwsRequest request{.method = call.method, .query = call.query, .headers = call.headers};
  request.path = address_.prefix + "/" + AwsEncode(call.key, true);
  if (call.key.empty() && !address_.prefix.empty()) request.path = address_.prefix;
  request.payload_hash = !call.payload_hash.empty() ? call.payload_hash
                         : call.body                ? Sha256Hex(*call.body)
                                                    : std::string(kAwsEmptyPayload);
  request.headers.set("Host", address_.host);
  request.headers.set("X-Amz-Date", AwsTime(std::chrono::system_clock::now()));
  request.headers.set("X-Amz-Content-Sha256", request.payload_hash);
  if (!used.session_token.empty()) request.headers.set("X-Amz-Security-Token", used.session_token);
  ClientRequest signed_request{.method = call.method, .headers = request.headers};
  signed_request.headers.set("Authorization", AwsAuthorization(request, used, {options_.region, "s3"}));
  const std::string query = AwsQueryString(call.query);
  signed_request.url = address_.base + request.path + (query.empty() ? "" : "?" + query);
  if (call.body) signed_request.body = call.body;
  co_return signed_request;
}

awaitable<Result<ClientResponse>> S3Client::send(const S3Call& call, const Pace& pace, AwsCredentials& used) {
  auto request = co_await sign(call, used);
  if (!request) co_return std::unexpected(request.error());
  if (call.method != "GET" || call.key.empty()) request->total_timeout = pace.left();  // not for large bodies
  if (call.once) request->total_timeout = std::min(pace.left(), kProbe);
  co_return co_await http_->send(std::move(*request));
}

awaitable<Result<S3Answer>> S3Client::attempt(const S3Call& call, const Pace& pace) {
  AwsCredentials used;
  Result<ClientResponse> response = co_await send(call, pace, used);
  if (!response) co_return std::unexpected(response.error());
  Result<std::string> body = co_await response->body->read_all(kMaxAnswer);
  if (!body) co_return std::unexpected(body.error());
  S3Answer answer{response->status, std::move(response->headers), std::move(*body)};
  LookForError(answer, call.may_hold_error);
  if (IsOneOf(answer.code, {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})) {
    credentials_->expire(used);
  }
  co_return answer;
}

bool S3Client::worth_repeating(const S3Answer& answer) const {
  if (IsOneOf(answer.code, {"InternalError", "SlowDown", "ServiceUnavailable", "RequestTimeout",
                            "OperationAborted", "ConditionalRequestConflict"})) {
    return true;
  }
  if (options_.web_identity &&
      IsOneOf(answer.code, {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})) {
    return true;
  }
  constexpr std::array kPassing = {429, 500, 502, 503, 504};
  return std::ranges::find(kPassing, answer.status) != kPassing.end();
}

awaitable<Result<S3Answer>> S3Client::call(S3Call call) {
  Pace pace(options_.retry);
  bool unclear = false;
  for (;;) {
    if (stopped_) co_return Fail(ErrorCode::kUnavailable, "the store is closed");
    Result<S3Answer> answer = co_await attempt(call, pace);
    if (answer) answer->repeated = unclear;
    const bool again = answer ? worth_repeating(*answer) : answer.error().code != ErrorCode::kInvalid;
    if (!again || call.once || !co_await pace.next()) {
      if (answer || answer.error().code == ErrorCode::kInvalid) co_return answer;
      co_return Fail(ErrorCode::kUnavailable, "S3: " + call.what + ": " + answer.error().message);
    }
    unclear = unclear || !answer || answer->status >= 500 || answer->status < 300;
  }
}

awaitable<Result<ClientResponse>> S3Client::open(S3Call call) {
  Pace pace(options_.retry);
  for (;;) {
    if (stopped_) co_return Fail(ErrorCode::kUnavailable, "the store is closed");
    AwsCredentials used;
    Result<ClientResponse> response = co_await send(call, pace, used);
    if (response && response->status == 200) co_return response;
    Error error;
    bool again = true;
    if (response) {
      // A body that does not come whole leaves the status, which says enough.
      S3Answer answer{response->status, std::move(response->headers),
                      (co_await response->body->read_all(kMaxAnswer)).value_or("")};
      LookForError(answer, false);
      if (options_.web_identity && answer.code.starts_with("ExpiredToken")) credentials_->expire(used);
      again = worth_repeating(answer);
      error = Failure(call.what, answer);
    } else {
      again = response.error().code != ErrorCode::kInvalid;
      error = Error{again ? ErrorCode::kUnavailable : ErrorCode::kInvalid,
                    "S3: " + call.what + ": " + response.error().message};
    }
    if (!again || call.once || !co_await pace.next()) co_return std::unexpected(std::move(error));
  }
}

Error S3Client::Failure(const std::string& what, const S3Answer& answer) {
  const std::string text = "S3: " + what + " was answered " + std::to_string(answer.status) +
                           (answer.code.empty() ? "" : " " + answer.code);
  if (answer.code == "NoSuchBucket") return {ErrorCode::kUnavailable, text};
  switch (answer.status) {
    case 404:
      return {ErrorCode::kNotFound, text};
    case 409:
    case 412:
      return {ErrorCode::kConflict, text};
    case 301:
    case 307:
      return {ErrorCode::kUnavailable, text + " (is the bucket in another region?)"};
    case 401:
    case 403:
    case 429:
      return {ErrorCode::kUnavailable, text};
    default:
      break;
  }
  // What cannot be read as an answer of S3 is a server that is not itself just now.
  const bool ours = answer.status >= 400 && answer.status < 500;
  return {ours && answer.code != "ExpiredToken" ? ErrorCode::kInternal : ErrorCode::kUnavailable, text};
}

}  // namespace codeapi
