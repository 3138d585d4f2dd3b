// What is known of an execution with tools between its rounds: who owns it, what it runs, every call it has
// made and every result, so that it can be continued anywhere and run again where its worker is lost.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "manifest/text_seal.h"
#include "store/state_store.h"

namespace codeapi {

/// How long an execution is remembered after its last round.
inline constexpr auto kToolRecordTtl = std::chrono::seconds(600);
/// How long its results are kept, and so how long it can go on in all.
inline constexpr auto kToolExecutionTtl = std::chrono::hours(2);
/// Bytes of an encoded record, without results.
inline constexpr std::size_t kMaxToolRecord = 10'000'000;

/// A call that was told to the client.
struct RecordedCall {
  std::uint32_t number = 0;
  std::uint32_t tool = 0;  ///< index in the list
  std::string input;       ///< compact JSON
  std::string digest;      ///< hex SHA-256 of its result; empty: not answered yet
};

struct ToolRecord {
  std::string owner;    ///< opaque text of the principal that may go on with it
  std::string request;  ///< opaque: what is run
  std::string tools;    ///< opaque: the list
  std::string taker;    ///< of the queue: who keeps the program
  std::string answer;   ///< body of the last round's answer; empty while a round is under way
  bool ended = false;
  std::vector<RecordedCall> calls;  ///< in the order of their numbers
  std::uint64_t result_bytes = 0;   ///< of all results together
  std::uint32_t round = 0;          ///< the last that a job was made for

  /// The call of this number; nullptr: it was not told.
  auto* Find(this auto& self, std::uint32_t number) {
    const auto found = std::ranges::find(self.calls, number, &RecordedCall::number);
    return found == self.calls.end() ? nullptr : &*found;
  }

  std::string Encode() const;
  /// kInternal for what Encode() did not write.
  static Result<ToolRecord> Decode(std::string_view text);
};

/// Results to be kept: number of the call, and an opaque text.
using ToolResults = std::vector<std::pair<std::uint32_t, std::string>>;

/// Records in a StateStore, by the execution's id. Thread-safe as the store is, which must outlive it. Errors
/// are the store's.
class ToolRecords {
 public:
  /// With a seal, what others have written into the store is kForbidden. It must outlive this.
  explicit ToolRecords(StateStore& state, const TextSeal* seal = nullptr) : state_(state), seal_(seal) {}

  /// Nothing when the execution is not known, or no longer.
  boost::asio::awaitable<Result<std::optional<ToolRecord>>> Load(std::string execution);

  /// Writes the record and new results at once, and makes them live on; those of a record that has ended are
  /// removed. kTooLarge over kMaxToolRecord; the
  /// message says how much it is.
  boost::asio::awaitable<Result<void>> Save(std::string execution, const ToolRecord& record,
                                            ToolResults results = {});

  /// The results of all answered calls of the record. kNotFound when one has gone.
  boost::asio::awaitable<Result<ToolResults>> Results(std::string execution, const ToolRecord& record);

  /// Removes the record. Results that are left expire.
  boost::asio::awaitable<void> Remove(std::string execution);

 private:
  std::string Seal(const std::string& key, std::string text) const;
  Result<std::string> Open(const std::string& key, std::string text) const;

  StateStore& state_;
  const TextSeal* seal_;
};

/// A name in the store that one request at a time may hold. It goes by itself some seconds after the process
/// that holds it has died.
class StateLock {
 public:
  /// `value` can be read by others, and tells this holder from the next.
  StateLock(StateStore& state, std::string key, std::string value);

  /// Whether it was free. The store's errors.
  boost::asio::awaitable<Result<bool>> Acquire();
  /// Keeps it until cancelled.
  boost::asio::awaitable<void> Hold();
  /// Does nothing until cancelled.
  static boost::asio::awaitable<void> Idle();
  boost::asio::awaitable<void> Release();

 private:
  StateStore* state_;  // movable
  std::string key_, value_;
};

}  // namespace codeapi
