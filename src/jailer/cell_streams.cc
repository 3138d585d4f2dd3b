// What goes between a cell and its init: the control stream both ways, and the program's output. See cell.h.

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/text.h"
#include "jailer/cell.h"

namespace codeapi {
namespace {

constexpr auto kHarvestDeadline = std::chrono::seconds(60);
constexpr std::size_t kMaxFailureText = 256;
// What is sent at once rather than when all that is ready has been looked at.
constexpr std::size_t kFlushAtOnce = 128u << 10;
// Far below what the worker may send without credit, or it would wait for credit that waits for it.
constexpr std::uint32_t kCreditLump = kInitialCredit / 8;

// Whether a summary can be about a run of `files` files and fits into a frame to the worker.
bool IsPlausible(const HarvestSummary& summary, std::uint32_t files) {
  return summary.unchanged.size() + summary.deleted.size() <= files &&
         std::ranges::all_of(summary.skipped, [](const std::string& name) {
           return name.size() <= HarvestSummary::kMaxSkippedName && IsUtf8(name);
         });
}

}  // namespace

void Cell::Send(CellMessage type, std::string_view payload) {
  std::array<char, kCellHeaderSize> header;
  const auto length = static_cast<std::uint32_t>(payload.size());
  std::memcpy(header.data(), &length, sizeof length);
  header[4] = static_cast<char>(type);
  outgoing_.append(header.data(), header.size());
  outgoing_.append(payload);
  if (outgoing_.size() - outgoing_offset_ >= kFlushAtOnce) return Flush();
  FlushLater();
}

// A run with one small file is five messages. Sent one by one, they would wake init five times.
void Cell::FlushLater() {
  if (flush_ != 0) return;
  flush_ = loop_.Later([this] {
    flush_ = 0;
    Flush();
  });
}

void Cell::Flush() {
  while (outgoing_offset_ < outgoing_.size()) {
    const ssize_t n = ::send(process_.control.get(), outgoing_.data() + outgoing_offset_,
                             outgoing_.size() - outgoing_offset_, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return WatchControl();
    // Init is gone, and its pidfd will say so; or it does not want to listen, and the job will run out of
    // time. Nothing may be left over: such a stream is called writable again and again.
    if (n < 0) break;
    outgoing_offset_ += static_cast<std::size_t>(n);
  }
  outgoing_.clear();
  outgoing_offset_ = 0;
  fed_bytes_ += std::exchange(fed_unflushed_, 0);
  WatchControl();
  // An empty frame, so that the worker is credited with what went out.
  if (fed_bytes_ >= kCreditLump && job_open_) events_.CellFrame(*this, FrameType::kCredit, {});
}

std::uint32_t Cell::TakeFedBytes() {
  return fed_bytes_ < kCreditLump ? 0 : std::exchange(fed_bytes_, 0);
}

void Cell::WatchControl() {
  if (state_ == State::kDying) return;
  std::uint32_t events = credit_ > 0 || !job_open_ ? EPOLLIN : 0u;
  if (outgoing_offset_ < outgoing_.size()) events |= EPOLLOUT;
  loop_.Modify(process_.control.get(), events);
}

void Cell::UpdateReading() {
  WatchControl();
  const bool room = credit_ > 0;
  loop_.Modify(process_.out.get(), stdout_open_ && room ? EPOLLIN : 0u);
  loop_.Modify(process_.err.get(), stderr_open_ && room ? EPOLLIN : 0u);
}

void Cell::AddCredit(std::uint32_t bytes) {
  if (!job_open_) return;
  credit_ = std::min<std::int64_t>(credit_ + bytes, std::int64_t{kInitialCredit} * 4);
  UpdateReading();
}

void Cell::Emit(FrameType type, std::string_view payload) {
  if (TakesCredit(type)) credit_ -= static_cast<std::int64_t>(payload.size());
  events_.CellFrame(*this, type, payload);
}

void Cell::OnControl(std::uint32_t events) {
  if (events & EPOLLOUT) Flush();
  if (events & ~static_cast<std::uint32_t>(EPOLLOUT)) ReadControl();
}

bool Cell::ReadControl() {
  std::array<char, kMaxCellData + kCellHeaderSize> buffer;
  const ssize_t n = ::recv(process_.control.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return false;
  if (n <= 0) {
    // The end of the stream is the end of init; its wait status arrives through the pidfd.
    loop_.Modify(process_.control.get(), 0);
    return false;
  }
  incoming_.append(buffer.data(), static_cast<std::size_t>(n));
  std::size_t offset = 0;
  while (state_ != State::kDying && incoming_.size() - offset >= kCellHeaderSize) {
    std::uint32_t length;
    std::memcpy(&length, incoming_.data() + offset, sizeof length);
    const auto type = static_cast<CellMessage>(incoming_[offset + 4]);
    const std::uint32_t limit = type == CellMessage::kOutputData ? kMaxCellData : kMaxCellPayload;
    if (length > limit) {
      BrokenInit("init announced " + std::to_string(length) + " bytes");
      break;
    }
    if (incoming_.size() - offset < kCellHeaderSize + length) break;
    OnMessage(type, std::string_view(incoming_).substr(offset + kCellHeaderSize, length));
    offset += kCellHeaderSize + length;
  }
  incoming_.erase(0, offset);
  if (state_ != State::kDying) UpdateReading();
  return true;
}

void Cell::OnMessage(CellMessage type, std::string_view payload) {
  if (type == CellMessage::kFailed) return OnFailed(payload);
  if (type == CellMessage::kReady && state_ == State::kSettingUp) {
    WireReader in(payload);
    for (std::size_t i = 0; i < kSetupSteps; ++i) timings_[i] += in.U32();
    if (!in.done()) return BrokenInit("bad ready message");
    loop_.Cancel(std::exchange(deadline_, 0));
    state_ = State::kIdle;
    return events_.CellReady(*this);
  }
  if (type == CellMessage::kPrestarted && state_ == State::kPrestarting) return OnPrestarted(payload);
  if (type == CellMessage::kCompiled && state_ == State::kCompiling) return OnCompiled(payload);
  if (type == CellMessage::kToolCall && state_ == State::kRunning) return OnToolCall(payload);
  if (type == CellMessage::kToolWait && state_ == State::kRunning) return OnToolWait(payload);
  if (type == CellMessage::kExited && Executes()) {
    exit_ = CellExit::Decode(payload);
    if (!exit_) return BrokenInit("bad exit message");
    loop_.Cancel(std::exchange(wall_timer_, 0));
    loop_.Cancel(std::exchange(cpu_timer_, 0));
    StopWaiting();
    state_ = State::kHarvesting;
    return ExpectProgress();
  }
  OnHarvest(type, payload);
}

void Cell::OnFailed(std::string_view payload) {
  const auto failure = CellFailure::Decode(payload);
  if (!failure) return BrokenInit("bad failure message");
  // It goes into a frame to the worker: short, and text.
  const std::string why =
      ToUtf8Lossy(failure->step.substr(0, kMaxFailureText)) + ": " + std::strerror(failure->error);
  if (!job_open_) return BrokenInit(why);
  if (!failure->input) return Fail("sandbox_setup_failed", why);
  const bool full = failure->error == ENOSPC || failure->error == EDQUOT || failure->error == EFBIG;
  return Fail(full ? "input_too_large" : "input_invalid", why);
}

// A compiler that survives a child that was killed for its memory may still say that all is well.
void Cell::OnCompiled(std::string_view payload) {
  const auto compiled = CellExit::Decode(payload);
  if (!compiled) return BrokenInit("bad compiled message");
  if (cgroup_->Usage().oom_kills > 0) EndProgram(RunEnd::kMemoryLimit);
  if (limit_) return;  // init has been told, or is just being told, to end it
  if (auto set = SetLimits(request_.memory_bytes); !set) {
    return Fail("sandbox_setup_failed", set.error().message);
  }
  compiles_ = false;
  compile_us_ = compiled->wall_us;
  Go();
}

void Cell::OnHarvest(CellMessage type, std::string_view payload) {
  if (state_ != State::kHarvesting || summary_) return BrokenInit("message out of order");
  ExpectProgress();
  switch (type) {
    case CellMessage::kOutputBegin: {
      const auto output = CellOutput::Decode(payload);
      const auto& rules = environment_.rules;
      if (!output || in_output_ || ++outputs_seen_ > rules.max_files || output->size > rules.max_file_size ||
          !WorkspaceNameProblem(output->name, rules.max_path, rules.max_depth).empty()) {
        return BrokenInit("bad output announcement");
      }
      in_output_ = true;
      output_left_ = output->size;
      RunOutput out{output->name, output->size, std::nullopt};
      if (output->input != CellOutput::kNew) out.input = output->input;
      return Emit(FrameType::kFileBegin, out.Encode());
    }
    case CellMessage::kOutputData:
      if (!in_output_ || payload.size() > output_left_) return BrokenInit("more output than announced");
      output_left_ -= payload.size();
      return Emit(FrameType::kFileData, payload);
    case CellMessage::kOutputEnd: {
      if (!in_output_ || payload.size() != 1) return BrokenInit("output end without begin");
      in_output_ = false;
      return Emit(FrameType::kFileEnd,
                  payload[0] == 1 && output_left_ == 0 ? R"({"ok":true})" : R"({"ok":false})");
    }
    case CellMessage::kSummary:
      summary_ = HarvestSummary::Decode(payload);
      if (!summary_ || in_output_ || !IsPlausible(*summary_, request_.files)) {
        return BrokenInit("bad summary");
      }
      return MaybeFinish();
    default:
      return BrokenInit("unexpected message");
  }
}

// Init walks a tree of bounded size, so silence means that it hangs; unless the worker has no room for what
// it says.
void Cell::ExpectProgress() {
  loop_.Cancel(deadline_);
  deadline_ = loop_.At(Clock::now() + kHarvestDeadline, [this] {
    if (credit_ <= 0) return ExpectProgress();
    BrokenInit("the harvest made no progress");
  });
}

std::size_t Cell::OnOutput(bool is_stderr) {
  UniqueFd& fd = is_stderr ? process_.err : process_.out;
  std::array<char, kMaxDataPayload> buffer;
  const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return 0;
  if (n <= 0) {
    (is_stderr ? stderr_open_ : stdout_open_) = false;
    UpdateReading();
    MaybeFinish();
    return 0;
  }
  OnOutputBytes(is_stderr, {buffer.data(), static_cast<std::size_t>(n)});
  if (state_ != State::kDying) UpdateReading();
  return static_cast<std::size_t>(n);
}

void Cell::OnOutputBytes(bool is_stderr, std::string_view bytes) {
  std::uint64_t& seen = is_stderr ? stderr_bytes_ : stdout_bytes_;
  const std::uint64_t room = request_.output_bytes - std::min(seen, request_.output_bytes);
  seen += bytes.size();
  if (const std::string_view kept = bytes.substr(0, room); !kept.empty()) {
    Emit(is_stderr ? FrameType::kStderr : FrameType::kStdout, kept);
  }
  if (bytes.size() <= room) return;
  // Too much on stderr is cut and the program goes on; too much on stdout ends it. Both are drained from here
  // on.
  if (is_stderr) {
    stderr_truncated_ = true;
  } else {
    EndProgram(RunEnd::kOutputLimit);
    // It may have ended by itself a moment ago, with the excess still in the pipe.
    if (!limit_) limit_ = RunEnd::kOutputLimit;
  }
}

}  // namespace codeapi
