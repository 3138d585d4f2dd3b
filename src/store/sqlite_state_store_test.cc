#include "store/sqlite_state_store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>

#include "store/sqlite_db.h"
#include "store/state_store_contract.h"
#include "store/testing.h"

namespace codeapi {
namespace testing {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

class SqliteBackend {
 public:
  SqliteBackend() { reopen(); }
  StateStore& store() { return *store_; }
  void advance(milliseconds by) { now_ = now_.load() + by.count(); }
  void reopen() {
    store_.reset();
    SqliteStateStoreOptions options;
    options.now = [this] { return std::chrono::system_clock::time_point(milliseconds(now_)); };
    auto opened = SqliteStateStore::Open(path(), options);
    if (!opened) throw std::runtime_error(opened.error().message);
    store_ = std::move(*opened);
  }
  std::string path() const { return dir_ / "state.db"; }

 private:
  TempDir dir_;
  std::atomic<std::int64_t> now_ = 1'700'000'000'000;
  std::unique_ptr<SqliteStateStore> store_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, StateStoreContract, SqliteBackend);

// How many rows there are, expired ones included, as another connection sees it.
std::int64_t RowsIn(const std::string& path) {
  auto db = SqliteDb::Open(path, 5000);
  return db->integer("SELECT count(*) FROM state")->value_or(-1);
}

TEST(SqliteStateStore, PurgesExpiredRowsInPassing) {
  SqliteBackend backend;
  for (int batch = 0; batch < 2; ++batch) {
    std::vector<StateEntry> entries;
    for (int i = 0; i < 50; ++i) entries.push_back({std::to_string(batch * 50 + i), "x", milliseconds(1000)});
    ASSERT_TRUE(Await(backend.store().put_many(entries)));
  }
  ASSERT_EQ(RowsIn(backend.path()), 100);
  backend.advance(milliseconds(1000));
  ASSERT_TRUE(Await(backend.store().put("new", "x")));
  EXPECT_EQ(RowsIn(backend.path()), 100 - 64 + 1);  // a bounded number at a time
  ASSERT_TRUE(Await(backend.store().put("new", "x")));
  EXPECT_EQ(RowsIn(backend.path()), 1);
}

TEST(SqliteStateStore, WritesWaitForAnotherProcessThatHoldsTheFile) {
  const TempDir dir;
  auto opened = SqliteStateStore::Open(dir / "state.db", {.busy_timeout = std::chrono::minutes(1)});
  ASSERT_TRUE(opened);
  auto other = SqliteDb::Open(dir / "state.db", 0);
  ASSERT_TRUE(other && other->exec("BEGIN IMMEDIATE"));
  asio::io_context context;
  int done = 0;
  for (int i = 0; i < 101; ++i) {
    asio::co_spawn(
        context,
        [&, i]() -> awaitable<void> {
          const auto put = co_await (*opened)->put(std::to_string(i), "x");
          EXPECT_TRUE(put) << put.error().message;
          ++done;
        },
        asio::detached);
  }
  context.poll();  // all are submitted, and none can be answered yet
  EXPECT_EQ(done, 0);
  ASSERT_TRUE(other->exec("COMMIT"));
  context.run();
  EXPECT_EQ(done, 101);
  EXPECT_EQ(RowsIn(dir / "state.db"), 101);
}

TEST(SqliteStateStore, ABusyFileIsUnavailableAndWorksAgainLater) {
  const TempDir dir;
  auto opened = SqliteStateStore::Open(dir / "state.db", {.busy_timeout = milliseconds(0)});
  ASSERT_TRUE(opened);
  ASSERT_TRUE(Await((*opened)->put("a", "1")));
  auto other = SqliteDb::Open(dir / "state.db", 0);
  ASSERT_TRUE(other && other->exec("BEGIN IMMEDIATE"));
  EXPECT_EQ(CodeOf(Await((*opened)->put("a", "2"))), ErrorCode::kUnavailable);
  EXPECT_EQ(Await((*opened)->get("a")), "1");
  EXPECT_TRUE(Await((*opened)->check()));
  ASSERT_TRUE(other->exec("COMMIT"));
  EXPECT_TRUE(Await((*opened)->put("a", "3")));
  EXPECT_EQ(Await((*opened)->get("a")), "3");
}

void ExpectRefused(const std::string& path) {
  const auto opened = SqliteStateStore::Open(path);
  ASSERT_EQ(CodeOf(opened), ErrorCode::kInvalid);
  EXPECT_NE(opened.error().message.find(path), std::string::npos) << opened.error().message;
}

std::string ContentOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(SqliteStateStore, RefusesForeignFilesAndLeavesThemAlone) {
  const TempDir dir;
  std::ofstream(dir / "text") << std::string(5000, 'x');
  ExpectRefused(dir / "text");
  EXPECT_EQ(ContentOf(dir / "text"), std::string(5000, 'x'));
  ASSERT_TRUE(SqliteDb::Open(dir / "other.db", 0)->exec("CREATE TABLE t (a)"));
  const std::string before = ContentOf(dir / "other.db");
  ExpectRefused(dir / "other.db");
  EXPECT_TRUE(ContentOf(dir / "other.db") == before);
  ASSERT_TRUE(SqliteStateStore::Open(dir / "newer.db"));
  ASSERT_TRUE(SqliteDb::Open(dir / "newer.db", 0)->exec("PRAGMA user_version = 2"));
  ExpectRefused(dir / "newer.db");
  EXPECT_EQ(CodeOf(SqliteStateStore::Open(dir / "no/such/dir")), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(SqliteStateStore::Open(dir.path())), ErrorCode::kUnavailable);
}

TEST(SqliteStateStore, RefusesADamagedFile) {
  const TempDir dir;
  const std::string path = dir / "state.db";
  {
    auto opened = SqliteStateStore::Open(path);
    ASSERT_TRUE(opened);
    for (int i = 0; i < 20; ++i)
      ASSERT_TRUE(Await((*opened)->put(std::to_string(i), std::string(3000, 'v'))));
  }
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096);  // the header stays, every page behind it goes
  file << std::string(static_cast<std::size_t>(std::filesystem::file_size(path)) - 4096, '\x55');
  file.close();
  ExpectRefused(path);
}

TEST(SqliteStateStore, KeepsOthersOut) {
  SqliteBackend backend;
  ASSERT_TRUE(Await(backend.store().put("a", "secret")));
  const auto directory = std::filesystem::path(backend.path()).parent_path();
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    struct stat status{};
    ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0077, 0u) << entry.path();
  }
}

// state-writer FILE: writes from eight coroutines for ever and prints each key when its write is
// acknowledged.
int WriteForEver(const std::string& path) {
  auto store = SqliteStateStore::Open(path);
  if (!store) return 3;
  asio::io_context context;
  for (int writer = 0; writer < 8; ++writer) {
    asio::co_spawn(
        context,
        [&, writer]() -> awaitable<void> {
          for (int i = 0;; ++i) {
            const std::string key = std::to_string(writer) + ":" + std::to_string(i);
            if (!co_await (*store)->put(key, key)) std::abort();
            const std::string line = key + "\n";
            if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) std::abort();
          }
        },
        asio::detached);
  }
  context.run();
  return 0;
}

// state-full DIRECTORY: on a disk of 1 MiB that is mounted there.
int FillTheDisk(const std::string& directory) {
  if (!MountSmallDisk(directory, "1m")) return 3;
  auto store = SqliteStateStore::Open(directory + "/state.db");
  if (!store) return 4;
  const std::string value(64 * 1024, 'v');
  int stored = 0;
  for (;; ++stored) {
    const auto put = Await((*store)->put(std::to_string(stored), value));
    if (!put && put.error().code != ErrorCode::kUnavailable) return 5;
    if (!put) break;
  }
  if (stored == 0) return 6;
  std::vector<StateEntry> many{{"small", "x", {}}, {"large", std::string(kMaxStateValue, 'v'), {}}};
  if (CodeOf(Await((*store)->put_many(many))) != ErrorCode::kUnavailable) return 7;
  for (int i = 0; i < stored; ++i) {
    if (Await((*store)->get(std::to_string(i))) != value) return 8;
  }
  return Await((*store)->get("small")) == std::nullopt && Await((*store)->check()) ? 0 : 9;
}

TEST(SqliteStateStoreKilled, EverythingAcknowledgedIsThere) {
  const TempDir dir;
  std::vector<std::string> acknowledged;
  {
    Helper helper({"state-writer", dir / "state.db"});
    while (acknowledged.size() < 200) {
      auto line = helper.line();
      ASSERT_TRUE(line);
      acknowledged.push_back(*line);
    }
    helper.kill();
    while (auto line = helper.line()) acknowledged.push_back(*line);
    ASSERT_EQ(helper.wait(), -SIGKILL);
  }
  auto opened = SqliteStateStore::Open(dir / "state.db");
  ASSERT_TRUE(opened) << opened.error().message;
  for (const std::string& key : acknowledged) EXPECT_EQ(Await((*opened)->get(key)), key);
}

TEST(SqliteStateStoreFullDisk, IsAnErrorAndLosesNothing) {
  const TempDir dir;
  Helper helper({"state-full", dir.path()});
  EXPECT_EQ(helper.wait(), 0);
}

}  // namespace

int RunStateStoreHelper(const std::vector<std::string>& arguments) {
  if (arguments[0] == "state-writer") return WriteForEver(arguments[1]);
  if (arguments[0] == "state-full") return FillTheDisk(arguments[1]);
  return 2;
}

}  // namespace testing
}  // namespace codeapi
