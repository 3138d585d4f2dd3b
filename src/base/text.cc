#include "base/text.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace codeapi {
namespace {

struct Sequence {
  std::size_t length;  // bytes looked at: the character, or the maximal ill-formed part
  bool valid;
  bool unfinished;  // ill-formed only because the input ended
};

// Unicode 15, table 3-7: the second byte's range depends on the first; all later ones are 80..BF.
Sequence NextSequence(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(s[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {1, true, false};
  std::size_t need = 0;
  std::uint8_t low = 0x80, high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    need = 1;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    need = 2;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    need = 3;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {1, false, false};
  }
  for (std::size_t i = 1; i <= need; ++i) {
    if (i >= s.size()) return {i, false, true};
    if (byte(i) < low || byte(i) > high) return {i, false, false};
    low = 0x80;
    high = 0xBF;
  }
  return {need + 1, true, false};
}

bool IsAttrChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$&+-.^_`|~").find(c) != std::string_view::npos;
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const Sequence next = NextSequence(text);
    if (!next.valid) return false;
    text.remove_prefix(next.length);
  }
  return true;
}

std::string ToUtf8Lossy(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const Sequence next = NextSequence(bytes);
    if (next.valid) {
      out.append(bytes.substr(0, next.length));
    } else {
      out.append("\xEF\xBF\xBD");
    }
    bytes.remove_prefix(next.length);
  }
  return out;
}

std::string_view TrimPartialCharacter(std::string_view bytes) {
  const std::size_t window = std::min<std::size_t>(3, bytes.size());
  for (std::size_t back = 1; back <= window; ++back) {
    const std::string_view tail = bytes.substr(bytes.size() - back);
    if ((static_cast<std::uint8_t>(tail[0]) & 0xC0) == 0x80)
      continue;  // a continuation byte: look further back
    return NextSequence(tail).unfinished ? bytes.substr(0, bytes.size() - back) : bytes;
  }
  return bytes;
}

std::string WorkspaceNameProblem(std::string_view name, std::size_t max_length, std::size_t max_depth) {
  if (name.empty()) return "is empty";
  if (name.size() > max_length) return "is longer than " + std::to_string(max_length) + " bytes";
  if (name.front() == '/') return "is not relative";
  if (name.find('\\') != std::string_view::npos) return "has a backslash";
  if (name.find('\0') != std::string_view::npos) return "has a NUL byte";
  if (!IsUtf8(name)) return "is not UTF-8";
  std::size_t depth = 0;
  while (true) {
    const std::size_t slash = name.find('/');
    const std::string_view segment = name.substr(0, slash);
    if (segment.empty()) return "has an empty segment";
    if (segment == ".") return "has a '.' segment";
    if (segment == "..") return "escapes the workspace";
    if (segment.size() > 255) return "has a segment longer than 255 bytes";
    if (++depth > max_depth) return "is nested deeper than " + std::to_string(max_depth) + " levels";
    if (slash == std::string_view::npos) return {};
    name.remove_prefix(slash + 1);
  }
}

std::string PercentEncode(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (IsAttrChar(c)) {
      out += c;
    } else {
      const auto byte = static_cast<std::uint8_t>(c);
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::string PercentDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = HexValue(text[i + 1]), low = HexValue(text[i + 2]);
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

std::string AsciiLower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace codeapi
