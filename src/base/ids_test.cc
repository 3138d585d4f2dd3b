#include "base/ids.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

namespace codeapi {
namespace {

TEST(NewId, HasTheShapeClientsCheck) {
  for (int i = 0; i < 1000; ++i) {
    const std::string id = NewId();
    ASSERT_EQ(id.size(), 21U);
    ASSERT_EQ(id.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"),
              id.npos)
        << id;
    ASSERT_TRUE(IsId(id)) << id;
  }
}

// 42,000 characters: each of the 64 is missing with a probability below 1e-280, at any one place below 1e-13.
TEST(NewId, UsesTheWholeAlphabetEverywhere) {
  std::vector<std::set<char>> seen(kIdLength);
  for (int i = 0; i < 2000; ++i) {
    const std::string id = NewId();
    for (std::size_t place = 0; place < id.size(); ++place) seen[place].insert(id[place]);
  }
  for (std::size_t place = 0; place < kIdLength; ++place) EXPECT_EQ(seen[place].size(), 64U) << place;
}

TEST(NewId, NeverRepeatsAcrossThreads) {
  constexpr int kThreads = 4, kEach = 2000;
  std::vector<std::vector<std::string>> made(kThreads);
  {
    std::vector<std::jthread> threads;
    threads.reserve(kThreads);
    for (auto& mine : made) {
      threads.emplace_back([&mine] {
        for (int i = 0; i < kEach; ++i) mine.push_back(NewId());
      });
    }
  }
  std::set<std::string> all;
  for (const auto& mine : made) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), static_cast<std::size_t>(kThreads * kEach));
}

TEST(IsId, TakesTwentyOneCharactersOfTheAlphabetOnly) {
  EXPECT_TRUE(IsId("Z4CSL3QlSWixbnNY0o3xx"));
  EXPECT_TRUE(IsId("____-----____-----___"));
  EXPECT_FALSE(IsId(""));
  EXPECT_FALSE(IsId("Z4CSL3QlSWixbnNY0o3x"));
  EXPECT_FALSE(IsId("Z4CSL3QlSWixbnNY0o3xxx"));
  for (const char c : std::string("./\\ %\n:\0@[`{\x80\xFF", 14)) {
    std::string id = "Z4CSL3QlSWixbnNY0o3xx";
    for (const std::size_t place : {0U, 10U, 20U}) {
      std::string bad = id;
      bad[place] = c;
      EXPECT_FALSE(IsId(bad)) << static_cast<int>(c) << " at " << place;
    }
  }
}

}  // namespace
}  // namespace codeapi
