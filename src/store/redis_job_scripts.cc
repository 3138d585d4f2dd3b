// Keys, all below one prefix P, which ends in a hash tag so that they share a slot:
//
//   P job:<id>        hash: one job. state is w(aiting), r(unning), d(one), c(ancelled while running), or x:
//   may not
//                     be enqueued any more
//   P wait:<tenant>   list: waiting jobs of one tenant
//   P tenants         list, the ring: tenants that have some; the front is served next
//   P to:<process>    list: waiting jobs directed at one process
//   P waiting         zset: all waiting jobs by when they came
//   P runs:<process>  set: what a process runs
//   P asks:<process>  set: what a process has submitted
//   P leases          zset: processes by when their lease ends
//   P takers          set: processes that jobs may be directed at
//   P idle            zset: processes with somebody who waits for work, by since when
//   P name:<id>        the job that was submitted under this id and has no answer yet
//   P seen, P grace   when anybody was last heard of; until when nobody is taken for dead
//
// Messages go to the channel P in:<process>: `w` there is work, `a <id>` your job has an answer, `c <id>` its
// submitter gave up, `l <id>` you lost it. They only save looking: who may have missed some looks.
//
// Time is Redis' own. Every key has a time to live, far beyond any use, that clears up after faults.
#include "store/redis_job_scripts.h"

#include <string>
#include <string_view>

namespace codeapi {
namespace {

constexpr std::string_view kPrelude = R"lua(
local P = KEYS[1]
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local KEEP, HOUR = 172800000, 3600000

local function keep(key, ms)
  if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, ms + HOUR) end
end

local function tell(process, message) return redis.call('PUBLISH', P .. 'in:' .. process, message) end

-- Wakes one of those who wait for work. Who is not subscribed is gone, or will look when it is back.
local function ring()
  for _ = 1, 100 do
    local idle = redis.call('ZPOPMIN', P .. 'idle')
    if #idle == 0 or tell(idle[1], 'w') > 0 then return end
  end
end

local function alive(process, lease)
  if not redis.call('ZSCORE', P .. 'leases', process) then
    redis.call('ZADD', P .. 'leases', now + lease, process)
    keep(P .. 'leases', KEEP)
  end
end

-- Makes a job wait where everybody takes from.
local function push(id, tenant, front, entered)
  local list, command = P .. 'wait:' .. tenant, front and 'LPUSH' or 'RPUSH'
  local fresh = redis.call('EXISTS', list) == 0
  redis.call(command, list, id)
  keep(list, redis.call('PTTL', P .. 'job:' .. id))
  if fresh then
    redis.call(command, P .. 'tenants', tenant)
    keep(P .. 'tenants', KEEP)
  end
  redis.call('ZADD', P .. 'waiting', entered, id)
  keep(P .. 'waiting', KEEP)
end

local function unlink(id)
  local h = redis.call('HMGET', P .. 'job:' .. id, 'tenant', 'to')
  redis.call('ZREM', P .. 'waiting', id)
  if h[2] and h[2] ~= '' then
    redis.call('LREM', P .. 'to:' .. h[2], 1, id)
  elseif h[1] then
    redis.call('LREM', P .. 'wait:' .. h[1], 1, id)
    if redis.call('EXISTS', P .. 'wait:' .. h[1]) == 0 then redis.call('LREM', P .. 'tenants', 0, h[1]) end
  end
end

-- From now on it cannot be cancelled by the name it was given.
local function unname(id)
  local name = P .. 'name:' .. (redis.call('HGET', P .. 'job:' .. id, 'execution') or '')
  if redis.call('GET', name) == id then redis.call('DEL', name) end
end

-- Leaves the one answer for the submitter.
local function finish(id, code, text)
  local key = P .. 'job:' .. id
  unname(id)
  redis.call('HSET', key, 'state', 'd', 'code', code, 'answer', text)
  redis.call('HDEL', key, 'payload')
  redis.call('PEXPIRE', key, HOUR)
  tell(redis.call('HGET', key, 'from'), 'a ' .. id)
end

-- The submitter no longer cares.
local function cancel(id, from, maybe)
  local key = P .. 'job:' .. id
  local h = redis.call('HMGET', key, 'state', 'by')
  redis.call('SREM', P .. 'asks:' .. from, id)
  if h[1] == 'w' or h[1] == 'r' then unname(id) end
  if not h[1] then
    if maybe then
      redis.call('HSET', key, 'state', 'x')
      redis.call('PEXPIRE', key, 60000)
    end
  elseif h[1] == 'r' then
    redis.call('HSET', key, 'state', 'c')
    redis.call('HDEL', key, 'payload')
    redis.call('PEXPIRE', key, HOUR)
    tell(h[2], 'c ' .. id)
  elseif h[1] == 'w' or h[1] == 'd' then
    if h[1] == 'w' then unlink(id) end
    redis.call('DEL', key)
  end
end

-- What a process that no longer is ran and was directed at becomes everybody's.
local function undirect(process)
  for _, id in ipairs(redis.call('LRANGE', P .. 'to:' .. process, 0, -1)) do
    local key = P .. 'job:' .. id
    local h = redis.call('HMGET', key, 'state', 'tenant', 'entered')
    if h[1] == 'w' then
      redis.call('HSET', key, 'to', '')
      push(id, h[2], false, h[3])
      ring()
    end
  end
  redis.call('DEL', P .. 'to:' .. process)
  redis.call('SREM', P .. 'takers', process)
  redis.call('ZREM', P .. 'idle', process)
end

local function take_over(process, max_attempts)
  redis.call('ZREM', P .. 'leases', process)
  for _, id in ipairs(redis.call('SMEMBERS', P .. 'asks:' .. process)) do
    cancel(id, process, false)
    tell(process, 'a ' .. id)
  end
  undirect(process)
  for _, id in ipairs(redis.call('SMEMBERS', P .. 'runs:' .. process)) do
    local key = P .. 'job:' .. id
    local h = redis.call('HMGET', key, 'state', 'by', 'attempt', 'deadline', 'tenant', 'entered')
    if h[2] == process and h[1] == 'c' then
      redis.call('DEL', key)
    elseif h[2] == process and h[1] == 'r' then
      tell(process, 'l ' .. id)
      if tonumber(h[3]) >= max_attempts then
        finish(id, 'internal', 'worker abandoned the job')
      elseif tonumber(h[4]) <= now then
        finish(id, 'deadline', '')
      else
        redis.call('HSET', key, 'state', 'w', 'by', '', 'to', '')
        push(id, h[5], true, h[6])
        ring()
      end
    end
  end
  redis.call('DEL', P .. 'runs:' .. process, P .. 'asks:' .. process)
end

-- Gives a running job back as if it had not been taken.
local function untake(id, process)
  local key = P .. 'job:' .. id
  local h = redis.call('HMGET', key, 'deadline', 'tenant', 'entered', 'attempt')
  redis.call('SREM', P .. 'runs:' .. process, id)
  if tonumber(h[1]) <= now then return finish(id, 'deadline', '') end
  redis.call('HSET', key, 'state', 'w', 'by', '', 'to', '', 'attempt', tonumber(h[4]) - 1)
  push(id, h[2], true, h[3])
  ring()
end
)lua";

// ARGV: id, process, lease, most that may wait, time left, execution, tenant, process it is directed at,
// trace, payload
constexpr std::string_view kEnqueue = R"lua(
local id, from, lease, left, tenant, to = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[5]), ARGV[7], ARGV[8]
local key = P .. 'job:' .. id
local state = redis.call('HGET', key, 'state')
if state then return state == 'x' and 'gone' or 'ok' end
if left <= 0 then return 'late' end
if redis.call('ZCARD', P .. 'waiting') >= tonumber(ARGV[4]) + redis.call('ZCARD', P .. 'idle') then return 'full' end
alive(from, lease)
local ends = to ~= '' and redis.call('ZSCORE', P .. 'leases', to)
if not ends or tonumber(ends) <= now or redis.call('SISMEMBER', P .. 'takers', to) == 0 then to = '' end
redis.call('HSET', key, 'state', 'w', 'from', from, 'deadline', now + left, 'execution', ARGV[6], 'tenant', tenant,
           'worker', ARGV[8], 'to', to, 'trace', ARGV[9], 'payload', ARGV[10], 'entered', now, 'attempt', 0)
redis.call('PEXPIRE', key, left + 24 * HOUR)
redis.call('SET', P .. 'name:' .. ARGV[6], id, 'PX', left + 24 * HOUR)
redis.call('SADD', P .. 'asks:' .. from, id)
keep(P .. 'asks:' .. from, KEEP)
if to == '' then
  push(id, tenant, false, now)
  ring()
else
  redis.call('RPUSH', P .. 'to:' .. to, id)
  keep(P .. 'to:' .. to, left + 24 * HOUR)
  redis.call('ZADD', P .. 'waiting', now, id)
  keep(P .. 'waiting', KEEP)
  tell(to, 'w')
end
return 'ok'
)lua";

// ARGV: process, lease. {id, fence, attempt, time left, execution, tenant, worker, trace, payload} or
// nothing. The fence counts how often the job was taken, those that were handed back included, and so tells
// this lease from all others.
constexpr std::string_view kTake = R"lua(
local me = ARGV[1]
alive(me, tonumber(ARGV[2]))
redis.call('SADD', P .. 'takers', me)
keep(P .. 'takers', KEEP)
while true do
  local id = redis.call('LPOP', P .. 'to:' .. me)
  if not id then
    local tenant = redis.call('LPOP', P .. 'tenants')
    if not tenant then break end
    id = redis.call('LPOP', P .. 'wait:' .. tenant)
    if redis.call('EXISTS', P .. 'wait:' .. tenant) == 1 then redis.call('RPUSH', P .. 'tenants', tenant) end
  end
  if id then
    redis.call('ZREM', P .. 'waiting', id)
    local key = P .. 'job:' .. id
    local h = redis.call('HMGET', key, 'state', 'deadline', 'execution', 'tenant', 'worker', 'trace', 'payload')
    if h[1] == 'w' and tonumber(h[2]) <= now then
      finish(id, 'deadline', '')
    elseif h[1] == 'w' then
      local attempt = redis.call('HINCRBY', key, 'attempt', 1)
      redis.call('HSET', key, 'state', 'r', 'by', me)
      redis.call('SADD', P .. 'runs:' .. me, id)
      keep(P .. 'runs:' .. me, KEEP)
      redis.call('ZREM', P .. 'idle', me)
      local fence = redis.call('HINCRBY', key, 'fence', 1)
      return {id, fence, attempt, tonumber(h[2]) - now, h[3], h[4], h[5], h[6], h[7]}
    end
  end
end
redis.call('ZADD', P .. 'idle', 'NX', now, me)
keep(P .. 'idle', KEEP)
return false
)lua";

// What complete and hand_back have in common. ARGV: id, process, fence, token
constexpr std::string_view kClaim = R"lua(
local id, me, token = ARGV[1], ARGV[2], ARGV[4]
local key = P .. 'job:' .. id
local h = redis.call('HMGET', key, 'state', 'by', 'fence', 'token')
if not h[1] then return 'gone' end
if h[1] == 'd' and h[4] == token then return 'ok' end
if h[2] ~= me or h[3] ~= ARGV[3] or (h[1] ~= 'r' and h[1] ~= 'c') then return 'conflict' end
if h[1] == 'c' then
  redis.call('DEL', key)
  redis.call('SREM', P .. 'runs:' .. me, id)
  return 'cancelled'
end
)lua";

// ARGV: as above, code, answer
constexpr std::string_view kComplete = R"lua(
redis.call('HSET', key, 'token', token)
redis.call('SREM', P .. 'runs:' .. me, id)
finish(id, ARGV[5], ARGV[6])
return 'ok'
)lua";

constexpr std::string_view kHandBack = R"lua(
untake(id, me)
return 'ok'
)lua";

// ARGV: id. {"gone"}, {"wait"} or {"done", code, answer}
constexpr std::string_view kCollect = R"lua(
local h = redis.call('HMGET', P .. 'job:' .. ARGV[1], 'state', 'code', 'answer')
if not h[1] or h[1] == 'x' or h[1] == 'c' then return {'gone'} end
if h[1] ~= 'd' then return {'wait'} end
return {'done', h[2], h[3]}
)lua";

// ARGV: id, process, whether it may yet be enqueued
constexpr std::string_view kCancel = R"lua(
cancel(ARGV[1], ARGV[2], ARGV[3] == '1')
return 'ok'
)lua";

// ARGV: what the job was submitted as. Whether there was one without an answer.
constexpr std::string_view kWithdraw = R"lua(
local id = redis.call('GET', P .. 'name:' .. ARGV[1])
if not id then return 0 end
local h = redis.call('HMGET', P .. 'job:' .. id, 'state', 'by')
if h[1] ~= 'w' and h[1] ~= 'r' then return 0 end
if h[1] == 'w' then
  unlink(id)
else
  redis.call('SREM', P .. 'runs:' .. h[2], id)
  tell(h[2], 'c ' .. id)
end
finish(id, 'cancelled', '')
return 1
)lua";

// ARGV: id, process. Takes a job back that waits: "removed", "gone", or "kept"
constexpr std::string_view kRecall = R"lua(
local state = redis.call('HGET', P .. 'job:' .. ARGV[1], 'state')
if not state then return 'gone' end
if state ~= 'w' then return 'kept' end
cancel(ARGV[1], ARGV[2], false)
return 'removed'
)lua";

// ARGV: process, lease, most attempts. When nobody was heard of for a while Redis was away, and with it the
// means to renew a lease: then nobody is taken for dead before everybody could.
constexpr std::string_view kTick = R"lua(
local me, lease = ARGV[1], tonumber(ARGV[2])
redis.call('ZADD', P .. 'leases', now + lease, me)
for _, key in ipairs({'leases', 'tenants', 'waiting', 'idle', 'takers', 'runs:' .. me, 'asks:' .. me, 'to:' .. me}) do
  keep(P .. key, KEEP)
end
local seen = tonumber(redis.call('GET', P .. 'seen') or '0')
if now - seen > lease * 2 / 3 then redis.call('SET', P .. 'grace', now + lease, 'PX', lease * 2) end
redis.call('SET', P .. 'seen', now, 'PX', KEEP)
if tonumber(redis.call('GET', P .. 'grace') or '0') <= now then
  for _, process in ipairs(redis.call('ZRANGEBYSCORE', P .. 'leases', '-inf', now, 'LIMIT', 0, 16)) do
    take_over(process, tonumber(ARGV[3]))
  end
end
for _, id in ipairs(redis.call('ZRANGE', P .. 'waiting', 0, 15)) do
  if redis.call('EXISTS', P .. 'job:' .. id) == 0 then redis.call('ZREM', P .. 'waiting', id) end
end
return 'ok'
)lua";

// ARGV: process. It takes no more.
constexpr std::string_view kRetire = R"lua(
undirect(ARGV[1])
return 'ok'
)lua";

// ARGV: process, most attempts. It ends.
constexpr std::string_view kGoodbye = R"lua(
take_over(ARGV[1], tonumber(ARGV[2]))
return 'ok'
)lua";

// Somebody was woken who does not need work.
constexpr std::string_view kRing = R"lua(
if redis.call('EXISTS', P .. 'tenants') == 1 then ring() end
return 'ok'
)lua";

// {waiting, tenants, age of the oldest}
constexpr std::string_view kStats = R"lua(
local oldest = redis.call('ZRANGE', P .. 'waiting', 0, 0, 'WITHSCORES')
return {redis.call('ZCARD', P .. 'waiting'), redis.call('LLEN', P .. 'tenants'),
        oldest[2] and now - tonumber(oldest[2]) or 0}
)lua";

// ARGV: process, then id and fence of each lease. For each "r", "c"ancelled or "l"ost
constexpr std::string_view kProbe = R"lua(
local out = {}
for i = 2, #ARGV, 2 do
  local h = redis.call('HMGET', P .. 'job:' .. ARGV[i], 'state', 'by', 'fence')
  local mine = h[2] == ARGV[1] and h[3] == ARGV[i + 1]
  out[#out + 1] = mine and (h[1] == 'r' or h[1] == 'c') and h[1] or 'l'
end
return out
)lua";

// ARGV: process, then the ids of all its leases. What it runs and does not know of was taken as the
// connection broke.
constexpr std::string_view kReconcile = R"lua(
local known = {}
for i = 2, #ARGV do known[ARGV[i]] = true end
for _, id in ipairs(redis.call('SMEMBERS', P .. 'runs:' .. ARGV[1])) do
  if not known[id] then
    local h = redis.call('HMGET', P .. 'job:' .. id, 'state', 'by')
    if h[1] == 'r' and h[2] == ARGV[1] then untake(id, ARGV[1]) end
    if h[1] == 'c' and h[2] == ARGV[1] then redis.call('DEL', P .. 'job:' .. id) end
    redis.call('SREM', P .. 'runs:' .. ARGV[1], id)
  end
end
return 'ok'
)lua";

RedisScript Script(std::string_view body, std::string_view tail = {}) {
  return RedisScript(std::string(kPrelude) + std::string(body) + std::string(tail));
}

}  // namespace

RedisJobScripts::RedisJobScripts()
    : enqueue(Script(kEnqueue)),
      take(Script(kTake)),
      complete(Script(kClaim, kComplete)),
      hand_back(Script(kClaim, kHandBack)),
      collect(Script(kCollect)),
      cancel(Script(kCancel)),
      withdraw(Script(kWithdraw)),
      recall(Script(kRecall)),
      tick(Script(kTick)),
      retire(Script(kRetire)),
      goodbye(Script(kGoodbye)),
      ring(Script(kRing)),
      stats(Script(kStats)),
      probe(Script(kProbe)),
      reconcile(Script(kReconcile)) {}

}  // namespace codeapi
