#include "store/http_time.h"

#include <gtest/gtest.h>

#include <string>

namespace codeapi {
namespace {

std::int64_t Millis(std::optional<std::chrono::system_clock::time_point> time) {
  if (!time) return -1;
  return std::chrono::duration_cast<std::chrono::milliseconds>(time->time_since_epoch()).count();
}

TEST(HttpTime, ReadsHttpDates) {
  EXPECT_EQ(Millis(ParseHttpDate("Wed, 21 Oct 2015 07:28:00 GMT")), 1'445'412'480'000);
  EXPECT_EQ(Millis(ParseHttpDate("Thu, 01 Jan 1970 00:00:01 GMT")), 1'000);
  for (const std::string bad : {"", "Wed, 21 Oct 2015 07:28:00 UTC", "Wed, 31 Feb 2015 07:28:00 GMT",
                                "Wed, 21 oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 24:28:00 GMT",
                                "Wednesday, 21-Oct-15 07:28:00 GMT", "Wed, -1 Oct 2015 07:28:00 GMT"}) {
    EXPECT_FALSE(ParseHttpDate(bad)) << bad;
  }
}

TEST(HttpTime, ReadsIsoTimes) {
  EXPECT_EQ(Millis(ParseIsoTime("2015-10-21T07:28:00Z")), 1'445'412'480'000);
  EXPECT_EQ(Millis(ParseIsoTime("2015-10-21T07:28:00.5Z")), 1'445'412'480'500);
  EXPECT_EQ(Millis(ParseIsoTime("2015-10-21T07:28:00.123456Z")), 1'445'412'480'123);
  for (const std::string bad :
       {"", "2015-10-21T07:28:00", "2015-10-21T07:28:00+00:00", "2015-13-21T07:28:00Z",
        "2015-10-21 07:28:00Z", "2015-10-21T07:28:00.Z", "2015-10-21T07:28:00.xZ"}) {
    EXPECT_FALSE(ParseIsoTime(bad)) << bad;
  }
}

}  // namespace
}  // namespace codeapi
