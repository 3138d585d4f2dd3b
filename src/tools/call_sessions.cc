// Theory of operation. Everything is behind one mutex, which nobody holds while waiting. Who calls leaves a
// Waiter in the session's list and sleeps until it is woken with an outcome; whichever way it ends, its Seat
// takes the waiter out again. A session that goes ends its waiters.
#include "tools/call_sessions.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "base/ids.h"
#include "net/wake.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kTokenLength = 32;

std::int64_t NowMs() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::string NewToken() {
  return (NewId() + NewId()).substr(0, kTokenLength);
}

struct Waiter {
  PendingCall call;
  Wake wake;
  std::optional<Result<GivenResult>> outcome;
};

struct Session {
  CallSessionInfo info;
  std::string token;
  std::set<std::string> tools;
  std::chrono::milliseconds timeout;
  Clock::time_point expires;
  std::vector<std::shared_ptr<Waiter>> waiting;  // in the order they were made
  std::map<std::string, GivenResult> results;    // that came before their calls
};

std::size_t SizeOf(const GivenResult& result) {
  return result.id.size() + result.result.size() + result.message.size();
}

std::size_t SizeOf(const PendingCall& call) {
  return call.id.size() + call.tool.size() + call.input.size();
}

}  // namespace

struct CallSessions::Core {
  explicit Core(CallSessionLimits most) : limits(most) {}

  // All with the mutex held.
  Session* Find(const std::string& execution);
  void Use(Session& session);
  void Settle(Waiter& waiter, Result<GivenResult> outcome);
  void Close(Session& session);
  void Leave(Session& session, const Waiter& waiter);
  std::size_t Sweep();
  Result<std::optional<GivenResult>> Enter(Session& session, const std::shared_ptr<Waiter>& waiter);

  const CallSessionLimits limits;
  mutable std::mutex mutex;
  std::unordered_map<std::string, std::shared_ptr<Session>> sessions;
  std::size_t bytes = 0;
};

Session* CallSessions::Core::Find(const std::string& execution) {
  const auto entry = sessions.find(execution);
  if (entry == sessions.end()) return nullptr;
  if (entry->second->expires > Clock::now()) return entry->second.get();
  Close(*entry->second);
  sessions.erase(entry);
  return nullptr;
}

void CallSessions::Core::Use(Session& session) {
  session.info.updated = NowMs();
  session.expires = Clock::now() + limits.expiry;
}

void CallSessions::Core::Settle(Waiter& waiter, Result<GivenResult> outcome) {
  bytes -= SizeOf(waiter.call);
  waiter.outcome = std::move(outcome);
  waiter.wake.notify();
}

// Before it is taken out of the map.
void CallSessions::Core::Close(Session& session) {
  for (const auto& waiter : session.waiting)
    Settle(*waiter, Fail(ErrorCode::kNotFound, "the session is gone"));
  for (const auto& [id, result] : session.results) bytes -= SizeOf(result);
  session.waiting.clear();
  session.results.clear();
}

void CallSessions::Core::Leave(Session& session, const Waiter& waiter) {
  const auto entry =
      std::ranges::find(session.waiting, &waiter, [](const auto& other) { return other.get(); });
  if (entry == session.waiting.end()) return;  // it has its outcome
  bytes -= SizeOf(waiter.call);
  session.waiting.erase(entry);
  if (session.waiting.empty() && session.info.status == CallSessionStatus::kWaiting)
    session.info.status = CallSessionStatus::kRunning;
}

std::size_t CallSessions::Core::Sweep() {
  const auto now = Clock::now();
  return std::erase_if(sessions, [&](auto& entry) {
    if (entry.second->expires > now) return false;
    Close(*entry.second);
    return true;
  });
}

// The result, if it is there already.
Result<std::optional<GivenResult>> CallSessions::Core::Enter(Session& session,
                                                             const std::shared_ptr<Waiter>& waiter) {
  const PendingCall& call = waiter->call;
  if (!session.tools.contains(call.tool)) return Fail(ErrorCode::kForbidden, "not a tool of the session");
  Use(session);
  if (const auto early = session.results.find(call.id); early != session.results.end()) {
    bytes -= SizeOf(early->second);
    GivenResult result = std::move(early->second);
    session.results.erase(early);
    return result;
  }
  const auto same = std::ranges::find(session.waiting, call.id, [](const auto& w) { return w->call.id; });
  if (same != session.waiting.end()) {
    Settle(**same, Fail(ErrorCode::kConflict, "the call was made again"));
    session.waiting.erase(same);
  }
  if (session.waiting.size() >= limits.max_calls || bytes + SizeOf(call) > limits.max_bytes)
    return Fail(ErrorCode::kTooLarge, "too many calls wait");
  bytes += SizeOf(call);
  session.waiting.push_back(waiter);
  session.info.status = CallSessionStatus::kWaiting;
  return std::nullopt;
}

std::string_view CallSessionStatusName(CallSessionStatus status) {
  switch (status) {
    case CallSessionStatus::kRunning:
      return "running";
    case CallSessionStatus::kWaiting:
      return "waiting";
    case CallSessionStatus::kCompleted:
      return "completed";
    case CallSessionStatus::kError:
      break;
  }
  return "error";
}

CallSessions::CallSessions(CallSessionLimits limits) : core_(std::make_unique<Core>(limits)) {}

CallSessions::~CallSessions() = default;

Result<std::string> CallSessions::Open(std::string execution, std::string session,
                                       std::set<std::string> tools, std::chrono::milliseconds timeout) {
  auto opened = std::make_shared<Session>();
  opened->token = NewToken();
  opened->tools = std::move(tools);
  opened->timeout = std::min(timeout, core_->limits.expiry);
  opened->info = {CallSessionStatus::kRunning, execution, std::move(session), NowMs(), 0};
  const std::lock_guard lock(core_->mutex);
  core_->Use(*opened);
  if (const auto before = core_->sessions.find(execution); before != core_->sessions.end()) {
    core_->Close(*before->second);
    core_->sessions.erase(before);
  }
  if (core_->sessions.size() >= core_->limits.max_sessions && core_->Sweep() == 0)
    return Fail(ErrorCode::kUnavailable, "too many sessions");
  std::string token = opened->token;
  core_->sessions.emplace(std::move(execution), std::move(opened));
  return token;
}

Result<CallSessionInfo> CallSessions::Look(const std::string& execution) {
  const std::lock_guard lock(core_->mutex);
  const Session* session = core_->Find(execution);
  if (session == nullptr) return Fail(ErrorCode::kNotFound, "no such session");
  return session->info;
}

Result<std::vector<PendingCall>> CallSessions::Pending(const std::string& execution, CallSessionInfo& info) {
  const std::lock_guard lock(core_->mutex);
  const Session* session = core_->Find(execution);
  if (session == nullptr) return Fail(ErrorCode::kNotFound, "no such session");
  info = session->info;
  std::vector<PendingCall> out;
  out.reserve(session->waiting.size());
  for (const auto& waiter : session->waiting) out.push_back(waiter->call);
  return out;
}

Result<void> CallSessions::Give(const std::string& execution, std::vector<GivenResult> results) {
  const std::lock_guard lock(core_->mutex);
  Session* session = core_->Find(execution);
  if (session == nullptr) return Fail(ErrorCode::kNotFound, "no such session");
  const auto waits = [&](const GivenResult& result) {
    return std::ranges::find(session->waiting, result.id, [](const auto& w) { return w->call.id; });
  };
  std::size_t early = 0, more = 0;
  for (const GivenResult& result : results) {
    if (waits(result) != session->waiting.end()) continue;
    ++early;
    more += SizeOf(result);
  }
  if (session->results.size() + early > core_->limits.max_calls ||
      core_->bytes + more > core_->limits.max_bytes)
    return Fail(ErrorCode::kTooLarge, "no room for results");
  for (GivenResult& result : results) {
    if (const auto waiter = waits(result); waiter != session->waiting.end()) {
      core_->Settle(**waiter, std::move(result));
      session->waiting.erase(waiter);
      continue;
    }
    GivenResult& kept = session->results[result.id];
    core_->bytes += SizeOf(result) - SizeOf(kept);
    kept = std::move(result);
  }
  core_->Use(*session);
  if (session->waiting.empty() && session->info.status == CallSessionStatus::kWaiting)
    session->info.status = CallSessionStatus::kRunning;
  return {};
}

Result<void> CallSessions::End(const std::string& execution, CallSessionStatus status) {
  const std::lock_guard lock(core_->mutex);
  Session* session = core_->Find(execution);
  if (session == nullptr) return Fail(ErrorCode::kNotFound, "no such session");
  session->info.status = status;
  core_->Use(*session);
  return {};
}

std::size_t CallSessions::Remove(const std::string& execution) {
  const std::lock_guard lock(core_->mutex);
  if (core_->Find(execution) == nullptr) return 0;
  const auto entry = core_->sessions.find(execution);
  const std::size_t removed = 1 + entry->second->waiting.size() + entry->second->results.size();
  core_->Close(*entry->second);
  core_->sessions.erase(entry);
  return removed;
}

Result<void> CallSessions::Check(const std::string& execution, std::string_view token) {
  const std::lock_guard lock(core_->mutex);
  const Session* session = core_->Find(execution);
  if (session == nullptr) return Fail(ErrorCode::kNotFound, "no such session");
  if (token.size() != kTokenLength || CRYPTO_memcmp(token.data(), session->token.data(), kTokenLength) != 0)
    return Fail(ErrorCode::kForbidden, "another token");
  return {};
}

asio::awaitable<Result<GivenResult>> CallSessions::Call(std::string execution, std::string id,
                                                        std::string tool, std::string input) {
  using namespace asio::experimental::awaitable_operators;  // NOLINT: the only way to get operator||
  const auto waiter = std::make_shared<Waiter>();
  waiter->call = {std::move(id), std::move(tool), std::move(input), NowMs()};
  std::shared_ptr<Session> session;
  {
    const std::lock_guard lock(core_->mutex);
    if (core_->Find(execution) == nullptr) co_return Fail(ErrorCode::kNotFound, "no such session");
    session = core_->sessions.at(execution);
    auto entered = core_->Enter(*session, waiter);
    if (!entered) co_return std::unexpected(entered.error());
    if (*entered) co_return std::move(**entered);
  }
  struct Seat {
    Core& core;
    Session& session;
    const Waiter& waiter;
    ~Seat() {
      const std::lock_guard lock(core.mutex);
      core.Leave(session, waiter);
    }
  } const seat{*core_, *session, *waiter};
  const auto deadline = Clock::now() + session->timeout;
  asio::steady_timer timer(co_await asio::this_coro::executor, deadline);
  while (true) {
    co_await (waiter->wake.wait() || timer.async_wait(asio::as_tuple(asio::use_awaitable)));
    const std::lock_guard lock(core_->mutex);
    if (waiter->outcome) co_return std::move(*waiter->outcome);
    if (Clock::now() >= deadline) break;
  }
  co_return Fail(ErrorCode::kDeadline, "nobody answered");
}

void CallSessions::Sweep() {
  const std::lock_guard lock(core_->mutex);
  core_->Sweep();
}

std::size_t CallSessions::active() const {
  const std::lock_guard lock(core_->mutex);
  const auto now = Clock::now();
  return static_cast<std::size_t>(std::ranges::count_if(core_->sessions, [&](const auto& entry) {
    const CallSessionStatus status = entry.second->info.status;
    return entry.second->expires > now &&
           (status == CallSessionStatus::kRunning || status == CallSessionStatus::kWaiting);
  }));
}

}  // namespace codeapi
