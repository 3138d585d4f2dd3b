#include "auth/strict_json.h"

#include <cstddef>

#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>

namespace codeapi {
namespace {

namespace json = boost::json;
using boost::system::error_code;

json::parse_options Options(std::size_t max_depth) {
  json::parse_options options;
  options.max_depth = max_depth;
  return options;
}

// Counts the members a text has, equal names included.
struct MemberCounter {
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  using Text = json::string_view;

  std::size_t members = 0;

  bool on_object_end(std::size_t count, error_code&) {
    members += count;
    return true;
  }
  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return true; }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t, error_code&) { return true; }
  bool on_key_part(Text, std::size_t, error_code&) { return true; }
  bool on_key(Text, std::size_t, error_code&) { return true; }
  bool on_string_part(Text, std::size_t, error_code&) { return true; }
  bool on_string(Text, std::size_t, error_code&) { return true; }
  bool on_number_part(Text, error_code&) { return true; }
  bool on_int64(std::int64_t, Text, error_code&) { return true; }
  bool on_uint64(std::uint64_t, Text, error_code&) { return true; }
  bool on_double(double, Text, error_code&) { return true; }
  bool on_bool(bool, error_code&) { return true; }
  bool on_null(error_code&) { return true; }
  bool on_comment_part(Text, error_code&) { return true; }
  bool on_comment(Text, error_code&) { return true; }
};

// The members that are left after the library has merged equal names.
std::size_t Members(const json::value& value) {
  std::size_t count = 0;
  if (const json::object* object = value.if_object()) {
    count = object->size();
    for (const auto& member : *object) count += Members(member.value());
  } else if (const json::array* array = value.if_array()) {
    for (const json::value& item : *array) count += Members(item);
  }
  return count;
}

}  // namespace

Result<json::object> ParseStrictObject(std::string_view text, std::size_t max_depth) {
  error_code ec;
  json::value value = json::parse(json::string_view(text.data(), text.size()), ec, {}, Options(max_depth));
  if (ec == json::error::too_deep) return Fail(ErrorCode::kInvalid, "is nested too deeply");
  if (ec) return Fail(ErrorCode::kInvalid, "is not JSON: " + ec.message());
  if (!value.is_object()) return Fail(ErrorCode::kInvalid, "is not a JSON object");
  json::basic_parser<MemberCounter> counter(Options(max_depth));
  counter.write_some(false, text.data(), text.size(), ec);
  if (ec || counter.handler().members != Members(value)) {
    return Fail(ErrorCode::kInvalid, "has a member twice");
  }
  return std::move(value.as_object());
}

}  // namespace codeapi
