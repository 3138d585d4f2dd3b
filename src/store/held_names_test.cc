#include "store/held_names.h"

#include <gtest/gtest.h>

namespace codeapi {
namespace {

using std::chrono::milliseconds;

TEST(HeldNames, WhatHasRunOutIsForgotten) {
  HeldNames names;
  HeldNames::TimePoint now{};
  for (int i = 0; i < 100'000; ++i) {
    now += milliseconds(1);
    EXPECT_TRUE(names.Hold("key" + std::to_string(i), "holder", milliseconds(10), now));
  }
  EXPECT_LE(names.size(), 2048u);
}

}  // namespace
}  // namespace codeapi
