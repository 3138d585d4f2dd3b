#include "worker/tool_program.h"

#include <algorithm>
#include <utility>

#include <boost/asio.hpp>
#include <boost/json.hpp>

#include "base/text.h"
#include "tools/json_text.h"
#include "worker/answer.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

// As compact JSON; nothing when it is no object, which is all that a tool takes.
std::optional<std::string> CompactObject(std::string_view text) {
  json::parse_options options;
  options.max_depth = 64;
  boost::system::error_code ec;
  const json::value value = json::parse(json::string_view(text.data(), text.size()), ec, {}, options);
  if (ec || !value.is_object()) return std::nullopt;
  return CompactJson(value);
}

constexpr std::string_view kDiverged =
    "the worker that ran the program was lost, and run again it did not make the same tool calls";

}  // namespace

ToolProgram::ToolProgram(asio::any_io_executor executor, std::vector<ProgramCall> recorded,
                         std::uint32_t calls)
    : strand_(asio::make_strand(std::move(executor))), most_calls_(calls) {
  for (ProgramCall& call : recorded) {
    next_number_ = std::max(next_number_, call.number + 1);
    recorded_.push_back(std::move(call));
  }
}

void ToolProgram::Start(Executor& runner, ExecutionRequest request, std::vector<RunInput> support) {
  memory_bytes_ = request.memory_bytes;
  id_ = request.id;
  output_limit_ = runner.output_limit();
  asio::co_spawn(
      strand_,
      [self = shared_from_this(), &runner, request = std::move(request),
       support = std::move(support)]() mutable {
        return self->Drive(runner, std::move(request), std::move(support));
      },
      asio::bind_cancellation_slot(stop_.slot(), [self = shared_from_this()](std::exception_ptr failure) {
        // A fault of ours. Whoever waits for the end must have one.
        if (failure) self->End({ExecutionAnswer{503, false, {}}, {}});
      }));
}

void ToolProgram::End(ExecutionOutcome outcome) {
  const std::lock_guard lock(mutex_);
  outcome_ = std::move(outcome);
  waiting_ = false;
  settled_.notify();
}

asio::awaitable<void> ToolProgram::Drive(Executor& runner, ExecutionRequest request,
                                         std::vector<RunInput> support) {
  ToolSupply tools{*this, std::move(support), most_calls_};
  End(co_await runner.Run(std::move(request), &tools));
}

asio::awaitable<Result<void>> ToolProgram::Call(std::uint32_t call, std::uint32_t tool, std::string input) {
  auto object = CompactObject(input);
  const std::lock_guard lock(mutex_);
  waiting_ = false;
  if (!object) {
    answers_.push_back({call, ToolAnswer::Kind::kRefused, "tool input must be a JSON object"});
    answered_.notify();
    co_return Result<void>();
  }
  Made made{{0, tool, std::move(*object), std::nullopt}, call};
  const auto same = std::ranges::find_if(recorded_, [&](const ProgramCall& known) {
    return known.tool == tool && known.input == made.call.input;
  });
  if (same != recorded_.end()) {
    made.call = std::move(*same);
    recorded_.erase(same);
  } else {
    made.call.number = next_number_++;
  }
  if (made.call.result) Answer(made);
  made_.push_back(std::move(made));
  co_return Result<void>();
}

// The text goes to the cell and is kept nowhere else.
void ToolProgram::Answer(Made& made) {
  answers_.push_back({made.in_cell,
                      made.call.result->error ? ToolAnswer::Kind::kError : ToolAnswer::Kind::kResult,
                      std::exchange(made.call.result->text, {})});
  answered_.notify();
}

bool ToolProgram::Waits() const {
  return waiting_ && std::ranges::any_of(made_, [](const Made& made) { return !made.call.result; });
}

asio::awaitable<Result<void>> ToolProgram::Waiting(std::string_view out, std::string_view err) {
  const std::lock_guard lock(mutex_);
  if (!answers_.empty()) co_return Result<void>();  // it will go on, and then say so again
  out_ = out;
  err_ = err;
  waiting_ = true;
  if (!Waits()) {
    waiting_ = false;
    co_return Result<void>();
  }
  if (!recorded_.empty()) {
    diverged_ = true;
    Stop();
    co_return Result<void>();
  }
  settled_.notify();
  co_return Result<void>();
}

asio::awaitable<std::vector<ToolAnswer>> ToolProgram::Answers() {
  {
    const std::lock_guard lock(mutex_);
    if (!answers_.empty()) co_return std::exchange(answers_, {});
  }
  co_await answered_.wait();
  const std::lock_guard lock(mutex_);
  co_return std::exchange(answers_, {});
}

bool ToolProgram::Deliver(std::vector<ProgramCall> results) {
  const std::lock_guard lock(mutex_);
  const auto call_of = [&](const ProgramCall& result) {
    return std::ranges::find_if(made_, [&](const Made& m) { return m.call.number == result.number; });
  };
  if (std::ranges::any_of(results, [&](const ProgramCall& result) { return call_of(result) == made_.end(); }))
    return false;
  for (ProgramCall& result : results) {
    const auto made = call_of(result);
    if (made->call.result || !result.result) continue;
    made->call.result = std::move(result.result);
    waiting_ = false;
    Answer(*made);
  }
  return true;
}

asio::awaitable<RoundAnswer> ToolProgram::Settle() {
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (outcome_) co_return Ended();
      if (!killed_ && Waits()) {
        RoundAnswer answer;
        answer.state = RoundAnswer::State::kWaiting;
        for (const Made& made : made_) {
          if (!made.call.result) answer.calls.push_back(made.call);
        }
        std::ranges::sort(answer.calls, {}, &ProgramCall::number);
        answer.stdout_text = ToUtf8Lossy(TrimPartialCharacter(out_));
        answer.stderr_text = ToUtf8Lossy(TrimPartialCharacter(err_));
        co_return answer;
      }
    }
    co_await settled_.wait();
    if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) {
      co_return RoundAnswer{};
    }
  }
}

RoundAnswer ToolProgram::Ended() {
  RoundAnswer answer;
  const bool lost_its_way = diverged_ || std::ranges::any_of(recorded_, [](const ProgramCall& call) {
                              return call.result.has_value();
                            });
  if (lost_its_way) {
    answer.body = RenderToolFailure(id_, kDiverged);
  } else if (outcome_->refusal && outcome_->refusal->status < 500 && outcome_->refusal->status != 499) {
    answer.state = RoundAnswer::State::kRefused;
    answer.status = outcome_->refusal->status;
    answer.body = outcome_->refusal->body;
  } else if (outcome_->refusal) {
    answer.body = RenderToolFailure(id_, {});
  } else {
    answer.stored_files = outcome_->stored_files();
    answer.body = RenderToolEnd(outcome_->parts);
  }
  return answer;
}

void ToolProgram::Kill() {
  const std::lock_guard lock(mutex_);
  Stop();
}

void ToolProgram::Stop() {
  if (std::exchange(killed_, true)) return;
  asio::post(strand_, [self = shared_from_this()] { self->stop_.emit(asio::cancellation_type::terminal); });
}

bool ToolProgram::ended() const {
  const std::lock_guard lock(mutex_);
  return outcome_.has_value();
}

}  // namespace codeapi
