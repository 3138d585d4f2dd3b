// Reads multipart/form-data while it arrives, in constant memory.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "net/http_message.h"
#include "net/multipart_header.h"

namespace codeapi {

/// What one form may have. A file's size is for the caller to bound: it sees every byte.
struct MultipartLimits {
  std::size_t max_parts = 1024;             ///< more are kTooLarge
  std::size_t max_field_bytes = 1uz << 20;  ///< of read_text(), whatever it is given
  /// Of one part, from the boundary line's end to the empty line. More is kInvalid.
  std::size_t max_header_bytes = 8uz * 1024;
  /// Before the first and after the last boundary. More is kInvalid.
  std::size_t max_margin_bytes = 64uz * 1024;
};

/// A form, one part after the other (RFC 7578, RFC 2046 section 5.1). What stands before the first boundary
/// and after the last is ignored. Lines end with CRLF and nothing else.
///
/// Not thread-safe: all calls from the BodyReader's executor, one at a time, and the reader must neither be
/// moved nor destroyed while one is pending. The BodyReader must outlive it.
///
/// Errors: kInvalid when the form is malformed or truncated (its last boundary never came), kTooLarge for a
/// limit, and the BodyReader's own errors unchanged. After one of these every further call fails the same
/// way.
class MultipartReader {
 public:
  using Part = MultipartPart;

  /// Begins to read; no byte is taken yet. kInvalid as ParseMultipartBoundary() has it.
  static Result<MultipartReader> Open(BodyReader& body, std::string_view content_type,
                                      MultipartLimits limits = {});

  MultipartReader(MultipartReader&&) noexcept = default;
  MultipartReader& operator=(MultipartReader&&) noexcept = default;

  /// The next part; what is left of the current one is skipped. Nothing after the last, and then the whole
  /// body has been read.
  asio::awaitable<Result<std::optional<Part>>> next();

  /// Reads at least one byte of the current part into a non-empty `into`; 0 is its end (and stays so).
  asio::awaitable<Result<std::size_t>> read(std::span<char> into);

  /// The rest of the current part. kTooLarge when it has more than `limit` bytes, or max_field_bytes; the
  /// form cannot be read on then.
  asio::awaitable<Result<std::string>> read_text(std::size_t limit);

 private:
  enum class State { kPreamble, kPart, kBetween, kEnd };

  MultipartReader(BodyReader& body, std::string_view boundary, MultipartLimits limits);
  std::unexpected<Error> fail(Error error);
  std::size_t buffered() const { return end_ - begin_; }
  std::string_view unread() const { return {buffer_.get() + begin_, buffered()}; }
  void look_for_delimiter();
  asio::awaitable<Result<void>> fill();
  asio::awaitable<Result<void>> skip_part();
  asio::awaitable<Result<void>> skip_epilogue();
  asio::awaitable<Result<Part>> read_header();

  BodyReader* body_;
  MultipartLimits limits_;
  std::string delimiter_;  // CRLF, two dashes, boundary
  std::size_t capacity_;
  std::unique_ptr<char[]> buffer_;
  std::size_t begin_ = 0;  // what is in buffer_ and not yet consumed
  std::size_t end_ = 0;
  std::size_t safe_ = 0;  // up to here no delimiter begins
  std::size_t skip_ = 0;  // so many bytes at begin_ may begin a delimiter but are not content
  std::size_t parts_ = 0;
  bool at_delimiter_ = false;  // one begins at safe_
  State state_ = State::kPreamble;
  std::optional<Error> failed_;
};

}  // namespace codeapi
