#include "jailer/warm_pool.h"

#include <gtest/gtest.h>

namespace codeapi {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMib = 1u << 20;

class WarmPoolTest : public ::testing::Test {
 protected:
  WarmPool Make(WarmPoolRules rules = {}) {
    return WarmPool(rules, [this] { return now_; });
  }

  /// Makes cells until there are enough, each in `took`. Returns how many.
  int Fill(WarmPool& pool, std::chrono::milliseconds took = 100ms, std::uint64_t memory = 20 * kMib) {
    int made = 0;
    while (const auto kind = pool.Next()) {
      pool.Started(*kind);
      now_ += took;
      pool.Ready(*kind, memory);
      ++made;
    }
    return made;
  }

  std::size_t ReadyOf(WarmPool& pool, const std::string& name) {
    for (const WarmPoolKind& kind : pool.Kinds()) {
      if (kind.name == name) return kind.ready;
    }
    return 0;
  }

  WarmPool::Time now_ = WarmPool::Time() + 1000s;
};

TEST_F(WarmPoolTest, NothingIsMadeBeforeSomebodyAsks) {
  WarmPool pool = Make();
  EXPECT_FALSE(pool.Next());
  EXPECT_FALSE(pool.NextAt());
  EXPECT_EQ(pool.Target("node"), 0u);
  EXPECT_EQ(pool.charged(), 0u);
}

TEST_F(WarmPoolTest, OneAfterTheFirstRequestAndTwoAfterTheSecond) {
  WarmPool pool = Make();
  pool.Asked("node", false);
  EXPECT_EQ(Fill(pool), 1);
  now_ += 20s;
  pool.Asked("node", true);
  pool.Taken("node", 20 * kMib);
  EXPECT_EQ(Fill(pool), 2);
  EXPECT_EQ(pool.Target("node"), 2u);
}

TEST_F(WarmPoolTest, RequestsThatAreFarApartKeepOne) {
  WarmPool pool = Make();
  pool.Asked("node", false);
  now_ += 120s;
  pool.Asked("node", true);
  EXPECT_EQ(pool.Target("node"), 1u);
}

TEST_F(WarmPoolTest, OneIsMadeAtATimeOverAllKinds) {
  WarmPool pool = Make();
  pool.Asked("node", false);
  pool.Asked("ts", false);
  const auto first = pool.Next();
  ASSERT_TRUE(first);
  pool.Started(*first);
  EXPECT_FALSE(pool.Next());
  pool.Ready(*first, kMib);
  const auto second = pool.Next();
  ASSERT_TRUE(second);
  EXPECT_NE(*first, *second);
}

TEST_F(WarmPoolTest, AKindThatHasNoneGoesFirst) {
  WarmPool pool = Make();
  pool.Asked("ts", false);
  now_ += 1s;
  pool.Asked("node", false);
  pool.Asked("node", false);
  pool.Started("node");
  pool.Ready("node", kMib);
  EXPECT_EQ(pool.Next(), "ts");
}

TEST_F(WarmPoolTest, TheTargetFollowsTheRateAndTheTimeOfARefill) {
  WarmPool pool = Make();
  const auto ask = [&](int times, std::chrono::milliseconds apart) {
    for (int i = 0; i < times; ++i) {
      pool.Asked("node", true);
      now_ += apart;
    }
  };
  pool.Asked("node", false);
  Fill(pool, 200ms);
  ask(200, 200ms);  // 5 per second, 0.2 s each: one is gone when the next is ready
  EXPECT_GE(pool.Target("node"), 2u);
  EXPECT_LE(pool.Target("node"), 4u);
  ask(1000, 20ms);  // 50 per second: ten
  EXPECT_GE(pool.Target("node"), 15u);
  EXPECT_LE(pool.Target("node"), 25u);
  now_ += 40s;
  EXPECT_LE(pool.Target("node"), 2u);
}

// What the pool is for: a request every 200 ms, and a refill that takes nearly as long.
TEST_F(WarmPoolTest, FiveRequestsASecondFindACellEachTime) {
  WarmPool pool = Make();
  int hits = 0, coming = -1;
  for (int ms = 0; ms < 20'000; ms += 10) {
    now_ += 10ms;
    if (coming >= 0 && ++coming == 15) {
      pool.Ready("node", 20 * kMib);
      coming = -1;
    }
    if (ms % 200 == 0) {
      const bool hit = ReadyOf(pool, "node") > 0;
      if (hit) pool.Taken("node", 20 * kMib);
      pool.Asked("node", hit);
      hits += hit ? 1 : 0;
    }
    if (coming < 0 && pool.Next()) {
      pool.Started("node");
      coming = 0;
    }
  }
  EXPECT_GE(hits, 98) << "of 100";
  EXPECT_EQ(pool.Kinds().front().hits, static_cast<std::uint64_t>(hits));
  EXPECT_EQ(pool.Kinds().front().misses, static_cast<std::uint64_t>(100 - hits));
}

TEST_F(WarmPoolTest, MemoryIsBoundedByWhatCellsWereSeenToTake) {
  WarmPoolRules rules;
  rules.memory = 100 * kMib;
  rules.estimate = 40 * kMib;
  WarmPool pool = Make(rules);
  for (int i = 0; i < 1000; ++i) {
    pool.Asked("node", false);
    now_ += 1ms;
  }
  EXPECT_EQ(Fill(pool, 1s, 30 * kMib), 3);
  EXPECT_LE(pool.charged(), rules.memory);
  EXPECT_EQ(ReadyOf(pool, "node"), 3u);
  pool.Taken("node", 30 * kMib);
  EXPECT_EQ(pool.charged(), 60 * kMib);
  EXPECT_EQ(Fill(pool, 1s, 30 * kMib), 1);
}

TEST_F(WarmPoolTest, AnEstimateIsChargedWhileNothingIsKnown) {
  WarmPoolRules rules;
  rules.memory = 100 * kMib;
  rules.estimate = 60 * kMib;
  WarmPool pool = Make(rules);
  pool.Asked("node", false);
  pool.Asked("node", false);
  pool.Started("node");
  EXPECT_EQ(pool.charged(), 60 * kMib);
  pool.Ready("node", 0);
  EXPECT_EQ(pool.charged(), 60 * kMib);
  EXPECT_FALSE(pool.Next()) << "a second one would be too much";
  pool.Taken("node", 0);
  EXPECT_EQ(pool.charged(), 0u);
}

TEST_F(WarmPoolTest, OneThatIsLargerThanAllMayBeIsEndedAgain) {
  WarmPoolRules rules;
  rules.memory = 50 * kMib;
  WarmPool pool = Make(rules);
  pool.Asked("node", false);
  EXPECT_EQ(Fill(pool, 10ms, 80 * kMib), 1);
  EXPECT_EQ(pool.Surplus(), "node");
  pool.Taken("node", 80 * kMib);
  EXPECT_FALSE(pool.Surplus());
  EXPECT_FALSE(pool.Next()) << "it would be no smaller the next time";
}

TEST_F(WarmPoolTest, NoMemoryMeansNone) {
  WarmPoolRules rules;
  rules.memory = 0;
  WarmPool pool = Make(rules);
  pool.Asked("node", false);
  EXPECT_FALSE(pool.Next());
  EXPECT_EQ(pool.Target("node"), 0u);
}

TEST_F(WarmPoolTest, AKindThatNobodyAsksForIsForgotten) {
  WarmPool pool = Make();
  pool.Asked("node", false);
  pool.Asked("node", false);
  EXPECT_EQ(Fill(pool), 2);
  EXPECT_FALSE(pool.Surplus());
  now_ += 299s;
  EXPECT_FALSE(pool.Surplus()) << "two are no more than what it may come back for";
  const auto when = pool.NextAt();
  ASSERT_TRUE(when);
  now_ = *when;
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(pool.Surplus(), "node");
    pool.Taken("node", 20 * kMib);
  }
  EXPECT_FALSE(pool.Surplus());
  EXPECT_TRUE(pool.Kinds().empty());
  EXPECT_FALSE(pool.Next());
}

TEST_F(WarmPoolTest, AfterAFailureItPausesLongerEachTime) {
  WarmPool pool = Make();
  pool.Asked("node", false);
  auto pause = WarmPool::Time::duration::zero();
  for (int i = 0; i < 6; ++i) {
    ASSERT_EQ(pool.Next(), "node");
    pool.Started("node");
    pool.Failed("node");
    EXPECT_FALSE(pool.Next());
    const auto next = pool.NextAt();
    ASSERT_TRUE(next);
    EXPECT_GT(*next - now_, pause);
    pause = *next - now_;
    now_ = *next;
  }
  pool.Started("node");
  pool.Ready("node", kMib);
  pool.Died("node", kMib);
  EXPECT_EQ(*pool.NextAt() - now_, WarmPoolRules().first_pause)
      << "one that was ready makes good for the others";
}

TEST_F(WarmPoolTest, ThePauseHasAnEnd) {
  WarmPool pool = Make();
  for (int i = 0; i < 40; ++i) {
    pool.Asked("node", false);
    pool.Started("node");
    pool.Failed("node");
  }
  now_ += WarmPoolRules().longest_pause;
  EXPECT_EQ(pool.Next(), "node");
}

TEST_F(WarmPoolTest, OneThatEndsWhileItWaitsIsReplacedAfterAPause) {
  WarmPool pool = Make();
  pool.Asked("node", false);
  Fill(pool);
  pool.Died("node", 20 * kMib);
  EXPECT_EQ(pool.charged(), 0u);
  EXPECT_FALSE(pool.Next());
  now_ += WarmPoolRules().first_pause;
  EXPECT_EQ(pool.Next(), "node");
}

TEST_F(WarmPoolTest, OneThatWasEndedOnPurposeIsNoFailure) {
  WarmPool pool = Make();
  pool.Asked("node", false);
  pool.Started("node");
  pool.Dropped("node");
  EXPECT_EQ(pool.Next(), "node");
}

TEST_F(WarmPoolTest, TheKindThatWasAskedForLeastRecentlyMakesRoom) {
  WarmPool pool = Make();
  pool.Asked("ts", false);
  now_ += 1s;
  pool.Asked("node", false);
  EXPECT_FALSE(pool.Victim()) << "there is none to end";
  Fill(pool);
  EXPECT_EQ(pool.Victim(), "ts");
  pool.Taken("ts", 20 * kMib);
  EXPECT_EQ(pool.Victim(), "node");
}

TEST_F(WarmPoolTest, ThereIsNoEndOfKindsButABound) {
  WarmPoolRules rules;
  rules.most_kinds = 4;
  WarmPool pool = Make(rules);
  for (int i = 0; i < 100; ++i) {
    pool.Asked("node " + std::to_string(i), false);
    now_ += 1s;
    Fill(pool, 1ms);
    while (const auto kind = pool.Surplus()) pool.Taken(*kind, 20 * kMib);
    EXPECT_LE(pool.Kinds().size(), rules.most_kinds + 1);
  }
  EXPECT_GT(ReadyOf(pool, "node 99"), 0u);
}

TEST_F(WarmPoolTest, CellsAreBoundedTogether) {
  WarmPoolRules rules;
  rules.most_cells = 3;
  WarmPool pool = Make(rules);
  for (int i = 0; i < 200; ++i) {
    pool.Asked("node", false);
    pool.Asked("ts", false);
  }
  EXPECT_EQ(Fill(pool, 1s, kMib), 3);
  EXPECT_GT(ReadyOf(pool, "node"), 0u);
  EXPECT_GT(ReadyOf(pool, "ts"), 0u);
}

TEST_F(WarmPoolTest, WhatIsSaidOfAnUnknownKindChangesNothing) {
  WarmPool pool = Make();
  pool.Ready("node", kMib);
  pool.Taken("node", kMib);
  pool.Died("node", kMib);
  pool.Failed("node");
  EXPECT_TRUE(pool.Kinds().empty());
  EXPECT_EQ(pool.charged(), 0u);
}

}  // namespace
}  // namespace codeapi
