// A thin RAII layer over SQLite's C interface: what a state file needs and no more.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace codeapi {

/// One connection. Not thread-safe. Every error names the file; damage and foreign files are kInvalid,
/// everything an operator can mend (full, busy, unreadable) kUnavailable, the rest kInternal.
class SqliteDb {
 public:
  /// Opens or creates the file (mode 0600).
  static Result<SqliteDb> Open(const std::string& path, int busy_timeout_ms);

  /// Runs one or more statements and drops their rows.
  Result<void> exec(const char* sql);

  /// The first column of the first row, as an integer or as text; nothing without a row.
  Result<std::optional<std::int64_t>> integer(const char* sql);
  Result<std::optional<std::string>> text(const char* sql);

  /// Whether a transaction is open. SQLite ends one by itself after some errors.
  bool inTransaction() const;

  /// How many rows the last INSERT, UPDATE or DELETE changed.
  int changes() const;

  /// An error for what the last call left behind.
  Error error(std::string_view what) const;

  sqlite3* handle() const { return db_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  explicit SqliteDb(sqlite3* db) : db_(db) {}
  std::unique_ptr<sqlite3, Close> db_;
};

/// A prepared statement, used again and again. Belongs to one connection, which must outlive it. Blobs are
/// bound without a copy: they must stay until reset().
class SqliteStatement {
 public:
  static Result<SqliteStatement> Prepare(const SqliteDb& db, const char* sql);

  SqliteStatement& bind(int index, std::string_view blob);
  SqliteStatement& bind(int index, std::optional<std::int64_t> number);

  /// Runs to the next row; whether there is one. Without one, or after an error, the statement is reset.
  Result<bool> step();

  /// Runs to the end, dropping rows.
  Result<void> run();

  /// A column of the current row.
  std::string blob(int column) const;
  std::int64_t integer(int column) const;

  /// Makes it ready for new values.
  void reset();

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit SqliteStatement(sqlite3_stmt* statement) : statement_(statement) {}
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

}  // namespace codeapi
