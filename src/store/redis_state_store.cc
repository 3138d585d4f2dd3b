#include "store/redis_state_store.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include <boost/asio.hpp>

#include "net/redis_client.h"
#include "store/shielded.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using std::chrono::milliseconds;
using Reply = Result<RedisValue>;

// Redis' own pattern language, made harmless.
std::string Literally(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("*?[]\\^").contains(c)) out += '\\';
    out += c;
  }
  return out;
}

std::optional<std::string> ValueOf(RedisValue reply) {
  return reply.nil() ? std::nullopt : std::optional<std::string>(std::move(reply.text));
}

Result<bool> WasOne(const Reply& reply) {
  if (!reply) return std::unexpected(reply.error());
  return reply->integer == 1;
}

std::vector<std::string> SetCommand(std::string key, std::string value, StateTtl ttl) {
  std::vector<std::string> args{"SET", std::move(key), std::move(value)};
  if (ttl) {
    args.emplace_back("PX");
    args.push_back(std::to_string(ttl->count()));
  }
  return args;
}

}  // namespace

struct RedisStateStore::Core {
  std::string values, counters;  // what their keys begin with
  std::unique_ptr<RedisClient> client;

  // KEYS and ARGV of each entry: value, TTL or nothing.
  const RedisScript put_many{R"lua(
for i, key in ipairs(KEYS) do
  local value, ttl = ARGV[2 * i - 1], ARGV[2 * i]
  if ttl == '' then redis.call('SET', key, value) else redis.call('SET', key, value, 'PX', ttl) end
end
return 1
)lua"};

  // The first count opens the window; a counter without an end, which there should not be, gets one.
  const RedisScript count{R"lua(
local n = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if n == 1 or left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
return {n, left}
)lua"};

  // Cancelling the caller does not end a call.
  awaitable<Reply> command(std::vector<std::string> args) {
    return Shielded(client->Command(std::move(args)));
  }
};

RedisStateStore::RedisStateStore(std::unique_ptr<Core> core) : core_(std::move(core)) {}
RedisStateStore::~RedisStateStore() = default;

Result<std::unique_ptr<RedisStateStore>> RedisStateStore::Make(const asio::any_io_executor& executor,
                                                               RedisOptions redis,
                                                               RedisStateStoreOptions options) {
  if (redis.client_name.empty()) redis.client_name = "codeapi-state";
  // A full get_many() is more than is sensible; what exceeds this is refused by the client.
  redis.max_reply_bytes = std::max(redis.max_reply_bytes, 2 * kMaxStateValue);
  auto client = RedisClient::Make(executor, std::move(redis));
  if (!client) return std::unexpected(std::move(client.error()));
  auto core = std::make_unique<Core>();
  core->values = options.prefix + "{state}:v:";
  core->counters = options.prefix + "{state}:n:";
  core->client = std::move(*client);
  return std::unique_ptr<RedisStateStore>(new RedisStateStore(std::move(core)));
}

awaitable<Result<std::optional<std::string>>> RedisStateStore::get(std::string key) {
  if (const auto ok = CheckStateKey(key); !ok) co_return std::unexpected(ok.error());
  Reply reply = co_await core_->command({"GET", core_->values + key});
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  co_return ValueOf(std::move(*reply));
}

awaitable<Result<std::vector<std::optional<std::string>>>> RedisStateStore::get_many(
    std::vector<std::string> keys) {
  if (keys.size() > kMaxStateBatch) co_return Fail(ErrorCode::kInvalid, "too many state keys");
  std::vector<std::string> args{"MGET"};
  for (const std::string& key : keys) {
    if (const auto ok = CheckStateKey(key); !ok) co_return std::unexpected(ok.error());
    args.push_back(core_->values + key);
  }
  std::vector<std::optional<std::string>> values;
  if (keys.empty()) co_return values;
  Reply reply = co_await core_->command(std::move(args));
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  if (reply->elements.size() != keys.size()) co_return Fail(ErrorCode::kInternal, "Redis: unexpected reply");
  for (RedisValue& value : reply->elements) values.push_back(ValueOf(std::move(value)));
  co_return values;
}

awaitable<Result<void>> RedisStateStore::put(std::string key, std::string value, StateTtl ttl) {
  if (const auto ok = CheckStateEntry(key, value, ttl); !ok) co_return std::unexpected(ok.error());
  const Reply reply = co_await core_->command(SetCommand(core_->values + key, std::move(value), ttl));
  if (!reply) co_return std::unexpected(reply.error());
  co_return Result<void>();
}

awaitable<Result<void>> RedisStateStore::put_many(std::vector<StateEntry> entries) {
  if (entries.size() > kMaxStateBatch) co_return Fail(ErrorCode::kInvalid, "too many state entries");
  std::vector<std::string> keys, args;
  for (StateEntry& entry : entries) {
    if (const auto ok = CheckStateEntry(entry.key, entry.value, entry.ttl); !ok)
      co_return std::unexpected(ok.error());
    keys.push_back(core_->values + entry.key);
    args.push_back(std::move(entry.value));
    args.push_back(entry.ttl ? std::to_string(entry.ttl->count()) : "");
  }
  if (keys.empty()) co_return Result<void>();
  const Reply reply =
      co_await Shielded(core_->client->Eval(core_->put_many, std::move(keys), std::move(args)));
  if (!reply) co_return std::unexpected(reply.error());
  co_return Result<void>();
}

awaitable<Result<bool>> RedisStateStore::put_if_absent(std::string key, std::string value, StateTtl ttl) {
  if (const auto ok = CheckStateEntry(key, value, ttl); !ok) co_return std::unexpected(ok.error());
  std::vector<std::string> args = SetCommand(core_->values + key, std::move(value), ttl);
  args.emplace_back("NX");
  const Reply reply = co_await core_->command(std::move(args));
  if (!reply) co_return std::unexpected(reply.error());
  co_return !reply->nil();
}

awaitable<Result<bool>> RedisStateStore::remove(std::string key) {
  if (const auto ok = CheckStateKey(key); !ok) co_return std::unexpected(ok.error());
  co_return WasOne(co_await core_->command({"UNLINK", core_->values + key}));
}

awaitable<Result<bool>> RedisStateStore::touch(std::string key, milliseconds ttl) {
  if (const auto ok = CheckStateEntry(key, "", ttl); !ok) co_return std::unexpected(ok.error());
  co_return WasOne(co_await core_->command({"PEXPIRE", core_->values + key, std::to_string(ttl.count())}));
}

awaitable<Result<std::vector<std::string>>> RedisStateStore::keys(std::string prefix, std::string after,
                                                                  std::size_t limit) {
  if (limit < 1 || limit > kMaxStateBatch)
    co_return Fail(ErrorCode::kInvalid, "the limit of state keys is out of range");
  const std::string pattern = Literally(core_->values + prefix) + "*";
  std::set<std::string> first;  // the smallest so far; SCAN may name a key twice
  std::string cursor = "0";
  do {
    Reply reply = co_await core_->command({"SCAN", cursor, "MATCH", pattern, "COUNT", "1000"});
    if (!reply) co_return std::unexpected(std::move(reply.error()));
    if (reply->elements.size() != 2) co_return Fail(ErrorCode::kInternal, "Redis: unexpected reply");
    cursor = std::move(reply->elements[0].text);
    for (const RedisValue& found : reply->elements[1].elements) {
      std::string key = found.text.substr(std::min(core_->values.size(), found.text.size()));
      if (key <= after && !after.empty()) continue;
      first.insert(std::move(key));
      if (first.size() > limit) first.erase(std::prev(first.end()));
    }
  } while (cursor != "0");
  co_return std::vector<std::string>(first.begin(), first.end());
}

awaitable<Result<Tally>> RedisStateStore::count(std::string key, milliseconds window) {
  if (const auto ok = CheckStateEntry(key, "", window); !ok) co_return std::unexpected(ok.error());
  const Reply reply = co_await Shielded(
      core_->client->Eval(core_->count, {core_->counters + key}, {std::to_string(window.count())}));
  if (!reply) co_return std::unexpected(reply.error());
  if (reply->elements.size() != 2) co_return Fail(ErrorCode::kInternal, "Redis: unexpected reply");
  co_return Tally{.count = reply->elements[0].integer,
                  .left = milliseconds(std::max<std::int64_t>(1, reply->elements[1].integer))};
}

awaitable<Result<void>> RedisStateStore::check() {
  const Reply reply = co_await core_->command({"PING"});
  if (!reply) co_return std::unexpected(reply.error());
  co_return Result<void>();
}

}  // namespace codeapi
