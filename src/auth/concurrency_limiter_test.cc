#include "auth/concurrency_limiter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace codeapi {
namespace {

const Principal kOne{"acme", "u1"};
const Principal kTwo{"acme", "u2"};

TEST(ConcurrencyLimiter, EveryCallerHasSlotsOfItsOwn) {
  ConcurrencyLimiter limiter(2);
  auto a = limiter.TryAcquire(kOne);
  auto b = limiter.TryAcquire(kOne);
  EXPECT_TRUE(a && b);
  EXPECT_FALSE(limiter.TryAcquire(kOne));
  auto c = limiter.TryAcquire(kTwo);
  EXPECT_TRUE(c);
  EXPECT_EQ(limiter.callers(), 2u);
  a.reset();
  EXPECT_TRUE(limiter.TryAcquire(kOne)) << "and back again at once";
  a = std::nullopt;
  b.reset();
  c.reset();
  EXPECT_EQ(limiter.callers(), 0u);
}

TEST(ConcurrencyLimiter, ASlotIsGivenBackOnceHoweverItIsMoved) {
  ConcurrencyLimiter limiter(2);
  auto first = limiter.TryAcquire(kOne);
  auto second = limiter.TryAcquire(kOne);
  {
    ConcurrencyLimiter::Slot moved = std::move(*first);
    first.reset();
    EXPECT_FALSE(limiter.TryAcquire(kOne));
  }
  auto third = limiter.TryAcquire(kOne);
  EXPECT_TRUE(third);
  EXPECT_FALSE(limiter.TryAcquire(kOne));
}

TEST(ConcurrencyLimiter, ASlotMayOutliveTheLimiter) {
  auto limiter = std::make_unique<ConcurrencyLimiter>(1);
  auto slot = limiter->TryAcquire(kOne);
  limiter.reset();
  slot.reset();
}

TEST(ConcurrencyLimiter, TheLimitHoldsAcrossThreads) {
  ConcurrencyLimiter limiter(3);
  std::atomic<int> held = 0;
  std::atomic<int> most = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        const auto slot = limiter.TryAcquire(kOne);
        if (!slot) continue;
        const int now = ++held;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        --held;
      }
    });
  }
  threads.clear();
  EXPECT_LE(most, 3);
  EXPECT_GE(most, 1);
  EXPECT_EQ(limiter.callers(), 0u);
}

}  // namespace
}  // namespace codeapi
