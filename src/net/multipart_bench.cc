// How fast a form is read, beside what the machine needs to copy the same bytes (memcpy) and to look through
// them for one character that does not occur (memchr): no reader that copies its content out can be faster
// than the sum.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <string>

#include "net/multipart_fixture.h"

namespace codeapi {
namespace {

constexpr std::size_t kContent = 8uz << 20;
constexpr std::string_view kBoundary = "--------------------------0123456789abcdef01234567";
const std::string kType = "multipart/form-data; boundary=" + std::string(kBoundary);

enum Content { kRandom, kText, kNearDelimiters };

std::string MakeContent(int kind) {
  std::string content;
  std::minstd_rand random(1);  // the same bytes in every run
  while (content.size() < kContent) {
    if (kind == kRandom) content += static_cast<char>(random() >> 8);
    if (kind == kText) content += "2026-01-02,some text,1234.5\r\n";
    if (kind == kNearDelimiters) content += "\r\n--------------------------0123456789abcdef0123456";
  }
  return content;
}

std::string MakeForm(int kind) {
  const std::string dashes = "--" + std::string(kBoundary);
  return dashes + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\n" +
         MakeContent(kind) + "\r\n" + dashes + "--\r\n";
}

asio::awaitable<std::size_t> ReadThrough(BodyReader& body, std::span<char> into) {
  auto reader = MultipartReader::Open(body, kType);
  std::size_t total = 0;
  while (reader) {
    const auto part = co_await reader->next();
    if (!part || !*part) break;
    while (true) {
      const auto got = co_await reader->read(into);
      if (!got || *got == 0) break;
      total += *got;
    }
  }
  co_return total;
}

void Report(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kContent));
}

// Arguments: the kind of content, and how many bytes each read of the body gives.
void BM_Multipart(benchmark::State& state) {
  const std::string form = MakeForm(static_cast<int>(state.range(0)));
  std::string piece(64uz * 1024, '\0');
  for (auto _ : state) {
    MemoryBody body(form, {}, static_cast<std::size_t>(state.range(1)));
    if (RunNow(ReadThrough(body, piece)) < kContent) state.SkipWithError("the form was not read");
  }
  Report(state);
}
BENCHMARK(BM_Multipart)
    ->ArgNames({"content", "piece"})
    ->ArgsProduct({{kRandom, kText, kNearDelimiters}, {1460, 16 << 10, 1 << 20}});

void BM_Memcpy(benchmark::State& state) {
  const std::string content = MakeContent(kRandom);
  std::string piece(64uz * 1024, '\0');
  for (auto _ : state) {
    for (std::size_t at = 0; at < kContent; at += piece.size()) {
      std::memcpy(piece.data(), content.data() + at, piece.size());
      benchmark::DoNotOptimize(piece.data());
      benchmark::ClobberMemory();
    }
  }
  Report(state);
}
BENCHMARK(BM_Memcpy);

void BM_Memchr(benchmark::State& state) {
  const std::string content(kContent, 'x');
  for (auto _ : state) benchmark::DoNotOptimize(std::memchr(content.data(), '\r', content.size()));
  Report(state);
}
BENCHMARK(BM_Memchr);

}  // namespace
}  // namespace codeapi
