#include "auth/strict_json.h"

#include <gtest/gtest.h>

#include <string>

namespace codeapi {
namespace {

TEST(StrictJson, GivesTheObject) {
  const auto object = ParseStrictObject(R"( {"a": 1, "b": {"a": [ {"a": 2}, {"a": 3} ]}, "": null} )");
  ASSERT_TRUE(object) << object.error().message;
  EXPECT_EQ(object->size(), 3u);
  EXPECT_EQ(object->at("a").as_int64(), 1);
  EXPECT_TRUE(ParseStrictObject("{}")->empty());
}

TEST(StrictJson, RefusesAMemberTwiceAtAnyDepth) {
  for (const char* text : {R"({"a":1,"a":1})", R"({"a":1,"b":2,"\u0061":3})", R"({"x":{"a":1,"a":2}})",
                           R"({"x":[{"a":1},{"b":1,"b":2}]})", R"({"x":{"a":1,"a":2},"x":1})"}) {
    const auto object = ParseStrictObject(text);
    ASSERT_FALSE(object) << text;
    EXPECT_EQ(object.error().message, "has a member twice") << text;
  }
}

TEST(StrictJson, RefusesWhatIsNotAnObject) {
  for (const char* text :
       {"", " ", "[]", "1", "null", "\"a\"", "{", "{} {}", "{}x", "{'a':1}", "{\"a\":1,}", "{\"a\":NaN}",
        "// c\n{}", "{\"a\":\"\xff\"}", "{\"a\":\"\n\"}", "\xef\xbb\xbf{}"}) {
    EXPECT_FALSE(ParseStrictObject(text)) << text;
  }
  EXPECT_FALSE(ParseStrictObject(std::string_view("{}\0", 3)));
}

TEST(StrictJson, DepthIsBounded) {
  const auto nested = [](int depth) {
    return "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_TRUE(ParseStrictObject(nested(8)));
  EXPECT_FALSE(ParseStrictObject(nested(100)));
  EXPECT_FALSE(ParseStrictObject(nested(1'000'000)));
}

}  // namespace
}  // namespace codeapi
