#include "jailer/cell.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/text.h"
#include "jail/cell_mounts.h"
#include "runtime/runtime.h"

namespace codeapi {
namespace {

constexpr auto kSetupDeadline = std::chrono::seconds(15);
// For init to kill everything and reap it, on a machine that is busy with worse.
constexpr auto kEndDeadline = std::chrono::seconds(30);
constexpr auto kHarvestDeadline = std::chrono::seconds(60);
// The kernel takes a moment to empty a cgroup after its last process was reaped.
constexpr auto kRemoveRetry = std::chrono::milliseconds(5);
// CPU time is checked no more often than this, however little is left.
constexpr std::uint64_t kMinCpuCheckUs = 5'000;
constexpr std::size_t kMaxFailureText = 256;

// Whether a summary can be about a run of `files` files and fits into a frame to the worker.
bool IsPlausible(const HarvestSummary& summary, std::uint32_t files) {
  return summary.unchanged.size() + summary.deleted.size() <= files &&
         std::ranges::all_of(summary.skipped, [](const std::string& name) {
           return name.size() <= HarvestSummary::kMaxSkippedName && IsUtf8(name);
         });
}

}  // namespace

Cell::Cell(EventLoop& loop, CellEvents& events, const CellEnvironment& environment, std::uint32_t slot,
           CellProcess process, std::unique_ptr<CellCgroup> cgroup, SetupTimings timings)
    : loop_(loop),
      events_(events),
      environment_(environment),
      slot_(slot),
      process_(std::move(process)),
      cgroup_(std::move(cgroup)),
      timings_(timings) {}

Cell::~Cell() {
  for (const int fd : {process_.control.get(), process_.out.get(), process_.err.get(), process_.pidfd.get(),
                       cgroup_->oom_fd()}) {
    if (fd >= 0) loop_.Remove(fd);
  }
  for (const auto timer : {deadline_, wall_timer_, cpu_timer_, remove_timer_}) loop_.Cancel(timer);
}

void Cell::SetUp(const CellSetup& setup) {
  bool watched = true;
  const auto watch = [&](int fd, std::uint32_t events, std::function<void(std::uint32_t)> callback) {
    if (!loop_.Add(fd, events, std::move(callback))) watched = false;
  };
  watch(process_.pidfd.get(), EPOLLIN, [this](std::uint32_t) { OnInitEnded(); });
  watch(process_.control.get(), EPOLLIN, [this](std::uint32_t events) { OnControl(events); });
  watch(process_.out.get(), 0, [this](std::uint32_t) { OnOutput(false); });
  watch(process_.err.get(), 0, [this](std::uint32_t) { OnOutput(true); });
  if (cgroup_->oom_fd() >= 0) {
    watch(cgroup_->oom_fd(), cgroup_->oom_epoll_events(), [this](std::uint32_t) { OnOom(); });
  }
  if (!watched) return BrokenInit("its descriptors cannot be watched");
  deadline_ = loop_.At(Clock::now() + kSetupDeadline, [this] { BrokenInit("set-up took too long"); });
  Send(CellMessage::kSetup, setup.Encode());
}

void Cell::Bind(std::uint32_t job, const RunRequest& request) {
  job_ = job;
  job_open_ = true;
  request_ = request;
  files_left_ = request.files;
  credit_ = kInitialCredit;
  state_ = State::kFeeding;
  const CgroupLimits limits{request.memory_bytes + environment_.workspace_bytes, request.processes + 1,
                            environment_.cpu_hundredths};
  if (auto set = cgroup_->SetLimits(limits); !set) return Fail("sandbox_setup_failed", set.error().message);
  const Runtime* runtime = FindRuntime(request.runtime);
  if (runtime == nullptr) return Fail("sandbox_setup_failed", "unknown runtime " + request.runtime);
  ProgramStartSpec start = MakeProgramStart(*runtime, std::string(kWorkspacePath) + "/" + request.source_name,
                                            request.args, request.memory_bytes);
  CellBegin begin;
  begin.argv = std::move(start.argv);
  begin.env = std::move(start.env);
  begin.open_files = request.open_files;
  begin.processes = request.processes;
  begin.file_size = request.file_size;
  begin.data_limit = environment_.limits_memory ? 0 : request.memory_bytes;
  begin.memory = request.memory_bytes;
  begin.rules = environment_.rules;
  Send(CellMessage::kBegin, begin.Encode());
  if (files_left_ == 0) Go();
}

void Cell::Feed(FrameType type, std::string_view payload) {
  if (state_ != State::kFeeding) return;  // the job has failed meanwhile; the worker has been told
  switch (type) {
    case FrameType::kFileBegin: {
      const auto file = RunFile::Decode(payload);
      if (!file) return Fail("input_invalid", file.error().message);
      const std::string problem =
          file->kind == CellFileKind::kStdin
              ? std::string()
              : WorkspaceNameProblem(file->name, environment_.rules.max_path, environment_.rules.max_depth);
      if (!problem.empty()) return Fail("input_invalid", "a file's name " + problem);
      return Send(CellMessage::kFileBegin,
                  CellFile{file->kind, file->read_only, file->index, file->name}.Encode());
    }
    case FrameType::kFileData:
      fed_unflushed_ += static_cast<std::uint32_t>(payload.size());
      return Send(CellMessage::kFileData, payload);
    case FrameType::kFileEnd:
      Send(CellMessage::kFileEnd, {});
      if (files_left_ > 0) --files_left_;
      if (files_left_ == 0) Go();
      return;
    default:
      return;
  }
}

void Cell::Go() {
  state_ = State::kRunning;
  cpu_baseline_us_ = cgroup_->Usage().cpu_us;
  stdout_open_ = stderr_open_ = true;
  wall_timer_ = loop_.At(Clock::now() + std::chrono::milliseconds(request_.wall_ms),
                         [this] { EndProgram(RunEnd::kWallLimit); });
  cpu_timer_ = loop_.At(Clock::now() + std::chrono::milliseconds(request_.cpu_ms) / environment_.cpus,
                        [this] { OnCpuTimer(); });
  UpdateReading();
  Send(CellMessage::kGo, {});
}

// The whole tree can burn no faster than all CPUs at once, so the limit cannot be reached before `remaining /
// cpus`.
void Cell::OnCpuTimer() {
  const std::uint64_t used = cgroup_->Usage().cpu_us - cpu_baseline_us_;
  const std::uint64_t limit = request_.cpu_ms * 1000;
  if (used >= limit) return EndProgram(RunEnd::kCpuLimit);
  const std::uint64_t wait = std::max((limit - used) / environment_.cpus, kMinCpuCheckUs);
  cpu_timer_ = loop_.At(Clock::now() + std::chrono::microseconds(wait), [this] { OnCpuTimer(); });
}

void Cell::EndProgram(RunEnd why) {
  if (state_ != State::kRunning || limit_) return;
  limit_ = why;
  Send(CellMessage::kKill, {});
  deadline_ = loop_.At(Clock::now() + kEndDeadline, [this] { BrokenInit("the program could not be ended"); });
}

void Cell::OnOom() {
  cgroup_->DrainOomEvent();
  // The event is raised when the group runs out, also if reclaim then helps: only a kill counts.
  if (cgroup_->Usage().oom_kills > 0) {
    EndProgram(RunEnd::kMemoryLimit);
  } else if (state_ == State::kRunning && !limit_) {
    // The kill comes right behind the event; look again shortly.
    loop_.Cancel(remove_timer_);
    remove_timer_ = loop_.At(Clock::now() + kRemoveRetry, [this] {
      if (cgroup_->Usage().oom_kills > 0) EndProgram(RunEnd::kMemoryLimit);
    });
  }
}

void Cell::Send(CellMessage type, std::string_view payload) {
  std::array<char, kCellHeaderSize> header;
  const auto length = static_cast<std::uint32_t>(payload.size());
  std::memcpy(header.data(), &length, sizeof length);
  header[4] = static_cast<char>(type);
  outgoing_.append(header.data(), header.size());
  outgoing_.append(payload);
  Flush();
}

void Cell::Flush() {
  while (outgoing_offset_ < outgoing_.size()) {
    const ssize_t n = ::send(process_.control.get(), outgoing_.data() + outgoing_offset_,
                             outgoing_.size() - outgoing_offset_, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return WatchControl();
    if (n < 0) return;  // init is gone; its pidfd will say so
    outgoing_offset_ += static_cast<std::size_t>(n);
  }
  outgoing_.clear();
  outgoing_offset_ = 0;
  fed_bytes_ += std::exchange(fed_unflushed_, 0);
  WatchControl();
}

std::uint32_t Cell::TakeFedBytes() {
  return std::exchange(fed_bytes_, 0);
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
  if (IsDataFrame(type)) credit_ -= static_cast<std::int64_t>(payload.size());
  events_.CellFrame(*this, type, payload);
}

void Cell::OnControl(std::uint32_t events) {
  if (events & EPOLLOUT) {
    Flush();
    // An empty frame, so that the worker is credited with what went out.
    if (outgoing_.empty() && fed_bytes_ > 0) events_.CellFrame(*this, FrameType::kCredit, {});
  }
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
  if (type == CellMessage::kFailed) {
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
  if (type == CellMessage::kReady && state_ == State::kSettingUp) {
    WireReader in(payload);
    for (std::size_t i = 0; i < kSetupSteps; ++i) timings_[i] += in.U32();
    if (!in.done()) return BrokenInit("bad ready message");
    loop_.Cancel(std::exchange(deadline_, 0));
    state_ = State::kIdle;
    return events_.CellReady(*this);
  }
  if (type == CellMessage::kExited && state_ == State::kRunning) {
    exit_ = CellExit::Decode(payload);
    if (!exit_) return BrokenInit("bad exit message");
    loop_.Cancel(std::exchange(wall_timer_, 0));
    loop_.Cancel(std::exchange(cpu_timer_, 0));
    state_ = State::kHarvesting;
    return ExpectProgress();
  }
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

void Cell::OnOutput(bool is_stderr) {
  UniqueFd& fd = is_stderr ? process_.err : process_.out;
  std::array<char, kMaxDataPayload> buffer;
  const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (n <= 0) {
    (is_stderr ? stderr_open_ : stdout_open_) = false;
    UpdateReading();
    return MaybeFinish();
  }
  OnOutputBytes(is_stderr, {buffer.data(), static_cast<std::size_t>(n)});
  if (state_ != State::kDying) UpdateReading();
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

void Cell::MaybeFinish() {
  if (!job_open_ || !summary_ || stdout_open_ || stderr_open_) return;
  job_open_ = false;
  Emit(FrameType::kVerdict, MakeVerdict().Encode());
  Die();
}

Verdict Cell::MakeVerdict() const {
  Verdict out;
  const CgroupUsage usage = cgroup_->Usage();
  if (exit_) {
    out.wall_us = exit_->wall_us;
    out.cpu_us = exit_->cpu_us;
    const int status = static_cast<int>(exit_->wait_status);
    out.end = WIFSIGNALED(status) ? RunEnd::kSignal : RunEnd::kExit;
    out.code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    out.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }
  if (usage.cpu_us > cpu_baseline_us_) out.cpu_us = usage.cpu_us - cpu_baseline_us_;
  out.memory_peak = usage.memory_peak;
  if (usage.oom_kills > 0) out.end = RunEnd::kMemoryLimit;
  if (limit_) out.end = *limit_;
  out.stderr_truncated = stderr_truncated_;
  if (summary_) out.harvest = *summary_;
  for (std::size_t i = 0; i < kSetupSteps; ++i) {
    out.setup_us[SetupStepName(static_cast<SetupStep>(i))] = timings_[i];
  }
  return out;
}

void Cell::Cancel() {
  if (!job_open_) return;
  job_open_ = false;
  limit_ = RunEnd::kCancelled;
  Emit(FrameType::kVerdict, MakeVerdict().Encode());
  Die();
}

void Cell::Fail(const std::string& code, const std::string& message) {
  if (std::exchange(job_open_, false)) Emit(FrameType::kError, RunFailure{code, message}.Encode());
  Die();
}

void Cell::BrokenInit(const std::string& why) {
  if (state_ == State::kDying) return;
  const bool never_ready = state_ == State::kSettingUp;
  Fail("sandbox_failed", why);
  if (never_ready) events_.CellNeverReady(*this, why);
}

void Cell::Kill() {
  job_open_ = false;
  Die();
}

void Cell::Die() {
  if (state_ == State::kDying) return;
  state_ = State::kDying;
  for (auto* timer : {&deadline_, &wall_timer_, &cpu_timer_, &remove_timer_})
    loop_.Cancel(std::exchange(*timer, 0));
  for (const UniqueFd* fd : {&process_.control, &process_.out, &process_.err}) loop_.Modify(fd->get(), 0);
  if (cgroup_->oom_fd() >= 0) loop_.Remove(cgroup_->oom_fd());
  // PID 1 takes its whole namespace along. Freeing the workspace happens in its exit, not here.
  ::syscall(SYS_pidfd_send_signal, process_.pidfd.get(), SIGKILL, nullptr, 0);
}

void Cell::OnInitEnded() {
  siginfo_t info{};
  if (::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(process_.pidfd.get()), &info,
               WEXITED | WNOHANG) != 0 ||
      info.si_pid == 0) {
    return;
  }
  loop_.Remove(process_.pidfd.get());
  // What it said last, a failure above all, may still be in the stream.
  while (state_ != State::kDying && ReadControl()) continue;
  if (state_ != State::kDying) {
    // Init never ends by itself before it is told to: the kernel killed it for memory, or it gave up.
    if (job_open_ && cgroup_->Usage().oom_kills > 0) {
      limit_ = RunEnd::kMemoryLimit;
      job_open_ = false;
      Emit(FrameType::kVerdict, MakeVerdict().Encode());
      Die();
    } else {
      const std::string why = CellStartFailure(info.si_status);
      BrokenInit(why.empty() ? "init ended with " + std::to_string(info.si_status) : "init " + why);
    }
  }
  TryRemove();
}

void Cell::TryRemove() {
  if (cgroup_->Remove()) return events_.CellGone(*this);  // destroys this
  remove_timer_ = loop_.At(Clock::now() + kRemoveRetry, [this] { TryRemove(); });
}

}  // namespace codeapi
