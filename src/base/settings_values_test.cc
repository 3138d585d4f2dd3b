#include "base/settings_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace codeapi {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(ParseInteger, TakesDecimalNumbersOnly) {
  EXPECT_EQ(ParseInteger("0").value(), 0);
  EXPECT_EQ(ParseInteger("007").value(), 7);
  EXPECT_EQ(ParseInteger("-1").value(), -1);
  EXPECT_EQ(ParseInteger("9223372036854775807").value(), INT64_MAX);
  for (const char* bad : {"", "-", "+1", " 1", "1 ", "0x10", "1.0", "1e3", "eight", "٣"}) {
    const auto result = ParseInteger(bad);
    ASSERT_FALSE(result) << bad;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalid) << bad;
    EXPECT_EQ(result.error().message, "is not a whole number") << bad;
  }
  EXPECT_EQ(ParseInteger("9223372036854775808").error().message, "is too large");
}

TEST(ParseSize, UnitsArePowersOf1024InAnyCase) {
  EXPECT_EQ(ParseSize("0").value(), 0);
  EXPECT_EQ(ParseSize("1b").value(), 1);
  EXPECT_EQ(ParseSize("64k").value(), 65'536);
  EXPECT_EQ(ParseSize("64K").value(), 65'536);
  EXPECT_EQ(ParseSize("64KB").value(), 65'536);
  EXPECT_EQ(ParseSize("25MB").value(), 26'214'400);
  EXPECT_EQ(ParseSize("50mb").value(), 52'428'800);
  EXPECT_EQ(ParseSize("50 MB").value(), 52'428'800);
  EXPECT_EQ(ParseSize("1GiB").value(), 1'073'741'824);
  EXPECT_EQ(ParseSize("2t").value(), 2'199'023'255'552);
}

TEST(ParseSize, BareUnitAppliesOnlyWithoutAUnit) {
  EXPECT_EQ(ParseSize("100", 1 << 20).value(), 104'857'600);
  EXPECT_EQ(ParseSize("100k", 1 << 20).value(), 102'400);
  EXPECT_EQ(ParseSize("100b", 1 << 20).value(), 100);
}

TEST(ParseSize, RefusesWhatIsNoSize) {
  EXPECT_EQ(ParseSize("").error().message, "is not a whole number");
  EXPECT_EQ(ParseSize("-1").error().message, "is not a whole number");
  EXPECT_EQ(ParseSize("MB").error().message, "is not a whole number");
  EXPECT_EQ(ParseSize("1.5MB").error().message, "has an unknown unit");
  EXPECT_EQ(ParseSize("1  MB").error().message, "has an unknown unit");
  EXPECT_EQ(ParseSize("1 ").error().message, "has an unknown unit");
  EXPECT_EQ(ParseSize("1pb").error().message, "has an unknown unit");
  EXPECT_EQ(ParseSize("8388608t").error().message, "is too large");
  EXPECT_EQ(ParseSize("9223372036854775807k").error().message, "is too large");
  EXPECT_EQ(ParseSize("8388607t").value(), 8'388'607LL << 40);
}

TEST(ParseDuration, BareNumbersAreMilliseconds) {
  EXPECT_EQ(ParseDuration("0").value(), milliseconds(0));
  EXPECT_EQ(ParseDuration("300000").value(), milliseconds(300'000));
  EXPECT_EQ(ParseDuration("250ms").value(), milliseconds(250));
  EXPECT_EQ(ParseDuration("30s").value(), milliseconds(30'000));
  EXPECT_EQ(ParseDuration("5M").value(), milliseconds(300'000));
  EXPECT_EQ(ParseDuration("24h").value(), milliseconds(86'400'000));
  EXPECT_EQ(ParseDuration("1d").value(), milliseconds(86'400'000));
  for (const char* bad : {"", "-1", "1.5s", "1 week", "s"}) EXPECT_FALSE(ParseDuration(bad)) << bad;
  EXPECT_EQ(ParseDuration("9223372036854775807d").error().message, "is too large");
}

TEST(ParseBoolean, TakesTheUsualWords) {
  for (const char* yes : {"true", "TRUE", "1", "yes", "on", "On"})
    EXPECT_TRUE(ParseBoolean(yes).value()) << yes;
  for (const char* no : {"false", "False", "0", "no", "off"}) EXPECT_FALSE(ParseBoolean(no).value()) << no;
  for (const char* bad : {"", "t", "y", "2", "tru", "true ", "enabled"})
    EXPECT_FALSE(ParseBoolean(bad)) << bad;
}

TEST(ParseHundredths, TakesTwoDecimals) {
  EXPECT_EQ(ParseHundredths("0").value(), 0);
  EXPECT_EQ(ParseHundredths("2").value(), 200);
  EXPECT_EQ(ParseHundredths("1.5").value(), 150);
  EXPECT_EQ(ParseHundredths("0.25").value(), 25);
  EXPECT_EQ(ParseHundredths("0.05").value(), 5);
  for (const char* bad : {"", ".", ".5", "1.", "1.234", "-1", "-0.5", "+1", "1,5", "1.x", "1.5.5", "1.-5"}) {
    EXPECT_FALSE(ParseHundredths(bad)) << bad;
  }
  EXPECT_EQ(ParseHundredths("9223372036854775807").error().message, "is too large");
}

TEST(ParseExtensions, TrimsLowersAndDropsDots) {
  EXPECT_THAT(ParseExtensions("").value(), IsEmpty());
  EXPECT_THAT(ParseExtensions(" , ,").value(), IsEmpty());
  EXPECT_THAT(ParseExtensions("md, .PARQUET ,tar.gz").value(), ElementsAre("md", "parquet", "tar.gz"));
  EXPECT_THAT(ParseExtensions("md,.MD").value(), ElementsAre("md"));
  EXPECT_THAT(ParseExtensions("*").value(), ElementsAre("*"));
  for (const char* bad : {"a/b", "a b", "a\nb", "a\x7f", "ok,../x"})
    EXPECT_FALSE(ParseExtensions(bad)) << bad;
  EXPECT_TRUE(ParseExtensions(std::string(32, 'x')));
  EXPECT_FALSE(ParseExtensions(std::string(33, 'x')));
}

TEST(FormatSize, IsExactAndReadsBack) {
  EXPECT_EQ(FormatSize(0), "0");
  EXPECT_EQ(FormatSize(1), "1");
  EXPECT_EQ(FormatSize(1000), "1000");
  EXPECT_EQ(FormatSize(65'536), "64KiB");
  EXPECT_EQ(FormatSize(10'000'000), "10000000");
  EXPECT_EQ(FormatSize(512 << 20), "512MiB");
  EXPECT_EQ(FormatSize(1LL << 40), "1TiB");
  for (const std::int64_t bytes : {0LL, 1LL, 1023LL, 1024LL, 1536LL, 10'000'000LL, 3LL << 30, 5LL << 40}) {
    EXPECT_EQ(ParseSize(FormatSize(bytes)).value(), bytes);
  }
}

TEST(FormatDuration, IsExactAndReadsBack) {
  EXPECT_EQ(FormatDuration(milliseconds(0)), "0");
  EXPECT_EQ(FormatDuration(milliseconds(1)), "1ms");
  EXPECT_EQ(FormatDuration(milliseconds(1500)), "1500ms");
  EXPECT_EQ(FormatDuration(milliseconds(30'000)), "30s");
  EXPECT_EQ(FormatDuration(milliseconds(300'000)), "5m");
  EXPECT_EQ(FormatDuration(milliseconds(86'400'000)), "1d");
  for (const int ms : {0, 1, 999, 1000, 1001, 60'000, 90'000, 3'600'000}) {
    EXPECT_EQ(ParseDuration(FormatDuration(milliseconds(ms))).value(), milliseconds(ms));
  }
}

TEST(FormatHundredths, IsExactAndReadsBack) {
  EXPECT_EQ(FormatHundredths(0), "0");
  EXPECT_EQ(FormatHundredths(5), "0.05");
  EXPECT_EQ(FormatHundredths(50), "0.5");
  EXPECT_EQ(FormatHundredths(150), "1.5");
  EXPECT_EQ(FormatHundredths(1600), "16");
  for (int i = 0; i < 250; ++i) EXPECT_EQ(ParseHundredths(FormatHundredths(i)).value(), i);
}

}  // namespace
}  // namespace codeapi
