#include "tools/tool_record.h"

#include <gtest/gtest.h>

#include <future>

#include <boost/asio.hpp>

#include "store/sqlite_state_store.h"
#include "store/testing.h"

namespace codeapi {
namespace {

using testing::TempDir;

class ToolRecordLifeTest : public ::testing::Test {
 protected:
  ToolRecordLifeTest() {
    record.owner = "somebody";
    record.calls.push_back({1, 0, "{}", "digest"});
  }

  template <typename T>
  T Await(boost::asio::awaitable<T> work) {
    std::future<T> done = boost::asio::co_spawn(io, std::move(work), boost::asio::use_future);
    io.restart();
    io.run();
    return done.get();
  }

  TempDir dir;
  boost::asio::io_context io;
  std::chrono::system_clock::time_point now = std::chrono::system_clock::now();
  std::unique_ptr<SqliteStateStore> state =
      *SqliteStateStore::Open(dir / "state", {.now = [this] { return now; }});
  ToolRecords records{*state};
  ToolRecord record;
};

TEST_F(ToolRecordLifeTest, IsLoadedWithItsResults) {
  ASSERT_TRUE(Await(records.Save("x", record, {{1, "0result"}})));
  const auto loaded = Await(records.Load("x"));
  ASSERT_TRUE(loaded && *loaded);
  EXPECT_EQ((*loaded)->owner, "somebody");
  const auto results = Await(records.Results("x", **loaded));
  ASSERT_TRUE(results);
  EXPECT_EQ(*results, (ToolResults{{1, "0result"}}));
}

TEST_F(ToolRecordLifeTest, KeepsNoResultsOfWhatHasEnded) {
  ASSERT_TRUE(Await(records.Save("x", record, {{1, std::string(1'000'000, 'r')}})));
  record.ended = true;
  ASSERT_TRUE(Await(records.Save("x", record)));
  now += std::chrono::milliseconds(1);
  const auto results = Await(records.Results("x", record));
  ASSERT_FALSE(results);
  EXPECT_EQ(results.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Await(state->keys("", "", 100)).value(), std::vector<std::string>{"tools:x"});
}

}  // namespace
}  // namespace codeapi
