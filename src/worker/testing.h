// What the tests of this room and of the API share.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio.hpp>
#include <boost/json.hpp>

#include "base/ids.h"
#include "base/log.h"
#include "sandbox/testing.h"
#include "store/directory_object_store.h"
#include "store/state_store.h"
#include "store/testing.h"

namespace codeapi::testing {

namespace json = boost::json;

/// Remembers every event as `event name=value…`.
class RecordingLog final : public Log {
 public:
  void Write(Severity, std::string_view event, std::initializer_list<LogField> fields) override {
    std::string line(event);
    for (const auto& [name, value] : fields) {
      line += " " + std::string(name) + "=";
      if (const auto* text = std::get_if<std::string_view>(&value)) line += *text;
      if (const auto* number = std::get_if<std::int64_t>(&value)) line += std::to_string(*number);
    }
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  /// How many events contain `text`.
  int Count(std::string_view text) const {
    const std::lock_guard lock(mutex_);
    int n = 0;
    for (const std::string& line : lines_) n += line.find(text) != std::string::npos;
    return n;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// A real store in which single steps can be made to fail or to wait.
class FaultyStore final : public ObjectStore {
 public:
  explicit FaultyStore(ObjectStore& real) : real_(real) {}

  /// Steps that fail from now on: any of "open", "read", "create", "write", "commit".
  std::vector<std::string> failing;
  ErrorCode code = ErrorCode::kUnavailable;
  /// How many times the failing steps still work.
  int spare = 0;
  /// What open() waits for, and sets first.
  Event *gate = nullptr, *opening = nullptr;
  int opens = 0;  ///< calls of open()
  /// The same for commit().
  Event *commit_gate = nullptr, *committing = nullptr;

  awaitable<Result<std::unique_ptr<ObjectWriter>>> create(ObjectKey key, ObjectMeta meta) override {
    if (auto failed = Step("create"); !failed) co_return std::unexpected(failed.error());
    auto writer = co_await real_.create(std::move(key), std::move(meta));
    if (!writer) co_return std::unexpected(writer.error());
    co_return std::make_unique<Writer>(*this, std::move(*writer));
  }
  awaitable<Result<std::unique_ptr<ObjectReader>>> open(ObjectKey key) override {
    ++opens;
    if (opening != nullptr) opening->Set();
    if (gate != nullptr) co_await gate->Wait();
    if (auto failed = Step("open"); !failed) co_return std::unexpected(failed.error());
    auto reader = co_await real_.open(std::move(key));
    if (!reader) co_return std::unexpected(reader.error());
    co_return std::make_unique<Reader>(*this, std::move(*reader));
  }
  awaitable<Result<ObjectInfo>> stat(ObjectKey key) override { return real_.stat(std::move(key)); }
  awaitable<Result<std::vector<ObjectInfo>>> list(std::string session) override {
    return real_.list(std::move(session));
  }
  awaitable<Result<std::vector<std::string>>> sessions(std::string after, std::size_t limit) override {
    return real_.sessions(std::move(after), limit);
  }
  awaitable<Result<void>> remove(ObjectKey key) override { return real_.remove(std::move(key)); }
  awaitable<Result<void>> check() override { return real_.check(); }

 private:
  struct Writer final : ObjectWriter {
    Writer(FaultyStore& s, std::unique_ptr<ObjectWriter> r) : store(s), real(std::move(r)) {}
    awaitable<Result<void>> write(std::span<const char> data) override {
      if (auto failed = store.Step("write"); !failed) co_return failed;
      co_return co_await real->write(data);
    }
    awaitable<Result<ObjectInfo>> commit() override {
      if (store.committing != nullptr) store.committing->Set();
      if (store.commit_gate != nullptr) co_await store.commit_gate->Wait();
      if (auto failed = store.Step("commit"); !failed) co_return std::unexpected(failed.error());
      co_return co_await real->commit();
    }
    FaultyStore& store;
    std::unique_ptr<ObjectWriter> real;
  };
  struct Reader final : ObjectReader {
    Reader(FaultyStore& s, std::unique_ptr<ObjectReader> r) : store(s), real(std::move(r)) {}
    const ObjectInfo& info() const override { return real->info(); }
    awaitable<Result<std::size_t>> read(std::span<char> buffer) override {
      if (auto failed = store.Step("read"); !failed) co_return std::unexpected(failed.error());
      co_return co_await real->read(buffer);
    }
    FaultyStore& store;
    std::unique_ptr<ObjectReader> real;
  };

  Result<void> Step(const std::string& step) {
    if (std::ranges::find(failing, step) == failing.end() || spare-- > 0) return {};
    return Fail(code, "a disk said no at /secret/path: " + step);
  }

  ObjectStore& real_;
};

/// A state store that is away.
class AwayState : public StateStore {
 public:
  awaitable<Result<std::optional<std::string>>> get(std::string) override { co_return Away(); }
  awaitable<Result<std::vector<std::optional<std::string>>>> get_many(std::vector<std::string>) override {
    co_return Away();
  }
  awaitable<Result<void>> put(std::string, std::string, StateTtl) override { co_return Away(); }
  awaitable<Result<void>> put_many(std::vector<StateEntry>) override { co_return Away(); }
  awaitable<Result<bool>> put_if_absent(std::string, std::string, StateTtl) override { co_return Away(); }
  awaitable<Result<bool>> remove(std::string) override { co_return Away(); }
  awaitable<Result<bool>> touch(std::string, std::chrono::milliseconds) override { co_return Away(); }
  awaitable<Result<std::vector<std::string>>> keys(std::string, std::string, std::size_t) override {
    co_return Away();
  }
  awaitable<Result<Tally>> count(std::string, std::chrono::milliseconds) override { co_return Away(); }
  awaitable<Result<bool>> hold(std::string, std::string, std::chrono::milliseconds) override {
    co_return Away();
  }
  awaitable<Result<bool>> release(std::string, std::string) override { co_return Away(); }
  awaitable<Result<std::optional<std::string>>> holder(std::string) override { co_return Away(); }
  awaitable<Result<void>> check() override { co_return Away(); }

 private:
  static std::unexpected<Error> Away() {
    return Fail(ErrorCode::kUnavailable, "disk I/O error at /secret/path");
  }
};

/// Stores an object under a fresh id.
inline awaitable<ObjectKey> StoreObject(ObjectStore& objects, std::string session, std::string name,
                                        std::string content, bool read_only = false) {
  const ObjectKey key{std::move(session), NewId()};
  auto writer = co_await objects.create(key, {std::move(name), "text/plain", read_only});
  EXPECT_TRUE(writer);
  EXPECT_TRUE(co_await (*writer)->write(content));
  EXPECT_TRUE(co_await (*writer)->commit());
  co_return key;
}

/// The bytes of an object; nothing when there is none.
inline awaitable<std::optional<std::string>> ReadObject(ObjectStore& objects, ObjectKey key) {
  auto reader = co_await objects.open(std::move(key));
  if (!reader) co_return std::nullopt;
  std::string out, buffer(4096, '\0');
  while (true) {
    auto n = co_await (*reader)->read(buffer);
    EXPECT_TRUE(n);
    if (!n || *n == 0) co_return out;
    out.append(buffer, 0, *n);
  }
}

}  // namespace codeapi::testing
