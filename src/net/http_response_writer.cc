#include "net/http_response_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>

namespace codeapi {
namespace {

constexpr std::size_t kStep = 64uz * 1024;

bool IsTokenChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool IsValueChar(char c) {
  return static_cast<unsigned char>(c) >= 0x20 ? c != 0x7f : c == '\t';
}

bool FieldIsSafe(const Headers::Field& field) {
  return !field.first.empty() && std::ranges::all_of(field.first, IsTokenChar) &&
         std::ranges::all_of(field.second, IsValueChar);
}

bool IsFraming(const Headers::Field& field) {
  static constexpr std::array<std::string_view, 6> kOurs = {
      "content-length", "transfer-encoding", "connection", "keep-alive", "date", "trailer"};
  return std::ranges::any_of(kOurs,
                             [&](std::string_view name) { return boost::beast::iequals(field.first, name); });
}

bool HasNoBody(int status) {
  return status == 204 || status == 304;
}

std::string HttpDate(std::time_t now) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm t{};
  (void)gmtime_r(&now, &t);
  std::array<char, 40> text{};
  const int size =
      std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[t.tm_wday],
                    t.tm_mday, kMonths[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
  return {text.data(), static_cast<std::size_t>(size)};
}

/// Sends one response. Lives in the frame of WriteResponse.
class Writer {
 public:
  Writer(TimedSocket& socket, Response& response, WriteTerms terms)
      : socket_(socket), response_(response), terms_(std::move(terms)) {}

  asio::awaitable<WriteEnd> run() {
    if (!response_is_sound()) replace("a handler made an invalid response");
    if (!std::holds_alternative<std::string>(response_.body)) {
      if (const auto end = co_await begin_source()) co_return *end;
    }
    if (std::holds_alternative<std::string>(response_.body)) co_return co_await send_text();
    co_return co_await send_source();
  }

 private:
  BodySource& source() { return *std::get<std::unique_ptr<BodySource>>(response_.body); }
  bool without_body() const { return terms_.head || HasNoBody(response_.status); }

  bool response_is_sound() const {
    const auto* source = std::get_if<std::unique_ptr<BodySource>>(&response_.body);
    return response_.status >= 200 && response_.status <= 599 && (source == nullptr || *source != nullptr) &&
           std::ranges::all_of(response_.headers.all(), FieldIsSafe);
  }

  void replace(std::string_view reason) {
    if (terms_.log) terms_.log(reason);
    const bool close = response_.close;
    response_ = ErrorResponse(500, "Internal server error");
    response_.close = close;
  }

  // Takes the source's length and, if a body will be sent, its first bytes, so that a source that cannot even
  // begin is a clean 500.
  asio::awaitable<std::optional<WriteEnd>> begin_source() {
    length_ = source().length();
    chunked_ = !length_ && terms_.http11;
    if (without_body()) co_return std::nullopt;
    buffer_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kStep, length_.value_or(kStep))));
    const Result<std::size_t> got = co_await pull();
    if (got) {
      filled_ = *got;
      if (filled_ > 0 || length_.value_or(0) == 0) co_return std::nullopt;
    }
    replace(got ? "a response body ended early"
                : "a response body could not be read: " + got.error().message);
    co_return std::nullopt;
  }

  // The next bytes, never more than were announced; an exception is a failure like any other.
  asio::awaitable<Result<std::size_t>> pull() {
    std::span<char> room(buffer_);
    if (length_)
      room = room.first(static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), *length_ - taken_)));
    if (room.empty()) co_return 0;
    std::string thrown;
    try {
      Result<std::size_t> got = co_await source().read(room);
      if (got) taken_ += *got;
      co_return got;
    } catch (const std::exception& e) {
      thrown = e.what();
    }
    co_return Fail(ErrorCode::kInternal, std::move(thrown));
  }

  std::string head(std::optional<std::uint64_t> length) {
    const bool delimited = length || chunked_ || without_body();
    keep_ = terms_.keep_alive && !response_.close && delimited;
    std::string out;
    out.reserve(256);
    out.append("HTTP/1.1 ").append(std::to_string(response_.status)).append(" ");
    out.append(ReasonPhrase(response_.status)).append("\r\n");
    for (const Headers::Field& field : response_.headers.all()) {
      if (!IsFraming(field)) out.append(field.first).append(": ").append(field.second).append("\r\n");
    }
    out.append("Date: ").append(HttpDate(std::time(nullptr))).append("\r\n");
    if (!HasNoBody(response_.status)) {
      if (length) out.append("Content-Length: ").append(std::to_string(*length)).append("\r\n");
      if (chunked_) out.append("Transfer-Encoding: chunked\r\n");
    }
    if (!keep_) out.append("Connection: close\r\n");
    if (keep_ && !terms_.http11) out.append("Connection: keep-alive\r\n");
    out.append("\r\n");
    return out;
  }

  asio::awaitable<WriteEnd> send_text() {
    chunked_ = false;
    const std::string& body = std::get<std::string>(response_.body);
    const std::string top = head(body.size());
    std::array<asio::const_buffer, 2> parts = {asio::buffer(top), asio::buffer(body)};
    const auto error =
        co_await socket_.write_all(std::span(parts).first(without_body() ? 1 : 2), terms_.idle_timeout);
    if (error) co_return WriteEnd::kBroken;
    co_return keep_ ? WriteEnd::kKeep : WriteEnd::kClose;
  }

  asio::awaitable<WriteEnd> send_source() {
    std::string lead = head(length_);
    while (true) {
      if (!co_await send_piece(lead)) co_return WriteEnd::kBroken;
      lead.clear();
      if (without_body() || filled_ == 0 || (length_ && taken_ == *length_)) break;
      const Result<std::size_t> got = co_await pull();
      if (!got || (length_ && *got == 0)) {
        if (terms_.log)
          terms_.log("a response body failed half-way: " + (got ? "it ended early" : got.error().message));
        co_return length_ || chunked_ ? WriteEnd::kFailed : WriteEnd::kReset;
      }
      filled_ = *got;
    }
    co_return keep_ ? WriteEnd::kKeep : WriteEnd::kClose;
  }

  // Sends `lead` and the bytes pulled last, as a chunk if need be; no bytes make the last chunk.
  asio::awaitable<bool> send_piece(std::string& lead) {
    const bool chunk = chunked_ && !without_body();
    if (chunk) {
      std::array<char, 20> hex{};
      const auto end = std::to_chars(hex.data(), hex.data() + hex.size(), filled_, 16).ptr;
      lead.append(hex.data(), end).append("\r\n");
    }
    std::array<asio::const_buffer, 3> parts = {asio::buffer(lead), asio::buffer(buffer_.data(), filled_),
                                               asio::const_buffer("\r\n", chunk ? 2 : 0)};
    co_return !co_await socket_.write_all(parts, terms_.idle_timeout);
  }

  TimedSocket& socket_;
  Response& response_;
  WriteTerms terms_;
  std::optional<std::uint64_t> length_;
  bool chunked_ = false;
  bool keep_ = false;
  std::string buffer_;
  std::size_t filled_ = 0;
  std::uint64_t taken_ = 0;
};

}  // namespace

asio::awaitable<WriteEnd> WriteResponse(TimedSocket& socket, Response& response, WriteTerms terms) {
  Writer writer(socket, response, std::move(terms));
  co_return co_await writer.run();
}

}  // namespace codeapi
