// The tool calls of a cell's program (docs/adr/0007): from init to the worker and back. See cell.h.
//
// Calls, answers and "it waits" cross each other on the way. Each "it waits" says how many answers had come
// whole into the cell by then; if one more has been sent in, the program goes on and what was said is out of
// date. Init looks again after that answer.

#include <sys/ioctl.h>

#include <algorithm>
#include <utility>

#include "jailer/cell.h"

namespace codeapi {

void Cell::OnToolCall(std::string_view payload) {
  const auto call = CellToolCall::Decode(payload);
  if (!call || call->call != tool_calls_ + 1 || call->call > request_.tool_calls) {
    return BrokenInit("bad tool call");
  }
  ++tool_calls_;
  tool_open_.insert(call->call);
  // A program that is being ended gets no answer any more.
  if (limit_) return;
  DrainOutput();
  if (state_ != State::kDying) Emit(FrameType::kToolCall, payload);
}

void Cell::OnToolWait(std::string_view payload) {
  const auto wait = CellToolWait::Decode(payload);
  // Each has a new call or answer behind it, so there are no more of these than of those.
  const std::pair now(tool_calls_, wait ? wait->answers : 0);
  if (!wait || wait->answers > tool_answers_ || tool_calls_ <= wait->answers || last_wait_ == now) {
    return BrokenInit("bad tool wait");
  }
  last_wait_ = now;
  if (wait->answers < tool_answers_) return;
  DrainOutput();
  if (state_ == State::kDying || limit_) return;
  loop_.Cancel(std::exchange(wall_timer_, 0));
  if (!waits_since_) waits_since_ = Clock::now();
  Emit(FrameType::kToolWait, payload);
}

// What the program printed before a call comes before it. It may go on printing: only what is there now is
// taken.
void Cell::DrainOutput() {
  for (const bool is_stderr : {false, true}) {
    const bool& open = is_stderr ? stderr_open_ : stdout_open_;
    int there = 0;
    if (!open || ::ioctl((is_stderr ? process_.err : process_.out).get(), FIONREAD, &there) != 0) continue;
    while (there > 0 && open && state_ != State::kDying) {
      const std::size_t taken = OnOutput(is_stderr);
      if (taken == 0) break;
      there -= static_cast<int>(taken);
    }
  }
}

void Cell::FeedToolResult(std::string_view payload) {
  if (state_ != State::kRunning || limit_) return;  // the program has ended meanwhile, or is about to
  const auto part = CellToolResult::Decode(payload);
  // The worker, too, drops answers to what is not asked: the numbers of both ends stay the same.
  if (!part || !tool_open_.contains(part->call)) return;
  fed_unflushed_ += static_cast<std::uint32_t>(payload.size());
  Send(CellMessage::kToolResult, payload);
  if (!part->last) return;
  tool_open_.erase(part->call);
  ++tool_answers_;
  if (!waits_since_) return;
  StopWaiting();
  StartClocks(request_.wall_ms, request_.cpu_ms);
}

void Cell::StopWaiting() {
  if (!waits_since_) return;
  const auto waited = Clock::now() - *std::exchange(waits_since_, std::nullopt);
  waited_us_ +=
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(waited).count());
}

}  // namespace codeapi
