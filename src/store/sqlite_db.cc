#include "store/sqlite_db.h"

#include <fcntl.h>
#include <sqlite3.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/unique_fd.h"

namespace codeapi {
namespace {

ErrorCode CodeOf(int sqlite) {
  switch (sqlite & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::kInvalid;
    case SQLITE_FULL:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_NOMEM:
      return ErrorCode::kUnavailable;
    default:
      return ErrorCode::kInternal;
  }
}

// The connection knows its file: statements need not know where their connection object is.
Error LastError(sqlite3* db, std::string_view what) {
  const char* path = sqlite3_db_filename(db, "main");
  return {CodeOf(sqlite3_errcode(db)), "state file " + std::string(path == nullptr ? "" : path) + ": " +
                                           std::string(what) + ": " + sqlite3_errmsg(db)};
}

}  // namespace

void SqliteDb::Close::operator()(sqlite3* db) const {
  sqlite3_close_v2(db);
}

Result<SqliteDb> SqliteDb::Open(const std::string& path, int busy_timeout_ms) {
  {
    // SQLite would create it for everybody to read; its journals copy the mode of the file.
    const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!file) return FailErrno("open state file " + path, errno, ErrorCode::kUnavailable);
  }
  sqlite3* raw = nullptr;
  const int opened =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  SqliteDb db(raw);
  if (raw == nullptr) return Fail(ErrorCode::kUnavailable, "state file " + path + ": out of memory");
  sqlite3_extended_result_codes(raw, 1);
  if (opened != SQLITE_OK) return std::unexpected(db.error("open"));
  sqlite3_busy_timeout(raw, busy_timeout_ms);
  return db;
}

Error SqliteDb::error(std::string_view what) const {
  return LastError(db_.get(), what);
}

Result<void> SqliteDb::exec(const char* sql) {
  if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    return std::unexpected(error(sql));
  return {};
}

Result<std::optional<std::int64_t>> SqliteDb::integer(const char* sql) {
  auto found = text(sql);
  if (!found) return std::unexpected(std::move(found.error()));
  if (!*found) return std::optional<std::int64_t>();
  return std::optional<std::int64_t>(std::strtoll((*found)->c_str(), nullptr, 10));
}

Result<std::optional<std::string>> SqliteDb::text(const char* sql) {
  auto statement = SqliteStatement::Prepare(*this, sql);
  if (!statement) return std::unexpected(std::move(statement.error()));
  auto row = statement->step();
  if (!row) return std::unexpected(std::move(row.error()));
  if (!*row) return std::optional<std::string>();
  return std::optional<std::string>(statement->blob(0));
}

bool SqliteDb::inTransaction() const {
  return sqlite3_get_autocommit(db_.get()) == 0;
}

int SqliteDb::changes() const {
  return sqlite3_changes(db_.get());
}

void SqliteStatement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Result<SqliteStatement> SqliteStatement::Prepare(const SqliteDb& db, const char* sql) {
  sqlite3_stmt* raw = nullptr;
  const int prepared = sqlite3_prepare_v3(db.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (prepared != SQLITE_OK) return std::unexpected(db.error(sql));
  return SqliteStatement(raw);
}

SqliteStatement& SqliteStatement::bind(int index, std::string_view blob) {
  // A null pointer would bind NULL, and an empty view may have one.
  const char* data = blob.empty() ? "" : blob.data();
  sqlite3_bind_blob64(statement_.get(), index, data, blob.size(), nullptr /* SQLITE_STATIC */);
  return *this;
}

SqliteStatement& SqliteStatement::bind(int index, std::optional<std::int64_t> number) {
  if (number) sqlite3_bind_int64(statement_.get(), index, *number);
  if (!number) sqlite3_bind_null(statement_.get(), index);
  return *this;
}

Result<bool> SqliteStatement::step() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  Error error;
  if (result != SQLITE_DONE) {
    error = LastError(sqlite3_db_handle(statement_.get()), sqlite3_sql(statement_.get()));
  }
  reset();
  if (result != SQLITE_DONE) return std::unexpected(std::move(error));
  return false;
}

Result<void> SqliteStatement::run() {
  for (;;) {
    auto row = step();
    if (!row) return std::unexpected(std::move(row.error()));
    if (!*row) return {};
  }
}

std::string SqliteStatement::blob(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return data == nullptr ? std::string()
                         : std::string(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

std::int64_t SqliteStatement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

void SqliteStatement::reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

}  // namespace codeapi
