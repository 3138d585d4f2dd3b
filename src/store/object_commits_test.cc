#include "store/object_commits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/ids.h"
#include "store/testing.h"

namespace codeapi {
namespace {

using testing::TempDir;
using Draft = ObjectDirectory::Draft;

class ObjectCommitsTest : public ::testing::Test {
 protected:
  // One object on its way in, up to its commit.
  std::unique_ptr<Draft> Prepared(const ObjectKey& key, const std::string& data) {
    auto draft = directory->begin(key);
    EXPECT_TRUE(draft && (*draft)->append(data) && (*draft)->prepare({"name", "text/plain", false}));
    return draft ? std::move(*draft) : nullptr;
  }

  std::size_t FilesBelow(const std::string& session) {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(dir / "store/objects/" + session), {}));
  }

  TempDir dir;
  std::mutex mutex;
  std::vector<std::string> steps;  // guarded by mutex
  std::unique_ptr<ObjectDirectory> directory =
      *ObjectDirectory::Open(dir / "store", [this](const char* step) {
        const std::lock_guard lock(mutex);
        steps.emplace_back(step);
      });
};

TEST_F(ObjectCommitsTest, EachOfAGroupFailsByItself) {
  const std::string first = NewId(), second = NewId();
  const ObjectKey taken{first, NewId()};
  std::vector<std::unique_ptr<Draft>> drafts;
  drafts.push_back(Prepared(taken, "one"));
  drafts.push_back(Prepared({first, NewId()}, "two"));
  drafts.push_back(Prepared(taken, "another one"));
  drafts.push_back(Prepared({second, NewId()}, "three"));
  std::vector<Draft*> group;
  for (const auto& draft : drafts) group.push_back(draft.get());
  const auto results = directory->commit(group);
  drafts.clear();

  ASSERT_EQ(results.size(), 4u);
  EXPECT_TRUE(results[0] && results[1] && results[3]);
  ASSERT_FALSE(results[2]);
  EXPECT_EQ(results[2].error().code, ErrorCode::kConflict);
  EXPECT_EQ(directory->stat(taken)->size, 3u);
  EXPECT_EQ(directory->list(first)->size(), 2u);
  EXPECT_EQ(FilesBelow(first), 4u) << "nothing of the one that failed";
  EXPECT_EQ(FilesBelow(second), 2u);
}

// A name must not be on the disk before what it names.
TEST_F(ObjectCommitsTest, AllIsWrittenBeforeAnyNameIsGiven) {
  std::vector<std::unique_ptr<Draft>> drafts;
  std::vector<Draft*> group;
  for (int i = 0; i < 20; ++i) {
    drafts.push_back(Prepared({NewId(), NewId()}, std::to_string(i)));
    group.push_back(drafts.back().get());
  }
  for (const auto& result : directory->commit(group)) EXPECT_TRUE(result);
  const auto count = [&](const char* step) { return std::ranges::count(steps, step); };
  for (const char* step : {"data_synced", "meta_synced", "meta_renamed", "data_renamed", "directory_synced"})
    EXPECT_EQ(count(step), 20) << step;
  const auto first_of = [&](const char* step) { return std::ranges::find(steps, step) - steps.begin(); };
  const auto last_of = [&](const char* step) {
    return steps.rend() - std::ranges::find(steps.rbegin(), steps.rend(), step) - 1;
  };
  EXPECT_LT(last_of("meta_synced"), first_of("meta_renamed"));
  EXPECT_LT(last_of("data_renamed"), first_of("directory_synced"));
}

TEST_F(ObjectCommitsTest, ManyThreadsAreAllAnswered) {
  ObjectCommits commits(*directory);
  const std::string session = NewId();
  constexpr int kThreads = 8, kEach = 10;
  std::vector<std::jthread> threads;
  std::atomic<int> stored = 0;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        const auto draft = Prepared({session, NewId()}, "x");
        std::promise<void> answered;
        commits.Add(*draft, [&](Result<ObjectInfo> info) {
          stored += info.has_value();
          answered.set_value();
        });
        answered.get_future().wait();
      }
    });
  }
  threads.clear();
  EXPECT_EQ(stored, kThreads * kEach);
  EXPECT_EQ(directory->list(session)->size(), static_cast<std::size_t>(kThreads * kEach));
}

}  // namespace
}  // namespace codeapi
