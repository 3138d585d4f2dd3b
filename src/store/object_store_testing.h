// Short ways to fill and read an object store, for tests.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "store/object_store.h"

namespace codeapi::testing {

using boost::asio::awaitable;

/// Bytes that differ everywhere, so that a swapped or repeated piece shows.
inline std::string Bytes(std::size_t size, std::uint32_t seed = 1) {
  std::string data(size, '\0');
  for (char& c : data) {
    seed = seed * 1664525 + 1013904223;
    c = static_cast<char>(seed >> 24);
  }
  return data;
}

/// Writes `data` in pieces and commits.
inline awaitable<Result<ObjectInfo>> Put(ObjectStore& store, ObjectKey key, std::string data,
                                         std::size_t piece = 100'000) {
  auto writer = co_await store.create(key, {"dir/name.bin", "application/octet-stream", false});
  if (!writer) co_return std::unexpected(writer.error());
  for (std::span<const char> rest = data; !rest.empty();) {
    const std::size_t size = std::min(piece, rest.size());
    auto written = co_await (*writer)->write(rest.first(size));
    if (!written) co_return std::unexpected(written.error());
    rest = rest.subspan(size);
  }
  co_return co_await (*writer)->commit();
}

/// Everything a reader has, read in pieces.
inline awaitable<Result<std::string>> ReadAll(ObjectReader& reader, std::size_t piece = 100'000) {
  std::string data;
  std::vector<char> buffer(piece);
  for (;;) {
    auto n = co_await reader.read(buffer);
    if (!n) co_return std::unexpected(n.error());
    if (*n == 0) co_return data;
    data.append(buffer.data(), *n);
  }
}

/// The whole object.
inline awaitable<Result<std::string>> Get(ObjectStore& store, ObjectKey key, std::size_t piece = 100'000) {
  auto reader = co_await store.open(key);
  if (!reader) co_return std::unexpected(reader.error());
  co_return co_await ReadAll(**reader, piece);
}

}  // namespace codeapi::testing
