// A stored file as the body of a response.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "net/http_message.h"
#include "store/object_store.h"

namespace codeapi {

/// Sends what `reader` reads, with its length announced.
class ObjectBody final : public BodySource {
 public:
  explicit ObjectBody(std::unique_ptr<ObjectReader> reader) : reader_(std::move(reader)) {}
  asio::awaitable<Result<std::size_t>> read(std::span<char> into) override {
    co_return co_await reader_->read(into);
  }
  std::optional<std::uint64_t> length() const override { return reader_->info().size; }

 private:
  std::unique_ptr<ObjectReader> reader_;
};

}  // namespace codeapi
