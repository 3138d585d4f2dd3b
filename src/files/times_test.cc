#include "files/times.h"

#include <gtest/gtest.h>

namespace codeapi {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

system_clock::time_point At(long long ms) {
  return system_clock::time_point(milliseconds(ms));
}

TEST(Times, AreSpelledAsJavaScriptAndHttpDo) {
  EXPECT_EQ(IsoTime(At(1767323045678)), "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(HttpTime(At(1767323045678)), "Fri, 02 Jan 2026 03:04:05 GMT");
  EXPECT_EQ(IsoTime(At(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(HttpTime(At(784111777000)), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(IsoTime(At(-1)), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(IsoTime(At(951827696001)), "2000-02-29T12:34:56.001Z");
}

TEST(Times, AreReadBack) {
  for (const long long ms : {0LL, -1LL, 1767323045678LL, 951827696001LL, 9214646399999LL}) {
    EXPECT_EQ(ParseIsoTime(IsoTime(At(ms))), At(ms)) << ms;
  }
  EXPECT_EQ(IsoTime(At(9214646399999LL)), "2261-12-31T23:59:59.999Z");
}

TEST(Times, NothingElseIsATime) {
  for (const char* text :
       {"", "2026-01-02", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678", "2026-01-02T03:04:05.678+00",
        "2026-02-29T03:04:05.678Z", "2026-13-02T03:04:05.678Z", "2026-01-00T03:04:05.678Z",
        "2026-01-02T24:04:05.678Z", "2026-01-02T03:60:05.678Z", "2026-01-02T03:04:60.678Z",
        "2026-01-02 03:04:05.678Z", "+026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678ZZ",
        "2026-01-02T03:04:05.-78Z", "1677-12-31T23:59:59.999Z", "2262-01-01T00:00:00.000Z",
        "9999-12-31T23:59:59.999Z"}) {
    EXPECT_EQ(ParseIsoTime(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace codeapi
