#include "base/settings_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <utility>

#include "base/text.h"

namespace codeapi {
namespace {

using Unit = std::pair<std::string_view, std::int64_t>;

constexpr std::int64_t kKi = 1024;

// The first name of a factor is the one we print.
constexpr std::array<Unit, 13> kSizeUnits{{{"TiB", kKi* kKi* kKi* kKi},
                                           {"GiB", kKi* kKi* kKi},
                                           {"MiB", kKi* kKi},
                                           {"KiB", kKi},
                                           {"tb", kKi* kKi* kKi* kKi},
                                           {"gb", kKi* kKi* kKi},
                                           {"mb", kKi* kKi},
                                           {"kb", kKi},
                                           {"t", kKi* kKi* kKi* kKi},
                                           {"g", kKi* kKi* kKi},
                                           {"m", kKi* kKi},
                                           {"k", kKi},
                                           {"b", 1}}};

constexpr std::array<Unit, 5> kDurationUnits{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};

/// `12mb` or `12 MB`: a number that is not negative and maybe a unit.
Result<std::int64_t> ParseWithUnit(std::string_view text, std::span<const Unit> units,
                                   std::int64_t bare_unit) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const Result<std::int64_t> number = ParseInteger(text.substr(0, digits));
  if (!number) return number;
  std::string_view rest = text.substr(digits);
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  std::int64_t factor = bare_unit;
  if (digits < text.size()) {
    const std::string wanted = AsciiLower(rest);
    const auto unit =
        std::ranges::find_if(units, [&](const Unit& u) { return AsciiLower(u.first) == wanted; });
    if (unit == units.end()) return Fail(ErrorCode::kInvalid, "has an unknown unit");
    factor = unit->second;
  }
  std::int64_t product = 0;
  if (__builtin_mul_overflow(*number, factor, &product)) return Fail(ErrorCode::kInvalid, "is too large");
  return product;
}

std::string FormatWithUnit(std::int64_t value, std::span<const Unit> units) {
  if (value != 0) {
    for (const auto& [name, factor] : units) {
      if (value % factor == 0 && factor != 1) return std::to_string(value / factor) + std::string(name);
    }
  }
  return std::to_string(value);
}

}  // namespace

Result<std::int64_t> ParseInteger(std::string_view text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc::result_out_of_range) return Fail(ErrorCode::kInvalid, "is too large");
  if (error != std::errc{} || stopped != end) return Fail(ErrorCode::kInvalid, "is not a whole number");
  return value;
}

Result<std::int64_t> ParseSize(std::string_view text, std::int64_t bare_unit) {
  return ParseWithUnit(text, kSizeUnits, bare_unit);
}

Result<std::chrono::milliseconds> ParseDuration(std::string_view text, std::chrono::milliseconds bare_unit) {
  Result<std::int64_t> ms = ParseWithUnit(text, kDurationUnits, bare_unit.count());
  if (!ms) return std::unexpected(std::move(ms.error()));
  return std::chrono::milliseconds(*ms);
}

Result<bool> ParseBoolean(std::string_view text) {
  const std::string word = AsciiLower(text);
  if (word == "true" || word == "1" || word == "yes" || word == "on") return true;
  if (word == "false" || word == "0" || word == "no" || word == "off") return false;
  return Fail(ErrorCode::kInvalid, "is neither true nor false");
}

Result<std::int64_t> ParseHundredths(std::string_view text) {
  const std::size_t dot = text.find('.');
  const std::string_view whole = text.substr(0, dot);
  std::string digits(whole);
  if (dot != std::string_view::npos) {
    const std::string_view fraction = text.substr(dot + 1);
    if (whole.empty() || fraction.empty() || fraction.size() > 2) {
      return Fail(ErrorCode::kInvalid, "is not a number with at most two decimals");
    }
    digits.append(fraction).append(2 - fraction.size(), '0');
  } else {
    digits.append("00");
  }
  // The sign is refused here because "-0.5" would otherwise lose it, and "00" alone would pass for a number.
  if (whole.empty() || digits.find_first_not_of("0123456789") != std::string::npos) {
    return Fail(ErrorCode::kInvalid, "is not a number with at most two decimals");
  }
  return ParseInteger(digits);
}

Result<std::vector<std::string>> ParseExtensions(std::string_view text) {
  std::vector<std::string> out;
  while (true) {
    const std::size_t comma = text.find(',');
    std::string_view item = text.substr(0, comma);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (item.starts_with('.')) item.remove_prefix(1);
    const bool plain = std::ranges::all_of(item, [](char c) { return c > ' ' && c != '/' && c != '\x7f'; });
    if (item.size() > 32 || !plain) return Fail(ErrorCode::kInvalid, "has an item that is no file extension");
    std::string extension = AsciiLower(item);
    if (!extension.empty() && std::ranges::find(out, extension) == out.end())
      out.push_back(std::move(extension));
    if (comma == std::string_view::npos) return out;
    text.remove_prefix(comma + 1);
  }
}

std::string FormatSize(std::int64_t bytes) {
  return FormatWithUnit(bytes, kSizeUnits);
}

std::string FormatDuration(std::chrono::milliseconds duration) {
  const std::string text = FormatWithUnit(duration.count(), kDurationUnits);
  const bool bare = duration.count() != 0 && duration.count() % 1000 != 0;
  return bare ? text + "ms" : text;
}

std::string FormatHundredths(std::int64_t hundredths) {
  std::string text = std::to_string(hundredths / 100);
  const std::int64_t fraction = hundredths % 100;
  if (fraction == 0) return text;
  text += '.';
  text += static_cast<char>('0' + fraction / 10);
  if (fraction % 10 != 0) text += static_cast<char>('0' + fraction % 10);
  return text;
}

}  // namespace codeapi
