#include "sandbox/tool_relay.h"

#include <algorithm>
#include <utility>

#include "jail/cell_messages.h"
#include "jailer/protocol.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;

void CutIntoParts(const ToolAnswer& answer, std::vector<std::string>& parts) {
  constexpr std::size_t kBytes = kMaxDataPayload - CellToolResult::kHeader;
  CellToolResult part{answer.call, false, static_cast<char>(answer.kind), {}};
  std::string_view rest = answer.text;
  std::string too_large;
  if (rest.size() > kMaxToolResult) {
    part.kind = static_cast<char>(ToolAnswer::Kind::kError);
    rest = too_large = "tool result is larger than " + std::to_string(kMaxToolResult) + " bytes";
  }
  do {
    part.bytes = rest.substr(0, kBytes);
    rest.remove_prefix(part.bytes.size());
    part.last = rest.empty();
    parts.push_back(part.Encode());
  } while (!part.last);
}

}  // namespace

asio::awaitable<Result<void>> ToolRelay::OnCall(std::string payload) {
  auto call = CellToolCall::Decode(payload);
  if (!call || call->call != calls_ + 1 || call->call > most_calls_) {
    co_return Fail(ErrorCode::kSetupFailed, "the jailer sent a tool call that no program can make");
  }
  ++calls_;
  open_.insert(call->call);
  co_return co_await peer_.Call(call->call, call->tool, std::move(call->input));
}

asio::awaitable<Result<void>> ToolRelay::OnWait(std::string payload) {
  const auto wait = CellToolWait::Decode(payload);
  if (!wait || wait->answers > answers_ || wait->answers >= calls_) {
    co_return Fail(ErrorCode::kSetupFailed, "the jailer said that a program waits which cannot");
  }
  if (wait->answers < answers_) co_return Result<void>();
  co_return co_await peer_.Waiting();
}

asio::awaitable<std::vector<std::string>> ToolRelay::NextParts() {
  std::vector<std::string> parts;
  for (const ToolAnswer& answer : co_await peer_.Answers()) {
    if (open_.erase(answer.call) == 0) continue;
    ++answers_;
    CutIntoParts(answer, parts);
  }
  co_return parts;
}

}  // namespace codeapi
