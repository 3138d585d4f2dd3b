#include "tools/tool_record.h"

#include <exception>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

namespace codeapi {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr auto kLockTtl = std::chrono::seconds(15);
constexpr auto kLockRenewal = std::chrono::seconds(5);
// The least that a value can live.
constexpr auto kGone = std::chrono::milliseconds(1);

std::string RecordKey(const std::string& execution) {
  return "tools:" + execution;
}

std::string ResultKey(const std::string& execution, std::uint32_t number) {
  return "tools:" + execution + ":" + std::to_string(number);
}

}  // namespace

std::string ToolRecord::Encode() const {
  json::array made;
  for (const RecordedCall& call : calls) {
    made.push_back(json::array{call.number, call.tool, call.input, call.digest});
  }
  return json::serialize(json::object{{"owner", owner},
                                      {"request", request},
                                      {"tools", tools},
                                      {"taker", taker},
                                      {"answer", answer},
                                      {"ended", ended},
                                      {"calls", std::move(made)},
                                      {"result_bytes", result_bytes},
                                      {"round", round}});
}

Result<ToolRecord> ToolRecord::Decode(std::string_view text) {
  try {
    const json::object in = json::parse(json::string_view(text.data(), text.size())).as_object();
    ToolRecord out;
    out.owner = in.at("owner").as_string();
    out.request = in.at("request").as_string();
    out.tools = in.at("tools").as_string();
    out.taker = in.at("taker").as_string();
    out.answer = in.at("answer").as_string();
    out.ended = in.at("ended").as_bool();
    out.result_bytes = in.at("result_bytes").to_number<std::uint64_t>();
    if (const json::value* round = in.if_contains("round")) out.round = round->to_number<std::uint32_t>();
    for (const json::value& item : in.at("calls").as_array()) {
      const json::array& parts = item.as_array();
      out.calls.push_back({parts.at(0).to_number<std::uint32_t>(), parts.at(1).to_number<std::uint32_t>(),
                           std::string(parts.at(2).as_string()), std::string(parts.at(3).as_string())});
    }
    return out;
  } catch (const std::exception& e) {
    return Fail(ErrorCode::kInternal, std::string("unreadable record of an execution: ") + e.what());
  }
}

std::string ToolRecords::Seal(const std::string& key, std::string text) const {
  return seal_ == nullptr ? std::move(text) : seal_->Seal(key, text);
}

Result<std::string> ToolRecords::Open(const std::string& key, std::string text) const {
  if (seal_ == nullptr) return text;
  auto open = seal_->Open(key, text);
  if (!open) return Fail(ErrorCode::kForbidden, "the record of an execution is not what was written: " + key);
  return std::move(*open);
}

asio::awaitable<Result<std::optional<ToolRecord>>> ToolRecords::Load(std::string execution) {
  auto text = co_await state_.get(RecordKey(execution));
  if (!text) co_return std::unexpected(text.error());
  if (!*text) co_return std::optional<ToolRecord>();
  auto open = Open(RecordKey(execution), std::move(**text));
  if (!open) co_return std::unexpected(open.error());
  auto record = ToolRecord::Decode(*open);
  if (!record) co_return std::unexpected(record.error());
  co_return std::optional<ToolRecord>(std::move(*record));
}

asio::awaitable<Result<void>> ToolRecords::Save(std::string execution, const ToolRecord& record,
                                                ToolResults results) {
  std::string encoded = record.Encode();
  if (encoded.size() > kMaxToolRecord) co_return Fail(ErrorCode::kTooLarge, std::to_string(encoded.size()));
  std::vector<StateEntry> entries;
  for (auto& [number, text] : results) {
    const std::string key = ResultKey(execution, number);
    entries.push_back({key, Seal(key, std::move(text)), kToolExecutionTtl});
  }
  if (record.ended) {
    // It will not be run again, and all its results can be many megabytes.
    for (const RecordedCall& call : record.calls) {
      if (!call.digest.empty()) entries.push_back({ResultKey(execution, call.number), {}, kGone});
    }
  }
  entries.push_back({RecordKey(execution), Seal(RecordKey(execution), std::move(encoded)), kToolRecordTtl});
  co_return co_await state_.put_many(std::move(entries));
}

asio::awaitable<Result<ToolResults>> ToolRecords::Results(std::string execution, const ToolRecord& record) {
  ToolResults out;
  // One by one: together they may be larger than a store's answer.
  for (const RecordedCall& call : record.calls) {
    if (call.digest.empty()) continue;
    auto text = co_await state_.get(ResultKey(execution, call.number));
    if (!text) co_return std::unexpected(text.error());
    if (!*text) co_return Fail(ErrorCode::kNotFound, "a result has expired");
    auto open = Open(ResultKey(execution, call.number), std::move(**text));
    if (!open) co_return std::unexpected(open.error());
    out.emplace_back(call.number, std::move(*open));
  }
  co_return out;
}

asio::awaitable<void> ToolRecords::Remove(std::string execution) {
  (void)co_await state_.remove(RecordKey(execution));
}

StateLock::StateLock(StateStore& state, std::string key, std::string value)
    : state_(&state), key_(std::move(key)), value_(std::move(value)) {}

asio::awaitable<Result<bool>> StateLock::Acquire() {
  return state_->hold(key_, value_, kLockTtl);
}

asio::awaitable<void> StateLock::Hold() {
  co_await asio::this_coro::throw_if_cancelled(false);
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while ((co_await asio::this_coro::cancellation_state).cancelled() == asio::cancellation_type::none) {
    timer.expires_after(kLockRenewal);
    auto [ec] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (ec) co_return;
    (void)co_await state_->hold(key_, value_, kLockTtl);
  }
}

asio::awaitable<void> StateLock::Idle() {
  co_await asio::this_coro::throw_if_cancelled(false);
  asio::steady_timer timer(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

asio::awaitable<void> StateLock::Release() {
  (void)co_await state_->release(key_, value_);
}

}  // namespace codeapi
