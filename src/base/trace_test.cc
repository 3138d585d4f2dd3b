#include "base/trace.h"

#include <gtest/gtest.h>

namespace codeapi {
namespace {

const std::string kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string kSpan = "00f067aa0ba902b7";

TEST(Trace, EachHopHasASpanOfItsOwn) {
  const auto hop = ContinueTrace("00-" + kTrace + "-" + kSpan + "-01");
  ASSERT_TRUE(hop);
  EXPECT_EQ(hop->trace_id, kTrace);
  EXPECT_NE(hop->span_id, kSpan);
  EXPECT_TRUE(hop->sampled);
  const auto next = ContinueTrace(hop->Header());
  ASSERT_TRUE(next) << hop->Header();
  EXPECT_EQ(next->trace_id, kTrace);
  EXPECT_NE(next->span_id, hop->span_id);
  EXPECT_TRUE(next->sampled);
  EXPECT_FALSE(ContinueTrace("00-" + kTrace + "-" + kSpan + "-00")->sampled);
  EXPECT_TRUE(ContinueTrace("00-" + kTrace + "-" + kSpan + "-ff")->sampled);
}

TEST(Trace, ANewOneIsValidAndDiffers) {
  const TraceContext one = NewTrace(), other = NewTrace();
  EXPECT_NE(one.trace_id, other.trace_id);
  EXPECT_EQ(ContinueTrace(one.Header())->trace_id, one.trace_id);
  EXPECT_EQ(TraceFrom("nonsense").Header().size(), 55u);
  EXPECT_EQ(TraceContext{}.Header(), "");
}

TEST(Trace, LaterVersionsMayHaveMore) {
  EXPECT_TRUE(ContinueTrace("01-" + kTrace + "-" + kSpan + "-01"));
  EXPECT_TRUE(ContinueTrace("cc-" + kTrace + "-" + kSpan + "-01-what the future brings"));
  EXPECT_FALSE(ContinueTrace("cc-" + kTrace + "-" + kSpan + "-01.what the future brings"));
}

TEST(Trace, RefusesEverythingElse) {
  const std::string good = "00-" + kTrace + "-" + kSpan + "-01";
  for (const std::string& bad :
       {std::string(), std::string("00"), good + "-", good + " ", " " + good, good.substr(1),
        "00-" + kTrace + "-" + kSpan, "ff-" + kTrace + "-" + kSpan + "-01",
        "00-" + std::string(32, '0') + "-" + kSpan + "-01",
        "00-" + kTrace + "-" + std::string(16, '0') + "-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" + kSpan + "-01", "00_" + kTrace + "-" + kSpan + "-01",
        "00-" + kTrace + "-" + kSpan + "-0x", "00-" + kTrace + "\n" + kSpan + "-01",
        "0g-" + kTrace + "-" + kSpan + "-01", std::string(55, '-'), std::string(1 << 20, 'a')}) {
    EXPECT_FALSE(ContinueTrace(bad)) << bad.substr(0, 100);
  }
}

}  // namespace
}  // namespace codeapi
