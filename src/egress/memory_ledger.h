// A ledger within one process, which forgets everything when it ends.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "egress/ledger.h"

namespace codeapi {

/// For one gateway alone that nobody starts anew while executions are about: after a restart an execution
/// could be admitted a second time.
class MemoryLedger final : public Ledger {
 public:
  Awaitable<Allowed<void>> Admit(LedgerEntry entry, LedgerBudgets budgets, Millis keep,
                                 Millis lease) override;
  Awaitable<Allowed<void>> Renew(LedgerEntry entry, Millis lease) override;
  Awaitable<Allowed<void>> End(LedgerEntry entry, GrantEnd end) override;
  Awaitable<Allowed<void>> Request(LedgerEntry entry) override;
  Awaitable<Allowed<void>> BeginUpload(LedgerEntry entry, std::string file, std::uint64_t bytes) override;
  Awaitable<Allowed<void>> EndUpload(LedgerEntry entry, std::string file, std::uint64_t begun,
                                     std::uint64_t stored) override;
  Awaitable<Allowed<void>> UndoUpload(LedgerEntry entry, std::string file, std::uint64_t begun) override;
  Awaitable<Allowed<void>> RequestOwnFile(LedgerEntry entry, std::string file) override;
  Awaitable<Allowed<void>> CallsUpTo(LedgerEntry entry, std::uint32_t number) override;
  Awaitable<Allowed<void>> OneMoreCall(LedgerEntry entry) override;
  Awaitable<Allowed<void>> Check() override;

  /// Rounds that are remembered, for tests and metrics.
  std::size_t size();

 private:
  using Clock = std::chrono::steady_clock;
  using Round = std::pair<std::string, std::uint32_t>;
  struct Record {
    std::string grant_id;
    enum class Status { kActive, kReleased, kFinished } status = Status::kActive;
    LedgerBudgets budgets;
    std::uint32_t requests = 0;
    std::uint64_t bytes = 0;
    std::set<std::string> files;
    Clock::time_point lease, expiry;
  };
  struct Calls {
    std::uint32_t made = 0;
    Clock::time_point expiry;
  };

  // All with the mutex held.
  void Forget(Clock::time_point now);
  Allowed<Record*> Find(const LedgerEntry& entry);
  Allowed<Record*> Active(const LedgerEntry& entry);
  Allowed<Record*> Counted(const LedgerEntry& entry);
  Allowed<void> MakeCalls(const LedgerEntry& entry, std::uint32_t number, bool more);

  std::mutex mutex_;
  std::map<Round, Record> records_;
  std::map<std::string, Calls> calls_;                // by execution
  std::multimap<Clock::time_point, Round> expiries_;  // of records as they were made
};

}  // namespace codeapi
