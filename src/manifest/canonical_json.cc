#include "manifest/canonical_json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

#include "base/text.h"

namespace codeapi {
namespace {

namespace json = boost::json;

constexpr int kMaxDepth = 16;
constexpr std::int64_t kMaxWhole = (std::int64_t{1} << 53) - 1;

// In UTF-16 the characters that take two code units come before U+E000 to U+FFFF, in UTF-8 behind them.
bool BeforeInUtf16(std::string_view a, std::string_view b) {
  const auto [x, y] = std::ranges::mismatch(a, b);
  if (x == a.end() || y == b.end()) return x == a.end() && y != b.end();
  const auto left = static_cast<unsigned char>(*x), right = static_cast<unsigned char>(*y);
  const bool left_is_pair = left >= 0xF0, right_is_pair = right >= 0xF0;
  if (left_is_pair != right_is_pair && left >= 0xEE && right >= 0xEE) return left_is_pair;
  return left < right;
}

// ECMAScript's Number::toString.
std::string NumberText(double number) {
  if (number == 0) return "0";  // -0 too
  char buffer[32];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, std::fabs(number), std::chars_format::scientific);
  const std::string_view text(buffer, end.ptr);
  const std::size_t mark = text.find('e');
  std::string digits(text.substr(0, mark));
  std::erase(digits, '.');
  const int point = std::atoi(std::string(text.substr(mark + 1)).c_str()) + 1;  // digits before the point
  const int count = static_cast<int>(digits.size());
  std::string out = number < 0 ? "-" : "";
  if (point >= count && point <= 21)
    return out + digits + std::string(static_cast<std::size_t>(point - count), '0');
  if (point > 0 && point <= 21) return out + digits.insert(static_cast<std::size_t>(point), ".");
  if (point > -6 && point <= 0)
    return out + "0." + std::string(static_cast<std::size_t>(-point), '0') + digits;
  out += digits[0];
  if (count > 1) out += "." + digits.substr(1);
  return out + (point > 0 ? "e+" : "e-") + std::to_string(std::abs(point - 1));
}

class Writer {
 public:
  Result<std::string> Take() && {
    if (!problem_.empty()) return Fail(ErrorCode::kInvalid, std::move(problem_));
    return std::move(out_);
  }

  void Value(const json::value& value, int depth) {
    if (depth > kMaxDepth) return Bad("is nested too deeply");
    switch (value.kind()) {
      case json::kind::null:
        out_ += "null";
        return;
      case json::kind::bool_:
        out_ += value.get_bool() ? "true" : "false";
        return;
      case json::kind::int64:
        return Whole(value.get_int64());
      case json::kind::uint64:
        if (value.get_uint64() > static_cast<std::uint64_t>(kMaxWhole))
          return Bad("has a number that is too large");
        return Whole(static_cast<std::int64_t>(value.get_uint64()));
      case json::kind::double_:
        if (!std::isfinite(value.get_double())) return Bad("has a number that is not finite");
        out_ += NumberText(value.get_double());
        return;
      case json::kind::string:
        return String({value.get_string().data(), value.get_string().size()});
      case json::kind::array:
        return Array(value.get_array(), depth);
      case json::kind::object:
        return Object(value.get_object(), depth);
    }
  }

 private:
  void Bad(const char* problem) {
    if (problem_.empty()) problem_ = problem;
  }

  void Whole(std::int64_t number) {
    if (number > kMaxWhole || number < -kMaxWhole) return Bad("has a number that is too large");
    out_ += std::to_string(number);
  }

  void String(std::string_view text) {
    if (!IsUtf8(text)) return Bad("has a string that is not UTF-8");
    constexpr char kHex[] = "0123456789abcdef";
    constexpr std::string_view kNamed = "\b\t\n\f\r\"\\";
    constexpr char kNames[] = "btnfr\"\\";
    out_ += '"';
    for (const char c : text) {
      if (const std::size_t named = kNamed.find(c); named != std::string_view::npos) {
        out_ += '\\';
        out_ += kNames[named];
      } else if (static_cast<unsigned char>(c) < 0x20) {
        out_ += "\\u00";
        out_ += kHex[c >> 4];
        out_ += kHex[c & 15];
      } else {
        out_ += c;
      }
    }
    out_ += '"';
  }

  void Array(const json::array& array, int depth) {
    char separator = '[';
    for (const json::value& item : array) {
      out_ += separator;
      Value(item, depth + 1);
      separator = ',';
    }
    out_ += array.empty() ? "[]" : "]";
  }

  void Object(const json::object& object, int depth) {
    std::vector<const json::key_value_pair*> members;
    for (const auto& member : object) members.push_back(&member);
    const auto name = [](const json::key_value_pair* m) {
      return std::string_view(m->key().data(), m->key().size());
    };
    std::ranges::sort(members, BeforeInUtf16, name);
    char separator = '{';
    for (const json::key_value_pair* member : members) {
      out_ += separator;
      String(name(member));
      out_ += ':';
      Value(member->value(), depth + 1);
      separator = ',';
    }
    out_ += members.empty() ? "{}" : "}";
  }

  std::string out_, problem_;
};

}  // namespace

Result<std::string> CanonicalJson(const json::value& value) {
  Writer writer;
  writer.Value(value, 1);
  return std::move(writer).Take();
}

}  // namespace codeapi
