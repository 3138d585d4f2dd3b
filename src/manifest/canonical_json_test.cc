#include "manifest/canonical_json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include <boost/json.hpp>

namespace codeapi {
namespace {

namespace json = boost::json;

std::string Canonical(std::string_view text) {
  const auto out = CanonicalJson(json::parse(json::string_view(text.data(), text.size())));
  return out ? *out : "error: " + out.error().message;
}

TEST(CanonicalJson, SortsMembersAtEveryLevelAndLeavesLists) {
  EXPECT_EQ(Canonical(R"( { "b" : [ 3, 1, {"z":null,"a":true} ], "a" : {"d":{},"c":[]} } )"),
            R"({"a":{"c":[],"d":{}},"b":[3,1,{"a":true,"z":null}]})");
  EXPECT_EQ(Canonical(R"({"aa":1,"a":2,"":3,"B":4})"), R"({"":3,"B":4,"a":2,"aa":1})");
}

// U+1F600 is two code units, the first of which is D83D, and so comes before U+FB01.
TEST(CanonicalJson, OrdersNamesAsJavaScriptDoes) {
  EXPECT_EQ(Canonical("{\"\xEF\xAC\x81\":1,\"\xF0\x9F\x98\x80\":2,\"\xED\x9F\xBF\":3}"),
            "{\"\xED\x9F\xBF\":3,\"\xF0\x9F\x98\x80\":2,\"\xEF\xAC\x81\":1}");
}

TEST(CanonicalJson, EscapesOnlyWhatJsonStringifyDoes) {
  EXPECT_EQ(Canonical(R"("\u0000\u0008\t\n\u000b\f\r\u001F\"\\\/<\u007f\u00e9\u2028")"),
            "\"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f\\\"\\\\/<\x7f\xC3\xA9\xE2\x80\xA8\"");
}

// What node prints for the same texts.
TEST(CanonicalJson, WritesNumbersAsJavaScriptDoes) {
  EXPECT_EQ(Canonical("[0,-0.0,1.0,1e3,-5,1.5,0.1,100000000000000000000.0,1e21,1.25e21]"),
            "[0,0,1,1000,-5,1.5,0.1,100000000000000000000,1e+21,1.25e+21]");
  EXPECT_EQ(Canonical("[0.000001,0.0000001,1.5e-7,5e-324,1.7976931348623157e308,0.30000000000000004]"),
            "[0.000001,1e-7,1.5e-7,5e-324,1.7976931348623157e+308,0.30000000000000004]");
  // Not from text: the parser's own rounding is none of ours.
  EXPECT_EQ(*CanonicalJson(json::value(123456789012345680000.0)), "123456789012345680000");
  EXPECT_EQ(*CanonicalJson(json::value(-1234.5)), "-1234.5");
  EXPECT_EQ(Canonical("[9007199254740991,-9007199254740991]"), "[9007199254740991,-9007199254740991]");
}

TEST(CanonicalJson, RefusesWhatHasNoText) {
  EXPECT_FALSE(CanonicalJson(json::value(std::numeric_limits<double>::infinity())));
  EXPECT_FALSE(CanonicalJson(json::value(std::nan(""))));
  EXPECT_FALSE(CanonicalJson(json::value(std::int64_t{1} << 53)));
  EXPECT_FALSE(CanonicalJson(json::value(-(std::int64_t{1} << 53))));
  EXPECT_FALSE(CanonicalJson(json::value(std::numeric_limits<std::uint64_t>::max())));
  EXPECT_FALSE(CanonicalJson(json::value("\xFF")));
  EXPECT_FALSE(CanonicalJson(json::object{{"\xC0\xAF", 1}}));
  json::value deep = 1;
  for (int i = 0; i < 15; ++i) deep = json::array{deep};
  EXPECT_TRUE(CanonicalJson(deep));
  EXPECT_FALSE(CanonicalJson(json::array{json::array{deep}}));
}

}  // namespace
}  // namespace codeapi
