// One table; a row's expiry is a wall-clock time in milliseconds since 1970, or NULL. A row past it counts as
// absent in every statement, whether or not it has been purged yet. Each transaction purges a few.
#include "store/sqlite_state_store.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "store/group_commit.h"
#include "store/held_names.h"
#include "store/sqlite_db.h"
#include "store/tallies.h"

namespace codeapi {
namespace {

using boost::asio::awaitable;
using Access = GroupCommit::Access;

// "CAPI": marks the file as ours, also for file(1).
constexpr std::int64_t kApplicationId = 0x43415049;
constexpr std::int64_t kSchemaVersion = 1;
constexpr char kSchema[] = R"(
  BEGIN IMMEDIATE;
  CREATE TABLE state (key BLOB NOT NULL UNIQUE, value BLOB NOT NULL, expires INTEGER);
  CREATE INDEX state_expires ON state (expires) WHERE expires IS NOT NULL;
  PRAGMA application_id = 0x43415049;
  PRAGMA user_version = 1;
  COMMIT;
)";

constexpr char kGet[] = "SELECT value FROM state WHERE key = ?1 AND (expires IS NULL OR expires > ?2)";
constexpr char kPut[] =
    "INSERT INTO state (key, value, expires) VALUES (?1, ?2, ?3) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires";
constexpr char kPutIfAbsent[] =
    "INSERT INTO state (key, value, expires) VALUES (?1, ?2, ?3) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires "
    "WHERE state.expires <= ?4";
constexpr char kRemove[] = "DELETE FROM state WHERE key = ?1 AND (expires IS NULL OR expires > ?2)";
constexpr char kTouch[] =
    "UPDATE state SET expires = ?2 WHERE key = ?1 AND (expires IS NULL OR expires > ?3)";
constexpr char kPurge[] =
    "DELETE FROM state WHERE rowid IN (SELECT rowid FROM state WHERE expires <= ?1 LIMIT 64)";

constexpr char kKeys[] =
    "SELECT key FROM state WHERE key >= ?1 AND key > ?2 AND (expires IS NULL OR expires > ?3) "
    "AND substr(key, 1, length(?1)) = ?1 ORDER BY key LIMIT ?4";

std::unexpected<Error> Pass(Error& error) {
  return std::unexpected(std::move(error));
}

Result<void> CheckFile(SqliteDb& db, const std::string& path) {
  auto tables = db.integer("SELECT count(*) FROM sqlite_schema");
  if (!tables) return Pass(tables.error());
  auto application = db.integer("PRAGMA application_id");
  if (!application) return Pass(application.error());
  auto version = db.integer("PRAGMA user_version");
  if (!version) return Pass(version.error());
  if (**tables == 0 && **application == 0) return db.exec(kSchema);
  if (**application != kApplicationId) {
    return Fail(ErrorCode::kInvalid, "state file " + path + ": this SQLite database is not ours");
  }
  if (**version != kSchemaVersion) {
    return Fail(ErrorCode::kInvalid, "state file " + path + ": it was written by another version of codeapi");
  }
  auto damage = db.text("PRAGMA quick_check(1)");
  if (!damage) return Pass(damage.error());
  if (*damage != "ok") {
    return Fail(ErrorCode::kInvalid, "state file " + path + " is damaged: " + damage->value_or("no answer"));
  }
  return {};
}

Result<SqliteDb> OpenFile(const std::string& path, std::chrono::milliseconds busy_timeout) {
  const auto limit = std::clamp<std::int64_t>(busy_timeout.count(), 0, std::numeric_limits<int>::max());
  auto db = SqliteDb::Open(path, static_cast<int>(limit));
  if (!db) return db;
  // Before anything is written: the file may not be ours to change.
  if (auto checked = CheckFile(*db, path); !checked) return Pass(checked.error());
  auto mode = db->text("PRAGMA journal_mode = WAL");
  if (!mode) return Pass(mode.error());
  if (*mode != "wal") {
    return Fail(ErrorCode::kUnavailable,
                "state file " + path + ": its file system has no shared memory for WAL");
  }
  if (auto set = db->exec("PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864"); !set) {
    return Pass(set.error());
  }
  return db;
}

}  // namespace

// Everything but the group's queue is used on its thread only.
struct SqliteStateStore::Core final : Transactions {
  Core(SqliteDb d, std::vector<SqliteStatement> s, SqliteStateStoreOptions o)
      : options(std::move(o)),
        db(std::move(d)),
        get(std::move(s[0])),
        put(std::move(s[1])),
        put_if_absent(std::move(s[2])),
        remove(std::move(s[3])),
        touch(std::move(s[4])),
        purge(std::move(s[5])),
        list(std::move(s[6])) {}

  static Result<std::unique_ptr<Core>> Make(SqliteDb db, SqliteStateStoreOptions options) {
    std::vector<SqliteStatement> statements;
    for (const char* sql : {kGet, kPut, kPutIfAbsent, kRemove, kTouch, kPurge, kKeys}) {
      auto statement = SqliteStatement::Prepare(db, sql);
      if (!statement) return Pass(statement.error());
      statements.push_back(std::move(*statement));
    }
    return std::make_unique<Core>(std::move(db), std::move(statements), std::move(options));
  }

  Result<void> begin() override {
    if (auto begun = db.exec("BEGIN IMMEDIATE"); !begun) return begun;
    auto purged = purge.bind(1, now()).run();
    if (!purged) static_cast<void>(db.exec("ROLLBACK"));
    return purged;
  }

  Result<void> commit() override {
    auto committed = db.exec("COMMIT");
    if (!committed && db.inTransaction()) static_cast<void>(db.exec("ROLLBACK"));
    return committed;
  }

  bool active() const override { return db.inTransaction(); }

  std::int64_t now() const {
    const auto time = options.now ? options.now() : std::chrono::system_clock::now();
    return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
  }

  std::optional<std::int64_t> expiry(StateTtl ttl) const {
    if (!ttl) return {};
    return now() + ttl->count();
  }

  Result<std::optional<std::string>> doGet(const std::string& key) {
    auto row = get.bind(1, key).bind(2, now()).step();
    if (!row) return Pass(row.error());
    if (!*row) return std::optional<std::string>();
    std::optional<std::string> value = get.blob(0);
    get.reset();
    return value;
  }

  Result<void> doPut(const StateEntry& entry) {
    return put.bind(1, entry.key).bind(2, entry.value).bind(3, expiry(entry.ttl)).run();
  }

  Result<void> doPutMany(const std::vector<StateEntry>& entries) {
    if (auto saved = db.exec("SAVEPOINT entries"); !saved) return saved;
    for (const StateEntry& entry : entries) {
      if (auto done = doPut(entry); !done) {
        if (db.inTransaction()) static_cast<void>(db.exec("ROLLBACK TO entries; RELEASE entries"));
        return done;
      }
    }
    return db.exec("RELEASE entries");
  }

  Result<std::vector<std::string>> doKeys(const std::string& prefix, const std::string& after,
                                          std::size_t limit) {
    std::vector<std::string> found;
    list.bind(1, prefix).bind(2, after).bind(3, now()).bind(4, static_cast<std::int64_t>(limit));
    for (auto row = list.step(); !row || *row; row = list.step()) {
      if (!row) return Pass(row.error());
      found.push_back(list.blob(0));
    }
    list.reset();
    return found;
  }

  // Runs a statement whose values are bound; whether it changed a row.
  Result<bool> changed(SqliteStatement& statement) {
    if (auto done = statement.run(); !done) return Pass(done.error());
    return db.changes() > 0;
  }

  SqliteStateStoreOptions options;
  SqliteDb db;
  SqliteStatement get, put, put_if_absent, remove, touch, purge, list;
  Tallies tallies;
  HeldNames held;

  std::chrono::system_clock::time_point time() const {
    return options.now ? options.now() : std::chrono::system_clock::now();
  }
  GroupCommit group{*this};  // last: its thread uses the rest until it has ended
};

SqliteStateStore::SqliteStateStore(std::unique_ptr<Core> core) : core_(std::move(core)) {}

SqliteStateStore::~SqliteStateStore() = default;

Result<std::unique_ptr<SqliteStateStore>> SqliteStateStore::Open(const std::string& path,
                                                                 SqliteStateStoreOptions options) {
  auto db = OpenFile(path, options.busy_timeout);
  if (!db) return Pass(db.error());
  auto core = Core::Make(std::move(*db), std::move(options));
  if (!core) return Pass(core.error());
  return std::unique_ptr<SqliteStateStore>(new SqliteStateStore(std::move(*core)));
}

awaitable<Result<std::optional<std::string>>> SqliteStateStore::get(std::string key) {
  if (auto checked = CheckStateKey(key); !checked) co_return Pass(checked.error());
  co_return co_await core_->group.run(
      Access::kRead, [core = core_.get(), key = std::move(key)] { return core->doGet(key); });
}

awaitable<Result<std::vector<std::optional<std::string>>>> SqliteStateStore::get_many(
    std::vector<std::string> keys) {
  if (keys.size() > kMaxStateBatch) co_return Fail(ErrorCode::kInvalid, "too many state keys at once");
  for (const std::string& key : keys) {
    if (auto checked = CheckStateKey(key); !checked) co_return Pass(checked.error());
  }
  using Values = std::vector<std::optional<std::string>>;
  co_return co_await core_->group.run(Access::kRead,
                                      [core = core_.get(), keys = std::move(keys)]() -> Result<Values> {
                                        Values values;
                                        values.reserve(keys.size());
                                        for (const std::string& key : keys) {
                                          auto value = core->doGet(key);
                                          if (!value) return Pass(value.error());
                                          values.push_back(std::move(*value));
                                        }
                                        return values;
                                      });
}

awaitable<Result<void>> SqliteStateStore::put(std::string key, std::string value, StateTtl ttl) {
  if (auto checked = CheckStateEntry(key, value, ttl); !checked) co_return Pass(checked.error());
  co_return co_await core_->group.run(
      Access::kWrite, [core = core_.get(), entry = StateEntry{std::move(key), std::move(value), ttl}] {
        return core->doPut(entry);
      });
}

awaitable<Result<void>> SqliteStateStore::put_many(std::vector<StateEntry> entries) {
  if (entries.size() > kMaxStateBatch) co_return Fail(ErrorCode::kInvalid, "too many state keys at once");
  for (const StateEntry& entry : entries) {
    if (auto checked = CheckStateEntry(entry.key, entry.value, entry.ttl); !checked)
      co_return Pass(checked.error());
  }
  co_return co_await core_->group.run(Access::kWrite, [core = core_.get(), entries = std::move(entries)] {
    return core->doPutMany(entries);
  });
}

awaitable<Result<bool>> SqliteStateStore::put_if_absent(std::string key, std::string value, StateTtl ttl) {
  if (auto checked = CheckStateEntry(key, value, ttl); !checked) co_return Pass(checked.error());
  co_return co_await core_->group.run(
      Access::kWrite, [core = core_.get(), key = std::move(key), value = std::move(value), ttl] {
        core->put_if_absent.bind(1, key).bind(2, value).bind(3, core->expiry(ttl)).bind(4, core->now());
        return core->changed(core->put_if_absent);
      });
}

awaitable<Result<bool>> SqliteStateStore::remove(std::string key) {
  if (auto checked = CheckStateKey(key); !checked) co_return Pass(checked.error());
  co_return co_await core_->group.run(Access::kWrite, [core = core_.get(), key = std::move(key)] {
    return core->changed(core->remove.bind(1, key).bind(2, core->now()));
  });
}

awaitable<Result<bool>> SqliteStateStore::touch(std::string key, std::chrono::milliseconds ttl) {
  if (auto checked = CheckStateEntry(key, {}, ttl); !checked) co_return Pass(checked.error());
  co_return co_await core_->group.run(Access::kWrite, [core = core_.get(), key = std::move(key), ttl] {
    return core->changed(core->touch.bind(1, key).bind(2, core->expiry(ttl)).bind(3, core->now()));
  });
}

awaitable<Result<std::vector<std::string>>> SqliteStateStore::keys(std::string prefix, std::string after,
                                                                   std::size_t limit) {
  if (limit < 1 || limit > kMaxStateBatch) co_return Fail(ErrorCode::kInvalid, "bad number of state keys");
  co_return co_await core_->group.run(
      Access::kRead, [core = core_.get(), prefix = std::move(prefix), after = std::move(after), limit] {
        return core->doKeys(prefix, after, limit);
      });
}

awaitable<Result<Tally>> SqliteStateStore::count(std::string key, std::chrono::milliseconds window) {
  if (auto checked = CheckStateEntry(key, {}, window); !checked) co_return Pass(checked.error());
  co_return core_->tallies.Count(key, window, core_->time());
}

awaitable<Result<bool>> SqliteStateStore::hold(std::string key, std::string holder,
                                               std::chrono::milliseconds ttl) {
  if (auto checked = CheckStateEntry(key, holder, ttl); !checked) co_return Pass(checked.error());
  co_return core_->held.Hold(key, holder, ttl, core_->time());
}

awaitable<Result<bool>> SqliteStateStore::release(std::string key, std::string holder) {
  if (auto checked = CheckStateKey(key); !checked) co_return Pass(checked.error());
  co_return core_->held.Release(key, holder, core_->time());
}

awaitable<Result<std::optional<std::string>>> SqliteStateStore::holder(std::string key) {
  if (auto checked = CheckStateKey(key); !checked) co_return Pass(checked.error());
  co_return core_->held.Holder(key, core_->time());
}

awaitable<Result<void>> SqliteStateStore::check() {
  co_return co_await core_->group.run(Access::kRead, [core = core_.get()]() -> Result<void> {
    auto one = core->db.integer("SELECT count(*) FROM sqlite_schema");
    if (!one) return Pass(one.error());
    return {};
  });
}

}  // namespace codeapi
