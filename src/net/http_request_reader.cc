#include "net/http_request_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>

namespace codeapi {
namespace {

namespace http = boost::beast::http;

constexpr std::size_t kHeaderStep = 8uz * 1024;
constexpr std::size_t kBodyStep = 64uz * 1024;
constexpr std::size_t kDrainLimit = 64uz * 1024;
constexpr std::size_t kIdleBuffer = 16uz * 1024;
constexpr std::size_t kMaxBlankBytes = 16;  // RFC 9112 2.2: some clients put CRLFs before a request line

constexpr std::size_t kMaxFields = 256;
// What chunk sizes, extensions and trailers may weigh, beside this much for every byte of the body: the least
// that a byte sent alone needs is six. Else a body of nothing could be endless.
constexpr std::uint64_t kChunkAllowance = 16uz * 1024;
constexpr std::uint64_t kChunkOverheadPerByte = 16;

// No body or chunk is so large; what is beyond is there to overflow somebody's arithmetic.
constexpr std::uint64_t kMaxLength = std::uint64_t{1} << 62;

constexpr HttpProblem kSilence{};

std::string_view View(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

bool IsNumber(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// The letters of host names, addresses and ports; of RFC 3986's others those that no proxy could cut a value
// at. Empty is allowed for targets without an authority.
bool IsAuthority(std::string_view text) {
  constexpr std::string_view kOthers = "-._~%:[]";
  return std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || kOthers.contains(c);
  });
}

// Beast takes `Transfer-Encoding: gzip` for "no body", `gzip, chunked` for chunked, and `Content-Length: 5,
// 5` for 5. Whoever stands before us may see it differently, and then the bytes of one request become another
// one.
std::optional<HttpProblem> FramingProblem(const http::fields& fields, bool http11) {
  const auto encodings = fields.count(http::field::transfer_encoding);
  const auto lengths = fields.count(http::field::content_length);
  if (encodings > 0 && lengths > 0) return HttpProblem{400, "Ambiguous message length"};
  if (encodings > 1 || lengths > 1) return HttpProblem{400, "Ambiguous message length"};
  if (encodings == 1 && !http11) return HttpProblem{400, "Transfer-Encoding needs HTTP/1.1"};
  if (encodings == 1 && !boost::beast::iequals(fields[http::field::transfer_encoding], "chunked")) {
    return HttpProblem{501, "Unsupported Transfer-Encoding"};
  }
  if (lengths == 1 && !IsNumber(View(fields[http::field::content_length]))) {
    return HttpProblem{400, "Invalid Content-Length"};
  }
  const auto hosts = fields.count(http::field::host);
  if (hosts > 1 || (hosts == 0 && http11)) return HttpProblem{400, "Exactly one Host is required"};
  if (hosts == 1 && !IsAuthority(View(fields[http::field::host]))) return HttpProblem{400, "Malformed Host"};
  return std::nullopt;
}

// Beast joins a value that goes on in the next line, as old HTTP allowed. Who reads line by line sees another
// header.
bool HasFoldedLine(std::string_view header) {
  return header.find("\r\n ") != header.npos || header.find("\r\n\t") != header.npos;
}

// RFC 3986 knows neither spaces nor bytes beyond ASCII in a target, and a fragment is never sent.
bool IsTarget(std::string_view target) {
  return std::ranges::all_of(target, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
}

// The path and query of an origin-form ("/a?b") or absolute-form ("http://host/a?b") target; "*" stays.
std::optional<std::string_view> OriginForm(std::string_view target) {
  if (!IsTarget(target)) return std::nullopt;
  if (target.starts_with('/') || target == "*") return target;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!boost::beast::iequals(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(scheme.size());
    const std::size_t end = target.find_first_of("/?");
    const std::string_view authority = target.substr(0, end);
    if (authority.empty() || !IsAuthority(authority)) return std::nullopt;
    if (end == std::string_view::npos || target[end] == '?') return "/";
    return target.substr(end);
  }
  return std::nullopt;
}

HttpProblem ProblemOf(const boost::system::error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return {431, "Request header too large"};
  }
  if (error == http::error::bad_version) return {400, "Unsupported HTTP version"};
  if (error == http::error::bad_content_length || error == http::error::multiple_content_length ||
      error == http::error::bad_transfer_encoding) {
    return {400, "Ambiguous message length"};
  }
  return {400, "Malformed request"};
}

Error GoneError() {
  return {ErrorCode::kCancelled, "the client went away"};
}

}  // namespace

HttpRequestReader::HttpRequestReader(TimedSocket& socket, const ServerOptions& options,
                                     std::function<void()> on_body_end)
    : socket_(socket),
      options_(options),
      on_body_end_(std::move(on_body_end)),
      check_chunk_([](std::uint64_t size, boost::beast::string_view, boost::system::error_code& error) {
        if (size > kMaxLength) error = http::error::bad_chunk;
      }),
      buffer_(options.max_header_bytes + kBodyStep) {}

void HttpRequestReader::reset() {
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(options_.max_header_bytes));
  parser_->body_limit(boost::none);  // the handler's business
  parser_->on_chunk_header(check_chunk_);
  drain_deadline_.reset();
  failed_.reset();
  header_bytes_ = 0;
  chunk_bytes_ = chunk_data_ = 0;
  blank_bytes_ = 0;
  expect_continue_ = false;
  idle_ = true;
  if (buffer_.size() == 0 && buffer_.capacity() > kIdleBuffer) buffer_.shrink_to_fit();
}

bool HttpRequestReader::skip_blank_lines() {
  const auto* data = static_cast<const char*>(buffer_.data().data());
  std::size_t blank = 0;
  while (blank < buffer_.size() && (data[blank] == '\r' || data[blank] == '\n')) ++blank;
  buffer_.consume(blank);
  blank_bytes_ += blank;
  return blank_bytes_ <= kMaxBlankBytes;
}

// Feeds what is in the buffer to the parser. Not done is not a problem.
std::optional<HttpProblem> HttpRequestReader::parse_header() {
  if (header_bytes_ == 0 && !skip_blank_lines()) return HttpProblem{400, "Malformed request"};
  if (buffer_.size() == 0) return std::nullopt;
  idle_ = false;
  boost::system::error_code error;
  const std::string_view sent(static_cast<const char*>(buffer_.data().data()), buffer_.size());
  const std::size_t used = parser_->put(buffer_.data(), error);
  // Beast takes the fields in one go, so all that is to be seen of them is here.
  const bool folded = parser_->is_header_done() && HasFoldedLine(sent.substr(0, used));
  buffer_.consume(used);
  header_bytes_ += used;
  if (error && error != http::error::need_more) return ProblemOf(error);
  if (folded) return HttpProblem{400, "Malformed request"};
  const std::size_t seen = header_bytes_ + (parser_->is_header_done() ? 0 : buffer_.size());
  if (seen > options_.max_header_bytes) return HttpProblem{431, "Request header too large"};
  return std::nullopt;
}

asio::awaitable<std::optional<HttpProblem>> HttpRequestReader::fill_header(Clock::time_point deadline) {
  const auto [error, size] = co_await socket_.read_some(buffer_.prepare(kHeaderStep), deadline);
  if (error == asio::error::timed_out && !idle_) co_return HttpProblem{408, "Request header timed out"};
  if (error) co_return kSilence;
  buffer_.commit(size);
  co_return std::nullopt;
}

asio::awaitable<std::optional<HttpProblem>> HttpRequestReader::read_header(Request& request, bool first) {
  reset();
  Clock::time_point deadline = Clock::now() + (first ? options_.header_timeout : options_.keep_alive_timeout);
  bool began = first;  // whether the deadline is already that of a header
  while (true) {
    if (auto problem = parse_header()) co_return problem;
    if (parser_->is_header_done()) break;
    if (!idle_ && !began) {
      began = true;
      deadline = Clock::now() + options_.header_timeout;
    }
    if (auto problem = co_await fill_header(deadline)) co_return problem;
  }
  co_return take_header(request);
}

std::optional<HttpProblem> HttpRequestReader::take_header(Request& request) {
  const auto& message = parser_->get();
  http11_ = message.version() == 11;
  if (auto problem = FramingProblem(message, http11_)) return problem;
  request.started = Clock::now();
  request.method = View(message.method_string());
  request.target = View(message.target());
  const auto origin = OriginForm(request.target);
  if (!origin) return HttpProblem{400, "Malformed request target"};
  const std::size_t question = origin->find('?');
  request.path = origin->substr(0, question);
  if (question != std::string_view::npos) request.query = ParseQuery(origin->substr(question + 1));
  if (std::ranges::distance(message) > static_cast<std::ptrdiff_t>(kMaxFields))
    return HttpProblem{431, "Too many header fields"};
  for (const auto& field : message) {
    request.headers.add(std::string(View(field.name_string())), std::string(View(field.value())));
  }
  keep_alive_ = parser_->keep_alive();
  chunked_ = parser_->chunked();
  length_ = chunked_ ? 0 : parser_->content_length().value_or(0);
  if (length_ > kMaxLength) return HttpProblem{400, "Invalid Content-Length"};
  remaining_ = length_;
  done_ = !chunked_ && length_ == 0;
  if (const std::string_view expect = request.header("Expect"); !expect.empty() && http11_) {
    if (!boost::beast::iequals(expect, "100-continue")) return HttpProblem{417, "Unsupported expectation"};
    expect_continue_ = !done_;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> HttpRequestReader::length() const {
  if (chunked_) return std::nullopt;
  return length_;
}

bool HttpRequestReader::rest_is_small() const {
  if (failed_) return false;
  return done_ || (!chunked_ && !expect_continue_ && remaining_ <= kDrainLimit);
}

asio::awaitable<bool> HttpRequestReader::drain() {
  if (!rest_is_small()) co_return false;
  drain_deadline_ = Clock::now() + options_.linger_timeout;
  std::string waste(done_ ? 0 : kHeaderStep, '\0');
  while (!done_) {
    if (!co_await read(waste)) co_return false;
  }
  co_return true;
}

asio::awaitable<Result<std::size_t>> HttpRequestReader::read(std::span<char> into) {
  if (failed_) co_return std::unexpected(*failed_);
  if (done_ || into.empty()) co_return 0;
  if (expect_continue_) {
    const Result<void> sent = co_await send_continue();
    if (!sent) co_return std::unexpected(*(failed_ = sent.error()));
  }
  Result<std::size_t> got = chunked_ ? co_await read_chunked(into) : co_await read_plain(into);
  if (!got) failed_ = got.error();
  co_return got;
}

// A client that has sent body bytes already does not wait for the go-ahead.
asio::awaitable<Result<void>> HttpRequestReader::send_continue() {
  expect_continue_ = false;
  if (buffer_.size() > 0) co_return Result<void>();
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::const_buffer line(kContinue.data(), kContinue.size());
  if (co_await socket_.write_all(std::span(&line, 1), options_.write_timeout))
    co_return std::unexpected(GoneError());
  co_return Result<void>();
}

asio::awaitable<Result<std::size_t>> HttpRequestReader::read_plain(std::span<char> into) {
  into = into.first(static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), remaining_)));
  std::size_t size = std::min(into.size(), buffer_.size());
  if (size > 0) {
    std::memcpy(into.data(), buffer_.data().data(), size);
    buffer_.consume(size);
  } else {
    // Straight into the handler's memory: uploads of gigabytes pass here.
    const auto deadline =
        std::min(Clock::now() + options_.body_timeout, drain_deadline_.value_or(Clock::time_point::max()));
    const auto [error, got] = co_await socket_.read_some(asio::buffer(into.data(), into.size()), deadline);
    if (error == asio::error::timed_out) co_return Fail(ErrorCode::kDeadline, "the body made no progress");
    if (error) co_return std::unexpected(GoneError());
    size = got;
  }
  remaining_ -= size;
  if (remaining_ == 0) finish_body();
  co_return size;
}

asio::awaitable<Result<std::size_t>> HttpRequestReader::read_chunked(std::span<char> into) {
  while (true) {
    Result<std::size_t> got = parse_chunks(into);
    if (!got || *got > 0 || done_) co_return got;
    const std::size_t room = std::min(kBodyStep, buffer_.max_size() - buffer_.size());
    if (room == 0) co_return Fail(ErrorCode::kInvalid, "a chunk header or trailer is too long");
    const auto [error, size] =
        co_await socket_.read_some(buffer_.prepare(room), Clock::now() + options_.body_timeout);
    if (error == asio::error::timed_out) co_return Fail(ErrorCode::kDeadline, "the body made no progress");
    if (error) co_return std::unexpected(GoneError());
    buffer_.commit(size);
  }
}

// Decodes what is in the buffer. 0 without done_ means that more must be read first.
Result<std::size_t> HttpRequestReader::parse_chunks(std::span<char> into) {
  auto& body = parser_->get().body();
  body.data = into.data();
  body.size = into.size();
  while (!parser_->is_done()) {
    if (buffer_.size() == 0) return into.size() - body.size;
    boost::system::error_code error;
    const std::size_t before = body.size;
    const std::size_t used = parser_->put(buffer_.data(), error);
    buffer_.consume(used);
    chunk_data_ += before - body.size;
    chunk_bytes_ += used;
    if (chunk_bytes_ > kChunkAllowance + (1 + kChunkOverheadPerByte) * chunk_data_)
      return Fail(ErrorCode::kInvalid, "the chunks are mostly not body");
    if (error == http::error::need_more || body.size == 0) return into.size() - body.size;
    if (error && error != http::error::need_buffer)
      return Fail(ErrorCode::kInvalid, "malformed chunked body");
  }
  finish_body();
  return into.size() - body.size;
}

void HttpRequestReader::finish_body() {
  done_ = true;
  on_body_end_();
}

}  // namespace codeapi
