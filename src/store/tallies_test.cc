#include "store/tallies.h"

#include <gtest/gtest.h>

#include <string>

namespace codeapi {
namespace {

using std::chrono::milliseconds;

TEST(Tallies, ClosedWindowsAreForgotten) {
  Tallies tallies;
  Tallies::TimePoint now{};
  for (int i = 0; i < 100'000; ++i) {
    now += milliseconds(1);
    tallies.Count("key" + std::to_string(i), milliseconds(10), now);
  }
  EXPECT_LE(tallies.size(), 2048u);
}

TEST(Tallies, OpenWindowsAreKept) {
  Tallies tallies;
  const Tallies::TimePoint now{};
  for (int round = 1; round <= 2; ++round) {
    for (int i = 0; i < 5000; ++i) {
      EXPECT_EQ(tallies.Count("key" + std::to_string(i), milliseconds(10), now).count, round);
    }
  }
  EXPECT_EQ(tallies.size(), 5000u);
}

}  // namespace
}  // namespace codeapi
