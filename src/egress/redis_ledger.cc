// Three keys for each execution, in one slot:
//
//   <prefix>{<execution>}:<round>         hash: the account of a round. grant, status a(ctive),
//   r(eleased) or
//                                                f(inished), the budgets, what was used, and `f:<id>` for
//                                                each file
//   <prefix>{<execution>}:<round>:lease   the grant that has the lease; its end is the lease's
//   <prefix>{<execution>}:calls           how many tools the execution has called
//
// One script makes every step, so that none is seen or left half-way. Times are ends of keys, kept by Redis
// itself: gateways need not agree on what time it is.
#include "egress/redis_ledger.h"

#include <array>
#include <string_view>
#include <utility>

namespace codeapi {
namespace {

constexpr std::string_view kScript = R"lua(
local record, lease, calls = KEYS[1], KEYS[2], KEYS[3]
local step, grant = ARGV[1], ARGV[2]

if step == 'admit' then
  if redis.call('HGET', record, 'status') == 'f' then return 'finished' end
  if redis.call('EXISTS', lease) == 1 then return 'leased' end
  redis.call('DEL', record)
  redis.call('HSET', record, 'grant', grant, 'status', 'a', 'requests_left', ARGV[5], 'files_left', ARGV[6],
             'file_bytes', ARGV[7], 'calls', ARGV[8], 'bytes', 0)
  redis.call('PEXPIRE', record, ARGV[3])
  redis.call('SET', lease, grant, 'PX', ARGV[4])
  return 'ok'
end

local known = redis.call('HMGET', record, 'grant', 'status', 'requests_left')
if not known[1] then return 'no_record' end
if known[1] ~= grant then return 'superseded' end

if step == 'end' then
  if known[2] ~= 'f' then redis.call('HSET', record, 'status', ARGV[3]) end
  redis.call('DEL', lease)
  return 'ok'
end

if known[2] ~= 'a' then return 'revoked' end

if step == 'renew' then
  redis.call('SET', lease, grant, 'PX', ARGV[3])
  return 'ok'
end
if step == 'stored' then
  if redis.call('HEXISTS', record, 'f:' .. ARGV[3]) == 1 then redis.call('HINCRBY', record, 'bytes', ARGV[4]) end
  return 'ok'
end
if step == 'undo' then
  if redis.call('HDEL', record, 'f:' .. ARGV[3]) == 1 then
    redis.call('HINCRBY', record, 'files_left', 1)
    redis.call('HINCRBY', record, 'bytes', string.format('%d', -tonumber(ARGV[4])))
  end
  return 'ok'
end

if tonumber(known[3]) <= 0 then return 'request_budget' end
redis.call('HINCRBY', record, 'requests_left', -1)

if step == 'request' then return 'ok' end
if step == 'own' then return redis.call('HEXISTS', record, 'f:' .. ARGV[3]) == 1 and 'ok' or 'not_own' end
if step == 'upload' then
  local left = redis.call('HMGET', record, 'files_left', 'file_bytes')
  if tonumber(ARGV[4]) > tonumber(left[2]) then return 'file_bytes' end
  if redis.call('HEXISTS', record, 'f:' .. ARGV[3]) == 1 then return 'file_id_used' end
  if tonumber(left[1]) <= 0 then return 'file_budget' end
  redis.call('HINCRBY', record, 'files_left', -1)
  redis.call('HINCRBY', record, 'bytes', ARGV[4])
  redis.call('HSET', record, 'f:' .. ARGV[3], 1)
  return 'ok'
end
if step == 'calls' or step == 'call' then
  local made = tonumber(redis.call('GET', calls) or '0')
  local reached = step == 'call' and made + 1 or tonumber(ARGV[3])
  if reached > tonumber(redis.call('HGET', record, 'calls')) then return 'tool_call_budget' end
  if reached > made then
    -- As long as the longest account of the execution.
    local keep = math.max(redis.call('PTTL', calls), redis.call('PTTL', record), 1000)
    redis.call('SET', calls, reached, 'PX', keep)
  end
  return 'ok'
end
return redis.error_reply('unknown step')
)lua";

constexpr std::array<std::pair<std::string_view, const Refusal*>, 11> kRefusals{
    {{"finished", &kFinished},
     {"leased", &kLeased},
     {"no_record", &kNoRecord},
     {"superseded", &kSuperseded},
     {"revoked", &kRevoked},
     {"request_budget", &kNoRequestsLeft},
     {"not_own", &kNotOwnFile},
     {"file_bytes", &kTooLarge},
     {"file_id_used", &kFileIdUsed},
     {"file_budget", &kNoFilesLeft},
     {"tool_call_budget", &kNoCallsLeft}}};

}  // namespace

RedisLedger::RedisLedger(std::unique_ptr<RedisClient> client, std::string prefix)
    : script_(std::string(kScript)), prefix_(std::move(prefix)), client_(std::move(client)) {}

Result<std::unique_ptr<RedisLedger>> RedisLedger::Make(const boost::asio::any_io_executor& executor,
                                                       RedisOptions options, std::string prefix) {
  if (options.client_name.empty()) options.client_name = "codeapi-egress";
  auto client = RedisClient::Make(executor, std::move(options));
  if (!client) return std::unexpected(client.error());
  return std::unique_ptr<RedisLedger>(new RedisLedger(std::move(*client), std::move(prefix)));
}

Ledger::Awaitable<Allowed<void>> RedisLedger::Do(const char* step, LedgerEntry entry,
                                                 std::vector<std::string> more) {
  const std::string execution = prefix_ + "{" + entry.exec_id + "}:";
  const std::string record = execution + std::to_string(entry.round);
  std::vector<std::string> keys{record, record + ":lease", execution + "calls"};
  more.insert(more.begin(), {step, std::move(entry.grant_id)});
  const auto reply = co_await client_->Eval(script_, std::move(keys), std::move(more));
  if (!reply) co_return Refuse(kLedgerAway);
  if (reply->text == "ok") co_return Allowed<void>();
  for (const auto& [word, refusal] : kRefusals) {
    if (reply->text == word) co_return Refuse(*refusal);
  }
  co_return Refuse(kLedgerAway);
}

Ledger::Awaitable<Allowed<void>> RedisLedger::Admit(LedgerEntry entry, LedgerBudgets budgets, Millis keep,
                                                    Millis lease) {
  return Do("admit", std::move(entry),
            {std::to_string(keep.count()), std::to_string(lease.count()), std::to_string(budgets.requests),
             std::to_string(budgets.files), std::to_string(budgets.file_bytes),
             std::to_string(budgets.tool_calls)});
}

Ledger::Awaitable<Allowed<void>> RedisLedger::Renew(LedgerEntry entry, Millis lease) {
  return Do("renew", std::move(entry), {std::to_string(lease.count())});
}

Ledger::Awaitable<Allowed<void>> RedisLedger::End(LedgerEntry entry, GrantEnd end) {
  return Do("end", std::move(entry), {end == GrantEnd::kFinished ? "f" : "r"});
}

Ledger::Awaitable<Allowed<void>> RedisLedger::Request(LedgerEntry entry) {
  return Do("request", std::move(entry), {});
}

Ledger::Awaitable<Allowed<void>> RedisLedger::BeginUpload(LedgerEntry entry, std::string file,
                                                          std::uint64_t bytes) {
  return Do("upload", std::move(entry), {std::move(file), std::to_string(bytes)});
}

Ledger::Awaitable<Allowed<void>> RedisLedger::EndUpload(LedgerEntry entry, std::string file,
                                                        std::uint64_t begun, std::uint64_t stored) {
  const auto change = static_cast<std::int64_t>(stored) - static_cast<std::int64_t>(begun);
  return Do("stored", std::move(entry), {std::move(file), std::to_string(change)});
}

Ledger::Awaitable<Allowed<void>> RedisLedger::UndoUpload(LedgerEntry entry, std::string file,
                                                         std::uint64_t begun) {
  return Do("undo", std::move(entry), {std::move(file), std::to_string(begun)});
}

Ledger::Awaitable<Allowed<void>> RedisLedger::RequestOwnFile(LedgerEntry entry, std::string file) {
  return Do("own", std::move(entry), {std::move(file)});
}

Ledger::Awaitable<Allowed<void>> RedisLedger::CallsUpTo(LedgerEntry entry, std::uint32_t number) {
  return Do("calls", std::move(entry), {std::to_string(number)});
}

Ledger::Awaitable<Allowed<void>> RedisLedger::OneMoreCall(LedgerEntry entry) {
  return Do("call", std::move(entry), {});
}

// A script like every other step, so that a user who may not run scripts is noticed. No id has this shape.
Ledger::Awaitable<Allowed<void>> RedisLedger::Check() {
  auto answer = co_await Do("renew", {"probe", 1, "probe"}, {"1"});
  if (!answer && answer.error() == kNoRecord) co_return Allowed<void>();
  co_return answer;
}

}  // namespace codeapi
