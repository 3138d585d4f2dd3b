#include "net/http_client.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <boost/asio/this_coro.hpp>

#include "net/curl_loop.h"
#include "net/http_transfer.h"

namespace codeapi {
namespace {

constexpr std::size_t kUploadChunk = 64uz * 1024;

// Whoever holds it keeps the transfer going.
class Hold {
 public:
  Hold(std::shared_ptr<CurlLoop> loop, std::shared_ptr<HttpTransfer> transfer)
      : loop_(std::move(loop)), transfer_(std::move(transfer)) {
    loop_->start(transfer_);
  }
  Hold(Hold&&) noexcept = default;
  Hold& operator=(Hold&&) = delete;
  ~Hold() {
    if (transfer_) loop_->abandon(std::move(transfer_));
  }

  HttpTransfer& transfer() { return *transfer_; }
  void resume() { loop_->resume(transfer_); }

 private:
  std::shared_ptr<CurlLoop> loop_;
  std::shared_ptr<HttpTransfer> transfer_;
};

std::unexpected<Error> GivenUp() {
  return Fail(ErrorCode::kCancelled, "the request was given up");
}

class ResponseBody final : public BodyReader {
 public:
  ResponseBody(Hold hold, std::optional<std::uint64_t> length) : hold_(std::move(hold)), length_(length) {}

  asio::awaitable<Result<std::size_t>> read(std::span<char> into) override {
    for (;;) {
      bool resume = false;
      std::optional<Result<std::size_t>> got = hold_.transfer().take(into, resume);
      if (resume) hold_.resume();
      if (got) co_return std::move(*got);
      co_await hold_.transfer().wait();
      const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) co_return GivenUp();
    }
  }

  std::optional<std::uint64_t> length() const override { return length_; }

 private:
  Hold hold_;
  std::optional<std::uint64_t> length_;
};

// Hands what a source produces to the transfer, piece by piece.
class Upload {
 public:
  explicit Upload(std::unique_ptr<BodySource> source)
      : source_(std::move(source)), left_(source_ ? source_->length() : std::nullopt) {}

  asio::awaitable<Result<std::string>> next() {
    std::string chunk;
    if (left_ == 0) co_return chunk;
    chunk.resize(std::min<std::uint64_t>(kUploadChunk, left_.value_or(kUploadChunk)));
    const Result<std::size_t> size = co_await source_->read(chunk);
    if (!size) co_return std::unexpected(size.error());
    if (*size == 0 && left_) co_return Fail(ErrorCode::kInternal, "a request body ended before its length");
    chunk.resize(std::min(*size, chunk.size()));
    if (left_) *left_ -= chunk.size();
    co_return chunk;
  }

 private:
  std::unique_ptr<BodySource> source_;
  std::optional<std::uint64_t> left_;
};

std::unique_ptr<BodySource> TakeSource(ClientRequest& request) {
  auto* source = std::get_if<std::unique_ptr<BodySource>>(&request.body);
  return source != nullptr ? std::move(*source) : nullptr;
}

}  // namespace

HttpClient::HttpClient(std::shared_ptr<CurlLoop> loop, HttpClientOptions options)
    : loop_(std::move(loop)), options_(std::move(options)) {}

HttpClient::~HttpClient() {
  loop_->close();
}

Result<std::unique_ptr<HttpClient>> HttpClient::Make(const asio::any_io_executor& executor,
                                                     HttpClientOptions options) {
  auto loop = CurlLoop::Make(executor, options);
  if (!loop) return std::unexpected(loop.error());
  return std::unique_ptr<HttpClient>(new HttpClient(std::move(*loop), std::move(options)));
}

asio::awaitable<Result<ClientResponse>> HttpClient::send(ClientRequest request) {
  const asio::cancellation_state before = co_await asio::this_coro::cancellation_state;
  if (before.cancelled() != asio::cancellation_type::none) co_return GivenUp();
  auto transfer = HttpTransfer::Make(options_, request);
  if (!transfer) co_return std::unexpected(transfer.error());
  Upload upload(TakeSource(request));
  Hold hold(loop_, std::move(*transfer));
  for (;;) {
    const Result<HttpTransfer::Need> need = hold.transfer().need();
    if (!need) co_return std::unexpected(need.error());
    if (*need == HttpTransfer::Need::kNothing) break;
    if (*need == HttpTransfer::Need::kUpload) {
      Result<std::string> chunk = co_await upload.next();
      if (!chunk) co_return std::unexpected(chunk.error());
      hold.transfer().provide(std::move(*chunk));
      hold.resume();
      continue;
    }
    co_await hold.transfer().wait();
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return GivenUp();
  }
  if (hold.transfer().upload_stands()) hold.resume();
  HttpTransfer::Head head = hold.transfer().take_head();
  co_return ClientResponse{head.status, std::move(head.headers),
                           std::make_unique<ResponseBody>(std::move(hold), head.length)};
}

asio::awaitable<Result<FetchedResponse>> HttpClient::fetch(ClientRequest request, std::size_t limit) {
  Result<ClientResponse> response = co_await send(std::move(request));
  if (!response) co_return std::unexpected(response.error());
  Result<std::string> body = co_await response->body->read_all(limit);
  if (!body) co_return std::unexpected(body.error());
  co_return FetchedResponse{response->status, std::move(response->headers), std::move(*body)};
}

}  // namespace codeapi
