#include "egress/memory_ledger.h"

#include <algorithm>

namespace codeapi {

void MemoryLedger::Forget(Clock::time_point now) {
  while (!expiries_.empty() && expiries_.begin()->first <= now) {
    const Round round = expiries_.begin()->second;
    expiries_.erase(expiries_.begin());
    const auto record = records_.find(round);
    if (record != records_.end() && record->second.expiry <= now) records_.erase(record);
    const auto calls = calls_.find(round.first);
    if (calls != calls_.end() && calls->second.expiry <= now) calls_.erase(calls);
  }
}

Allowed<MemoryLedger::Record*> MemoryLedger::Find(const LedgerEntry& entry) {
  Forget(Clock::now());
  const auto found = records_.find({entry.exec_id, entry.round});
  if (found == records_.end()) return Refuse(kNoRecord);
  if (found->second.grant_id != entry.grant_id) return Refuse(kSuperseded);
  return &found->second;
}

Allowed<MemoryLedger::Record*> MemoryLedger::Active(const LedgerEntry& entry) {
  auto record = Find(entry);
  if (record && (*record)->status != Record::Status::kActive) return Refuse(kRevoked);
  return record;
}

Allowed<MemoryLedger::Record*> MemoryLedger::Counted(const LedgerEntry& entry) {
  auto record = Active(entry);
  if (!record) return record;
  if ((*record)->requests >= (*record)->budgets.requests) return Refuse(kNoRequestsLeft);
  ++(*record)->requests;
  return record;
}

Ledger::Awaitable<Allowed<void>> MemoryLedger::Admit(LedgerEntry entry, LedgerBudgets budgets, Millis keep,
                                                     Millis lease) {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  Forget(now);
  const Round round{entry.exec_id, entry.round};
  if (const auto found = records_.find(round); found != records_.end()) {
    if (found->second.status == Record::Status::kFinished) co_return Refuse(kFinished);
    if (found->second.status == Record::Status::kActive && found->second.lease > now)
      co_return Refuse(kLeased);
  }
  const auto expiry = now + keep;
  records_.insert_or_assign(round, Record{.grant_id = std::move(entry.grant_id),
                                          .status = Record::Status::kActive,
                                          .budgets = budgets,
                                          .files = {},
                                          .lease = now + lease,
                                          .expiry = expiry});
  Calls& calls = calls_[entry.exec_id];
  calls.expiry = std::max(calls.expiry, expiry);
  expiries_.emplace(expiry, round);
  co_return Allowed<void>();
}

Ledger::Awaitable<Allowed<void>> MemoryLedger::Renew(LedgerEntry entry, Millis lease) {
  const std::lock_guard lock(mutex_);
  auto record = Active(entry);
  if (!record) co_return Refuse(record.error());
  (*record)->lease = Clock::now() + lease;
  co_return Allowed<void>();
}

Ledger::Awaitable<Allowed<void>> MemoryLedger::End(LedgerEntry entry, GrantEnd end) {
  const std::lock_guard lock(mutex_);
  auto record = Find(entry);
  if (!record) co_return Refuse(record.error());
  if ((*record)->status != Record::Status::kFinished) {
    (*record)->status = end == GrantEnd::kFinished ? Record::Status::kFinished : Record::Status::kReleased;
  }
  co_return Allowed<void>();
}

Ledger::Awaitable<Allowed<void>> MemoryLedger::Request(LedgerEntry entry) {
  const std::lock_guard lock(mutex_);
  auto record = Counted(entry);
  if (!record) co_return Refuse(record.error());
  co_return Allowed<void>();
}

Ledger::Awaitable<Allowed<void>> MemoryLedger::BeginUpload(LedgerEntry entry, std::string file,
                                                           std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  auto record = Counted(entry);
  if (!record) co_return Refuse(record.error());
  if (bytes > (*record)->budgets.file_bytes) co_return Refuse(kTooLarge);
  if ((*record)->files.contains(file)) co_return Refuse(kFileIdUsed);
  if ((*record)->files.size() >= (*record)->budgets.files) co_return Refuse(kNoFilesLeft);
  (*record)->files.insert(std::move(file));
  (*record)->bytes += bytes;
  co_return Allowed<void>();
}

Ledger::Awaitable<Allowed<void>> MemoryLedger::EndUpload(LedgerEntry entry, std::string file,
                                                         std::uint64_t begun, std::uint64_t stored) {
  const std::lock_guard lock(mutex_);
  auto record = Active(entry);
  if (!record) co_return Refuse(record.error());
  if ((*record)->files.contains(file)) (*record)->bytes += stored - begun;
  co_return Allowed<void>();
}

Ledger::Awaitable<Allowed<void>> MemoryLedger::UndoUpload(LedgerEntry entry, std::string file,
                                                          std::uint64_t begun) {
  const std::lock_guard lock(mutex_);
  auto record = Active(entry);
  if (!record) co_return Refuse(record.error());
  if ((*record)->files.erase(file) > 0) (*record)->bytes -= begun;
  co_return Allowed<void>();
}

Ledger::Awaitable<Allowed<void>> MemoryLedger::RequestOwnFile(LedgerEntry entry, std::string file) {
  const std::lock_guard lock(mutex_);
  auto record = Counted(entry);
  if (!record) co_return Refuse(record.error());
  if (!(*record)->files.contains(file)) co_return Refuse(kNotOwnFile);
  co_return Allowed<void>();
}

Allowed<void> MemoryLedger::MakeCalls(const LedgerEntry& entry, std::uint32_t number, bool more) {
  auto record = Counted(entry);
  if (!record) return Refuse(record.error());
  Calls& calls = calls_[entry.exec_id];
  const std::uint64_t reached = more ? std::uint64_t{calls.made} + number : number;
  if (reached > (*record)->budgets.tool_calls) return Refuse(kNoCallsLeft);
  calls.made = std::max(calls.made, static_cast<std::uint32_t>(reached));
  return {};
}

Ledger::Awaitable<Allowed<void>> MemoryLedger::CallsUpTo(LedgerEntry entry, std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  co_return MakeCalls(entry, number, false);
}

Ledger::Awaitable<Allowed<void>> MemoryLedger::OneMoreCall(LedgerEntry entry) {
  const std::lock_guard lock(mutex_);
  co_return MakeCalls(entry, 1, true);
}

Ledger::Awaitable<Allowed<void>> MemoryLedger::Check() {
  co_return Allowed<void>();
}

std::size_t MemoryLedger::size() {
  const std::lock_guard lock(mutex_);
  Forget(Clock::now());
  return records_.size();
}

}  // namespace codeapi
