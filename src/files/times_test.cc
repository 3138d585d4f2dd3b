#include "files/times.h"

#include <gtest/gtest.h>

#include "store/http_time.h"

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
  EXPECT_EQ(ParseHttpDate(HttpTime(At(1767323045678))), At(1767323045000));
  EXPECT_EQ(IsoTime(At(9214646399999LL)), "2261-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace codeapi
