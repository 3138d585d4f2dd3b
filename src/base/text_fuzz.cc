// Fuzzes the functions that look at names and output of strangers. The oracle for UTF-8 is written the other
// way round than text.cc: it computes the code point and asks whether that may be spelled so.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/fuzzing.h"
#include "base/text.h"

namespace codeapi {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Length of the well-formed character at the front, or 0.
std::size_t CharacterLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC0 || lead > 0xF7 || text.size() < length) return 0;
  std::uint32_t point = lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    point = point << 6 | (byte(i) & 0x3Fu);
  }
  static constexpr std::array<std::uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  return point < kSmallest[length] || point > 0x10FFFF || surrogate ? 0 : length;
}

bool IsUtf8Oracle(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = CharacterLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

// Whether a continuation byte would still belong to the end of `bytes`: if not, it is one more ill-formed
// part. These three bytes cover the ranges of all second bytes.
bool EndsUnfinished(std::string_view bytes) {
  const std::string alone = ToUtf8Lossy(bytes) + std::string(kReplacement);
  for (const char next : {'\x80', '\x90', '\xA0'}) {
    if (ToUtf8Lossy(std::string(bytes) + next) != alone) return true;
  }
  return false;
}

void FuzzUtf8(std::string_view bytes) {
  const bool valid = IsUtf8(bytes);
  Require(valid == IsUtf8Oracle(bytes), "two ways to decide on UTF-8 agree");
  const std::string lossy = ToUtf8Lossy(bytes);
  Require(IsUtf8Oracle(lossy), "lossy output is always UTF-8");
  Require(!valid || lossy == bytes, "what is UTF-8 loses nothing");
  Require(lossy.size() <= bytes.size() * kReplacement.size(), "lossy output is bounded");

  const std::string_view kept = TrimPartialCharacter(bytes);
  Require(bytes.starts_with(kept) && bytes.size() - kept.size() <= 3, "trimming takes at most 3 bytes off");
  const std::string_view dropped = bytes.substr(kept.size());
  if (dropped.empty()) {
    Require(!EndsUnfinished(bytes), "trimming never leaves an unfinished end");
  } else {
    Require(EndsUnfinished(dropped) && lossy == ToUtf8Lossy(kept) + std::string(kReplacement),
            "what is trimmed is one unfinished character");
  }
  // Text that was cut anywhere stays text, and whole text stays whole.
  if (valid) Require(kept == bytes, "whole text stays whole");
  for (std::size_t back = 1; valid && back <= std::min<std::size_t>(4, bytes.size()); ++back) {
    Require(IsUtf8Oracle(TrimPartialCharacter(bytes.substr(0, bytes.size() - back))), "cut text stays text");
  }
}

void FuzzName(std::string_view name) {
  if (!WorkspaceNameProblem(name).empty()) return;
  Require(!name.empty() && name.size() <= 256 && IsUtf8Oracle(name), "a name is short text");
  Require(name.find_first_of(std::string_view("\\\0", 2)) == std::string_view::npos, "a name is plain");
  const std::filesystem::path path(name);
  Require(path.is_relative() && path.lexically_normal() == path, "a name has one spelling");
  Require(std::ranges::distance(path.begin(), path.end()) <= 10, "a name is not deep");
  for (const std::filesystem::path& segment : path) {
    const std::string text = segment.string();
    Require(!text.empty() && text.size() <= 255 && text != "." && text != "..", "a name never escapes");
  }
}

void FuzzPercent(std::string_view text) {
  const std::string encoded = PercentEncode(text);
  Require(PercentDecode(encoded) == text, "percent-encoding can be undone");
  Require(encoded.size() <= text.size() * 3, "percent-encoding is bounded");
  Require(encoded.find_first_of("\"\\;,'*()/<>?@[]:{}= \t\r\n") == std::string::npos &&
              std::ranges::all_of(encoded, [](char c) { return c > ' ' && c < '\x7f'; }),
          "percent-encoded text cannot leave its header parameter");
  const std::string decoded = PercentDecode(text);
  Require(decoded.size() <= text.size(), "decoding does not grow");
  Require(text.find('%') != std::string_view::npos || decoded == text, "text without % decodes to itself");
  FuzzName(decoded);
}

}  // namespace
}  // namespace codeapi

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  codeapi::FuzzUtf8(text);
  codeapi::FuzzName(text);
  codeapi::FuzzPercent(text);
  return 0;
}
