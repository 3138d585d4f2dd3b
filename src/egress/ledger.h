// What has been asked in the name of each grant, and which rounds of which executions are taken.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "egress/refusal.h"

namespace codeapi {

/// Whose account it is.
struct LedgerEntry {
  std::string exec_id;
  std::uint32_t round = 1;
  std::string grant_id;
};

/// What a grant may do in all.
struct LedgerBudgets {
  std::uint32_t requests = 0;
  std::uint32_t files = 0;       ///< stored
  std::uint64_t file_bytes = 0;  ///< of one file; of all together: so much for each of `files`
  std::uint32_t tool_calls = 0;  ///< of the whole execution
};

enum class GrantEnd {
  kFinished,  ///< the round is over: it is not admitted again
  kReleased,  ///< it was not played to its end: another attempt may be admitted
};

/// One account for each round of each execution. Every call is one step that happens whole or not at all,
/// however many gateways share the ledger. Thread-safe; must outlive its calls. Besides the refusals named,
/// every call may be refused with kLedgerAway, and then nobody knows whether it was counted; all but Admit()
/// with kNoRecord, kSuperseded and, but for End(), kRevoked.
class Ledger {
 public:
  using Millis = std::chrono::milliseconds;
  template <typename T>
  using Awaitable = boost::asio::awaitable<T>;

  virtual ~Ledger() = default;

  /// Opens the account for `keep` and takes the lease of the round. Refused with kLeased while another grant
  /// has the lease, and with kFinished once one has ended as finished. An account whose lease ran out, or was
  /// released, is begun anew, and the grant before it is good for nothing any more.
  virtual Awaitable<Allowed<void>> Admit(LedgerEntry entry, LedgerBudgets budgets, Millis keep,
                                         Millis lease) = 0;

  /// Takes the lease for `lease` from now, also when it has run out and nobody else has taken it.
  virtual Awaitable<Allowed<void>> Renew(LedgerEntry entry, Millis lease) = 0;

  /// Ends the grant and its lease. Once more does nothing; kFinished wins.
  virtual Awaitable<Allowed<void>> End(LedgerEntry entry, GrantEnd end) = 0;

  /// Counts one request. kNoRequestsLeft.
  virtual Awaitable<Allowed<void>> Request(LedgerEntry entry) = 0;

  /// Counts one request and a file of `bytes` that is going to be stored. kTooLarge, kFileIdUsed,
  /// kNoFilesLeft.
  virtual Awaitable<Allowed<void>> BeginUpload(LedgerEntry entry, std::string file, std::uint64_t bytes) = 0;

  /// A file of which BeginUpload() counted `begun` bytes was stored with `stored`.
  virtual Awaitable<Allowed<void>> EndUpload(LedgerEntry entry, std::string file, std::uint64_t begun,
                                             std::uint64_t stored) = 0;

  /// A file was not stored: it, its bytes and its id are given back.
  virtual Awaitable<Allowed<void>> UndoUpload(LedgerEntry entry, std::string file, std::uint64_t begun) = 0;

  /// Counts one request about a file that this grant has stored. kNotOwnFile.
  virtual Awaitable<Allowed<void>> RequestOwnFile(LedgerEntry entry, std::string file) = 0;

  /// Notes that the execution has made calls up to this number, counted from 1 over all of its rounds; calls
  /// that were noted before cost nothing. Counts one request. kNoCallsLeft.
  virtual Awaitable<Allowed<void>> CallsUpTo(LedgerEntry entry, std::uint32_t number) = 0;

  /// Counts one request and one more call. kNoCallsLeft.
  virtual Awaitable<Allowed<void>> OneMoreCall(LedgerEntry entry) = 0;

  /// Whether the ledger can be used now.
  virtual Awaitable<Allowed<void>> Check() = 0;
};

inline constexpr Refusal kLedgerAway{503, "ledger_unavailable", "Egress ledger is unavailable"};
inline constexpr Refusal kNoRecord{403, "no_record", "Egress grant ledger record is missing"};
inline constexpr Refusal kSuperseded{403, "superseded", "Egress grant ledger record does not match token"};
inline constexpr Refusal kRevoked{403, "revoked", "Egress grant has been revoked"};
inline constexpr Refusal kLeased{409, "leased", "Execution is being run by another worker"};
inline constexpr Refusal kFinished{409, "finished", "Execution has ended"};
inline constexpr Refusal kNoRequestsLeft{403, "request_budget", "Egress grant request budget exceeded"};
inline constexpr Refusal kTooLarge{403, "file_bytes", "Upload exceeds per-file egress byte limit"};
inline constexpr Refusal kFileIdUsed{403, "file_id_used",
                                     "Output file id has already been used for this grant"};
inline constexpr Refusal kNoFilesLeft{403, "file_budget", "Output file count budget exceeded"};
inline constexpr Refusal kNotOwnFile{403, "scope_mismatch", "Output file was not stored by this grant"};
inline constexpr Refusal kNoCallsLeft{403, "tool_call_budget", "Tool call budget exceeded"};

}  // namespace codeapi
