// For tests, the fuzz target and the benchmark of multipart: a body in memory, and a form read to its end.
#pragma once

#include <algorithm>
#include <cstring>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "net/multipart.h"

namespace codeapi {

/// A body that arrives in pieces: the first reads end at `cuts` (offsets, ascending), then it comes `step`
/// bytes at a time. With `error` it never ends properly.
class MemoryBody final : public BodyReader {
 public:
  explicit MemoryBody(std::string_view bytes, std::vector<std::size_t> cuts = {},
                      std::size_t step = std::string::npos)
      : bytes_(bytes), cuts_(std::move(cuts)), step_(step) {}

  asio::awaitable<Result<std::size_t>> read(std::span<char> into) override {
    if (at_ == bytes_.size() && error) co_return std::unexpected(*error);
    while (next_ < cuts_.size() && cuts_[next_] <= at_) ++next_;
    const std::size_t stop = next_ < cuts_.size() ? std::min(cuts_[next_], bytes_.size()) : bytes_.size();
    const std::size_t piece = next_ < cuts_.size() ? stop - at_ : std::min(step_, bytes_.size() - at_);
    const std::size_t size = std::min(into.size(), piece);
    if (size > 0) std::memcpy(into.data(), bytes_.data() + at_, size);
    at_ += size;
    co_return size;
  }
  std::optional<std::uint64_t> length() const override { return std::nullopt; }
  bool at_end() const { return at_ == bytes_.size(); }

  std::optional<Error> error;

 private:
  std::string_view bytes_;
  std::vector<std::size_t> cuts_;
  std::size_t step_;
  std::size_t next_ = 0;
  std::size_t at_ = 0;
};

/// What came out of a form before its end or its first error.
struct ReadForm {
  struct Part {
    MultipartPart head;
    std::string content;
    bool whole = false;
  };
  std::vector<Part> parts;
  std::optional<Error> error;
};

inline asio::awaitable<ReadForm> ReadWholeForm(BodyReader& body, std::string_view content_type,
                                               MultipartLimits limits, std::size_t piece_size) {
  ReadForm form;
  auto reader = MultipartReader::Open(body, content_type, limits);
  if (!reader) co_return form.error = reader.error(), form;
  std::string piece(piece_size, '\0');
  while (true) {
    auto part = co_await reader->next();
    if (!part) co_return form.error = part.error(), form;
    if (!*part) co_return form;
    form.parts.push_back({std::move(**part), {}, false});
    while (true) {
      const auto got = co_await reader->read(piece);
      if (!got) co_return form.error = got.error(), form;
      if (*got == 0) break;
      form.parts.back().content.append(piece, 0, *got);
    }
    form.parts.back().whole = true;
  }
}

/// Runs a coroutine that waits for nothing outside to its end.
template <typename T>
T RunNow(asio::awaitable<T> work) {
  asio::io_context context;
  std::optional<T> result;
  std::exception_ptr failure;
  asio::co_spawn(context, std::move(work), [&](std::exception_ptr error, T value) {
    failure = error;
    result.emplace(std::move(value));
  });
  context.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(*result);
}

}  // namespace codeapi
