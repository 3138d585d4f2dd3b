#include "tools/json_text.h"

#include <gtest/gtest.h>

namespace codeapi {
namespace {

TEST(CompactJson, ReadsAsItWasWritten) {
  for (const char* text :
       {"null", "true", "5", "-7", "7.5", "18446744073709551615", "0.1", "\"a\\\"b\\n\\u0001\"", "[]", "{}",
        R"({"b":[1,2.25,{"c":[]}],"a":"é","":null})", "[[[[]]]]"}) {
    EXPECT_EQ(CompactJson(boost::json::parse(text)), text);
  }
}

TEST(CompactJson, NumbersKeepTheirValue) {
  for (const char* text : {"1e21", "1e-7", "123456789012345680000", "0.30000000000000004", "-0.0"}) {
    const boost::json::value value = boost::json::parse(text);
    EXPECT_EQ(boost::json::parse(CompactJson(value)).to_number<double>(), value.get_double()) << text;
  }
}

}  // namespace
}  // namespace codeapi
