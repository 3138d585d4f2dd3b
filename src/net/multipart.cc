// How it works. The buffer holds a window of the body, and three marks in it rise together:
//
//     begin_ .. safe_   content that can be handed out: no delimiter begins there
//     safe_ .. end_     not known yet, fewer bytes than a delimiter has; or, with at_delimiter_, a delimiter
//
// A delimiter is CRLF "--" boundary, so the CRLF before a boundary is never content. That CRLF may be one
// that belongs to something else as well: the start of the body counts as one, and a part without content may
// end right at the empty line behind its header. Both are the same trick: the CRLF is looked at but skipped
// as content (skip_).
#include "net/multipart.h"

#include <algorithm>
#include <cstring>

namespace codeapi {
namespace {

constexpr std::size_t kWindow = 64uz * 1024;
constexpr std::string_view kHeaderEnd = "\r\n\r\n";

}  // namespace

Result<MultipartReader> MultipartReader::Open(BodyReader& body, std::string_view content_type,
                                              MultipartLimits limits) {
  auto boundary = ParseMultipartBoundary(content_type);
  if (!boundary) return std::unexpected(boundary.error());
  return MultipartReader(body, *boundary, limits);
}

// The window takes a whole header and the delimiter before it, whatever the limits say.
MultipartReader::MultipartReader(BodyReader& body, std::string_view boundary, MultipartLimits limits)
    : body_(&body),
      limits_(limits),
      delimiter_("\r\n--" + std::string(boundary)),
      capacity_(std::max(kWindow, limits.max_header_bytes + kWindow / 4)),
      buffer_(std::make_unique_for_overwrite<char[]>(capacity_)) {
  std::memcpy(buffer_.get(), "\r\n", 2);
  end_ = 2;
}

std::unexpected<Error> MultipartReader::fail(Error error) {
  failed_ = std::move(error);
  return std::unexpected(*failed_);
}

// Raises safe_ as far as what is buffered allows.
void MultipartReader::look_for_delimiter() {
  if (at_delimiter_) return;
  const char* const from = buffer_.get() + safe_;
  // glibc's memmem skips by the needle's length and stays linear whatever the input, so a file of nothing but
  // half delimiters costs no more than any other.
  const void* const found = ::memmem(from, end_ - safe_, delimiter_.data(), delimiter_.size());
  if (found != nullptr) {
    safe_ += static_cast<std::size_t>(static_cast<const char*>(found) - from);
    at_delimiter_ = true;
  } else if (end_ - safe_ >= delimiter_.size()) {
    safe_ = end_ - delimiter_.size() + 1;
  }
}

// Reads more of the body behind what is buffered. An end here is always too early: the last delimiter has not
// been seen.
asio::awaitable<Result<void>> MultipartReader::fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, buffered());
    end_ -= begin_;
    safe_ -= std::min(safe_, begin_);
    begin_ = 0;
  }
  const auto got = co_await body_->read(std::span(buffer_.get() + end_, capacity_ - end_));
  if (!got) co_return fail(got.error());
  if (*got == 0) co_return fail({ErrorCode::kInvalid, "the form is truncated"});
  end_ += *got;
  co_return Result<void>{};
}

asio::awaitable<Result<std::size_t>> MultipartReader::read(std::span<char> into) {
  if (failed_) co_return std::unexpected(*failed_);
  if (state_ != State::kPart) co_return 0uz;
  while (true) {
    const std::size_t skipped = std::min(skip_, safe_ - begin_);
    begin_ += skipped;
    skip_ -= skipped;
    if (begin_ < safe_) break;
    if (at_delimiter_) {
      begin_ = safe_ += delimiter_.size();
      at_delimiter_ = false;
      skip_ = 0;
      state_ = State::kBetween;
      co_return 0uz;
    }
    if (auto filled = co_await fill(); !filled) co_return std::unexpected(filled.error());
    look_for_delimiter();
  }
  const std::size_t size = std::min(into.size(), safe_ - begin_);
  std::memcpy(into.data(), buffer_.get() + begin_, size);
  begin_ += size;
  co_return size;
}

// Consumes the current part, or what stands before the first.
asio::awaitable<Result<void>> MultipartReader::skip_part() {
  const bool preamble = state_ == State::kPreamble;
  if (preamble) {
    skip_ = 2;
    state_ = State::kPart;
  }
  char scrap[4096];
  std::size_t skipped = 0;
  while (true) {
    const auto got = co_await read(scrap);
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) co_return Result<void>{};
    skipped += *got;
    if (preamble && skipped > limits_.max_margin_bytes) {
      co_return fail({ErrorCode::kInvalid, "too much stands before the form"});
    }
  }
}

// Reads the body to its end: only then is it known to be whole, and the connection can be used on.
asio::awaitable<Result<void>> MultipartReader::skip_epilogue() {
  std::size_t skipped = buffered();
  while (skipped <= limits_.max_margin_bytes) {
    const auto got = co_await body_->read(std::span(buffer_.get(), capacity_));
    if (!got) co_return fail(got.error());
    if (*got == 0) {
      begin_ = end_ = safe_ = 0;
      state_ = State::kEnd;
      co_return Result<void>{};
    }
    skipped += *got;
  }
  co_return fail({ErrorCode::kInvalid, "too much stands behind the form"});
}

// From behind a delimiter to the part's content.
asio::awaitable<Result<MultipartReader::Part>> MultipartReader::read_header() {
  std::size_t looked = 0;  // relative to begin_, which fill() moves
  std::size_t end = 0;
  while (true) {
    const std::string_view block = unread().substr(0, limits_.max_header_bytes);
    end = block.find(kHeaderEnd, looked);
    if (end != std::string_view::npos) break;
    if (buffered() >= limits_.max_header_bytes) {
      co_return fail({ErrorCode::kInvalid, "the header of a part is too large"});
    }
    looked = block.size() - std::min(block.size(), kHeaderEnd.size() - 1);
    if (auto filled = co_await fill(); !filled) co_return std::unexpected(filled.error());
  }
  std::string_view lines = unread().substr(0, end + 2);
  const std::size_t line_end = lines.find("\r\n");
  // RFC 2046 lets white space follow a boundary; anything else would be a longer boundary, which the form's
  // author must not use.
  if (lines.find_first_not_of(" \t") != line_end) {
    co_return fail({ErrorCode::kInvalid, "a boundary of the form cannot be read"});
  }
  lines.remove_prefix(line_end + 2);
  auto part = ParseMultipartHeader(lines);
  if (!part) co_return fail(part.error());
  begin_ = safe_ = begin_ + end + 2;
  skip_ = 2;
  state_ = State::kPart;
  look_for_delimiter();
  co_return part;
}

asio::awaitable<Result<std::optional<MultipartReader::Part>>> MultipartReader::next() {
  if (failed_) co_return std::unexpected(*failed_);
  if (state_ == State::kPart || state_ == State::kPreamble) {
    if (auto skipped = co_await skip_part(); !skipped) co_return std::unexpected(skipped.error());
  }
  if (state_ == State::kEnd) co_return std::nullopt;
  while (buffered() < 2) {
    if (auto filled = co_await fill(); !filled) co_return std::unexpected(filled.error());
  }
  if (unread().starts_with("--")) {
    if (auto skipped = co_await skip_epilogue(); !skipped) co_return std::unexpected(skipped.error());
    co_return std::nullopt;
  }
  if (++parts_ > limits_.max_parts) co_return fail({ErrorCode::kTooLarge, "the form has too many parts"});
  auto part = co_await read_header();
  if (!part) co_return std::unexpected(part.error());
  co_return std::move(*part);
}

asio::awaitable<Result<std::string>> MultipartReader::read_text(std::size_t limit) {
  limit = std::min(limit, limits_.max_field_bytes);
  std::string text;
  char piece[4096];
  while (true) {
    const auto got = co_await read(piece);
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) co_return text;
    if (*got > limit - text.size())
      co_return fail({ErrorCode::kTooLarge, "a field of the form is too large"});
    text.append(piece, *got);
  }
}

}  // namespace codeapi
