#include "jailer/cpu_allotment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace codeapi {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(CpuAllotment, BindsNothingWhereAProgramMayUseThemAll) {
  EXPECT_THAT(CpuAllotment({0, 1}, 2).Take(), IsEmpty());
  EXPECT_THAT(CpuAllotment({0, 1}, 3).Take(), IsEmpty());
}

TEST(CpuAllotment, SpreadsProgramsOverTheMachine) {
  CpuAllotment cpus({0, 2, 5}, 2);
  std::map<std::uint32_t, int> programs;
  for (int i = 0; i < 6; ++i) {
    const auto taken = cpus.Take();
    ASSERT_EQ(taken.size(), 2u);
    EXPECT_NE(taken[0], taken[1]);
    for (const std::uint32_t cpu : taken) ++programs[cpu];
  }
  EXPECT_THAT(programs, ElementsAre(std::pair(0u, 4), std::pair(2u, 4), std::pair(5u, 4)));
}

TEST(CpuAllotment, WhatWasReturnedIsTakenFirst) {
  CpuAllotment cpus({0, 1, 2, 3}, 1);
  std::vector<std::vector<std::uint32_t>> taken;
  for (int i = 0; i < 4; ++i) taken.push_back(cpus.Take());
  cpus.Return(taken[2]);
  EXPECT_EQ(cpus.Take(), taken[2]);
  cpus.Return({});  // of a program that was not bound
}

}  // namespace
}  // namespace codeapi
