#include "tools/json_text.h"

#include <charconv>
#include <cmath>

namespace codeapi {
namespace {

namespace json = boost::json;

void Append(std::string& out, const json::value& value);

void AppendNumber(std::string& out, double number) {
  if (!std::isfinite(number)) {  // no JSON parser gives one
    out += "null";
    return;
  }
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number).ptr;
  out.append(text, end);
}

void AppendString(std::string& out, json::string_view text) {
  out += json::serialize(text);
}

void Append(std::string& out, const json::value& value) {
  char separator = '{';
  switch (value.kind()) {
    case json::kind::double_:
      return AppendNumber(out, value.get_double());
    case json::kind::object:
      for (const auto& member : value.get_object()) {
        out += separator;
        separator = ',';
        AppendString(out, member.key());
        out += ':';
        Append(out, member.value());
      }
      out += value.get_object().empty() ? "{}" : "}";
      return;
    case json::kind::array:
      separator = '[';
      for (const json::value& item : value.get_array()) {
        out += separator;
        separator = ',';
        Append(out, item);
      }
      out += value.get_array().empty() ? "[]" : "]";
      return;
    default:
      out += json::serialize(value);
  }
}

}  // namespace

const json::value* Member(const json::object& in, std::string_view name) {
  const json::value* value = in.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::string CompactJson(const json::value& value) {
  std::string out;
  Append(out, value);
  return out;
}

}  // namespace codeapi
