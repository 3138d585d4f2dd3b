#include "worker/input_cache.h"

#include <gtest/gtest.h>

#include <string>

#include "base/ids.h"

namespace codeapi {
namespace {

constexpr std::uint64_t kOverhead = 512;  // what an entry may cost beside its bytes

class InputCacheTest : public ::testing::Test {
 protected:
  static ObjectInfo Info(const std::string& content, const std::string& etag = "tag",
                         const ObjectKey& key = {NewId(), NewId()}) {
    return {key, {"name", "text/plain", false}, content.size(), {}, etag};
  }

  double Counted(const std::string& name, const Metrics::Labels& labels = {}) {
    return metrics.counter(name, Help(name), labels).Value();
  }
  static std::string Help(const std::string& name) {
    return name.ends_with("evictions_total")  ? "Inputs that made room for others"
           : name.ends_with("requests_total") ? "Inputs looked up in the cache"
                                              : "Bytes of inputs out of the cache";
  }
  double Hits() { return Counted("codeapi_input_cache_requests_total", {{"result", "hit"}}); }
  double Evictions() { return Counted("codeapi_input_cache_evictions_total"); }

  Metrics metrics;
  InputCache cache{{4 * (1000 + kOverhead), 2 * (1000 + kOverhead)}, metrics};
};

TEST_F(InputCacheTest, GivesBackWhatTheStoreStillHas) {
  const ObjectInfo info = Info("content");
  EXPECT_FALSE(cache.Has("t", info.key));
  cache.Put("t", info, "content");
  EXPECT_TRUE(cache.Has("t", info.key));
  const auto found = cache.Find("t", info);
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, "content");
  EXPECT_EQ(Hits(), 1);
  EXPECT_EQ(Counted("codeapi_input_cache_served_bytes_total"), 7);
}

TEST_F(InputCacheTest, AnotherContentOfTheSameNameIsAMiss) {
  const ObjectInfo old = Info("old", "one");
  for (const ObjectInfo& now : {Info("new", "two", old.key), Info("longer", "one", old.key)}) {
    cache.Put("t", old, "old");
    EXPECT_FALSE(cache.Find("t", now));
    EXPECT_FALSE(cache.Has("t", old.key)) << "what is stale is dropped";
  }
  EXPECT_EQ(Hits(), 0);
}

TEST_F(InputCacheTest, ATenantSeesOnlyItsOwn) {
  const ObjectInfo info = Info("content");
  cache.Put("one", info, "content");
  EXPECT_FALSE(cache.Has("another", info.key));
  EXPECT_FALSE(cache.Find("another", info));
  cache.Drop("another", info.key);
  EXPECT_TRUE(cache.Has("one", info.key));
  cache.Drop("one", info.key);
  EXPECT_FALSE(cache.Has("one", info.key));
}

TEST_F(InputCacheTest, ATenantThatHasTooMuchLosesItsOldest) {
  const std::string content(1000, 'x');
  const ObjectInfo other = Info(content), a = Info(content), b = Info(content), c = Info(content);
  cache.Put("other", other, content);
  cache.Put("t", a, content);
  cache.Put("t", b, content);
  EXPECT_TRUE(cache.Find("t", a));  // used: not the oldest any more
  cache.Put("t", c, content);
  EXPECT_TRUE(cache.Has("t", a.key));
  EXPECT_FALSE(cache.Has("t", b.key));
  EXPECT_TRUE(cache.Has("t", c.key));
  EXPECT_TRUE(cache.Has("other", other.key)) << "older, but not theirs";
  EXPECT_EQ(Evictions(), 1);
}

TEST_F(InputCacheTest, AllTogetherAreBoundedToo) {
  const std::string content(1000, 'x');
  std::vector<ObjectInfo> infos;
  for (int i = 0; i < 6; ++i) {
    infos.push_back(Info(content));
    cache.Put("tenant " + std::to_string(i), infos.back(), content);
  }
  int kept = 0;
  for (int i = 0; i < 6; ++i) kept += cache.Has("tenant " + std::to_string(i), infos.at(i).key);
  EXPECT_EQ(kept, 4);
  EXPECT_TRUE(cache.Has("tenant 5", infos.back().key));
}

TEST_F(InputCacheTest, WhatIsTooLargeOrHasNoTagIsNotKept) {
  EXPECT_TRUE(cache.Takes(2000));
  EXPECT_FALSE(cache.Takes(2 * (1000 + kOverhead)));
  const std::string large(4000, 'x');
  const ObjectInfo info = Info(large), untagged = Info("x", ""), short_one = Info("longer");
  cache.Put("t", info, large);
  cache.Put("t", untagged, "x");
  cache.Put("t", short_one, "x");
  for (const ObjectInfo& one : {info, untagged, short_one}) EXPECT_FALSE(cache.Has("t", one.key));
}

TEST_F(InputCacheTest, NoRoomAtAllKeepsNothing) {
  InputCache none({0, 0}, metrics);
  EXPECT_FALSE(none.Takes(0));
}

}  // namespace
}  // namespace codeapi
