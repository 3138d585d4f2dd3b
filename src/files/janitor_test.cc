#include "files/janitor.h"

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "auth/ownership.h"
#include "store/sqlite_state_store.h"
#include "worker/testing.h"

namespace codeapi::testing {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

class JanitorTest : public ::testing::Test {
 protected:
  Result<std::size_t> Sweep() {
    return Await(
        [](Janitor& j) -> awaitable<Result<std::size_t>> { co_return co_await j.Sweep(); }(janitor_));
  }
  ObjectKey Store(const std::string& session) {
    return Await(StoreObject(*objects_, session, "a.txt", "content"));
  }
  void Own(const std::string& session, StateTtl ttl) {
    ASSERT_TRUE(Await(state_->put(OwnerKey(session), "local:user:me", ttl)));
  }
  bool Exists(const ObjectKey& key) { return Await(objects_->stat(key)).has_value(); }

  TempDir dir_;
  asio::io_context io_;
  RecordingLog log_;
  std::chrono::system_clock::duration later_{};
  std::function<std::chrono::system_clock::time_point()> now_ = [this] {
    return std::chrono::system_clock::now() + later_;
  };
  std::unique_ptr<SqliteStateStore> state_ = *SqliteStateStore::Open(dir_ / "state.sqlite", {.now = now_});
  std::unique_ptr<DirectoryObjectStore> objects_ = *DirectoryObjectStore::Open(dir_ / "files");
  std::jthread runner_{[this] {
    const auto work = asio::make_work_guard(io_);
    io_.run();
  }};
  Janitor janitor_{io_.get_executor(),
                   *objects_,
                   *state_,
                   log_,
                   {.file_ttl = hours(24), .grace = minutes(10), .interval = hours(1), .now = now_}};
  struct StopAtEnd {
    asio::io_context& io;
    ~StopAtEnd() { io.stop(); }
  } stop_{io_};
};

TEST_F(JanitorTest, FilesGoOnceTheirOwnerHasExpiredAndNotBefore) {
  const std::string session = NewId();
  const ObjectKey first = Store(session), second = Store(session);
  Own(session, hours(24));
  EXPECT_EQ(*Sweep(), 0u);
  later_ = hours(24) - minutes(1);
  EXPECT_EQ(*Sweep(), 0u);
  later_ = hours(24) + minutes(9);  // no owner any more, but within the grace
  EXPECT_EQ(*Sweep(), 0u);
  EXPECT_TRUE(Exists(first) && Exists(second));
  later_ = hours(24) + minutes(11);
  EXPECT_EQ(*Sweep(), 2u);
  EXPECT_FALSE(Exists(first) || Exists(second));
  EXPECT_TRUE(Await(objects_->sessions("", 10))->empty());
}

TEST_F(JanitorTest, AnOwnerThatIsRememberedLongerKeepsItsFiles) {
  const std::string session = NewId();
  const ObjectKey key = Store(session);
  Own(session, hours(24 * 90));
  later_ = hours(24 * 89);
  EXPECT_EQ(*Sweep(), 0u);
  EXPECT_TRUE(Exists(key));
}

TEST_F(JanitorTest, OrphansGoAndFreshFilesWithoutAnOwnerStay) {
  const ObjectKey orphan = Store(NewId());
  EXPECT_EQ(*Sweep(), 0u);
  EXPECT_TRUE(Exists(orphan));
  later_ = hours(25);
  EXPECT_EQ(*Sweep(), 1u);
  EXPECT_FALSE(Exists(orphan));
}

TEST_F(JanitorTest, MoreSessionsThanAPageHolds) {
  for (int i = 0; i < 1005; ++i) Store(NewId());
  later_ = hours(25);
  EXPECT_EQ(*Sweep(), 1005u);
}

// What cannot be asked must not count as an answer.
TEST_F(JanitorTest, NothingIsRemovedWhileTheStateStoreIsAway) {
  const ObjectKey key = Store(NewId());
  later_ = hours(25);
  FaultyStore faulty(*objects_);
  AwayState away;
  Janitor blind(io_.get_executor(), faulty, away, log_, {.file_ttl = hours(24), .now = now_});
  const auto swept =
      Await([](Janitor& j) -> awaitable<Result<std::size_t>> { co_return co_await j.Sweep(); }(blind));
  EXPECT_EQ(CodeOf(swept), ErrorCode::kUnavailable);
  EXPECT_TRUE(Exists(key));
}

// Tells when a sweep has removed something.
class SweepLog final : public Log {
 public:
  void Write(Severity, std::string_view event, std::initializer_list<LogField>) override {
    if (event == "expired files removed") swept.set_value();
  }
  std::promise<void> swept;
};

TEST_F(JanitorTest, SweepsByItselfAndStops) {
  const ObjectKey key = Store(NewId());
  later_ = hours(25);
  SweepLog log;
  Janitor janitor(io_.get_executor(), *objects_, *state_, log, {.file_ttl = hours(24), .now = now_});
  janitor.Start();
  ASSERT_EQ(log.swept.get_future().wait_for(minutes(1)), std::future_status::ready);
  EXPECT_FALSE(Exists(key));
  Await([](Janitor& j) -> awaitable<int> {
    co_await j.Stop();
    co_return 0;
  }(janitor));
}

}  // namespace
}  // namespace codeapi::testing
