// The ledger that gateways share, in Redis.
#pragma once

#include <memory>

#include <boost/asio/any_io_executor.hpp>

#include "egress/ledger.h"
#include "net/redis_client.h"

namespace codeapi {

/// Keys begin with a prefix of their own, and every one has a time to live. The user that Redis knows us as
/// needs no more than these keys and the commands that docs/operations.md names, and nobody else should have
/// them.
class RedisLedger final : public Ledger {
 public:
  /// Does not wait for Redis. kInvalid as RedisClient::Make() has it.
  static Result<std::unique_ptr<RedisLedger>> Make(const boost::asio::any_io_executor& executor,
                                                   RedisOptions options, std::string prefix);

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

 private:
  RedisLedger(std::unique_ptr<RedisClient> client, std::string prefix);
  Awaitable<Allowed<void>> Do(const char* step, LedgerEntry entry, std::vector<std::string> more);

  const RedisScript script_;
  const std::string prefix_;
  std::unique_ptr<RedisClient> client_;
};

}  // namespace codeapi
