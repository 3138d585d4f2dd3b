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
#include <cstring>
#include <utility>

#include "base/text.h"
#include "jail/cell_mounts.h"
#include "jail/plot_backend.h"
#include "jail/seccomp_policy.h"
#include "runtime/runtime.h"

namespace codeapi {
namespace {

constexpr auto kSetupDeadline = std::chrono::seconds(15);
// For init to kill everything and reap it, on a machine that is busy with worse. A fork bomb's processes must
// each get the CPU once more in order to end: beside 15 other cells and builds, 30 s were seen not to be
// enough.
constexpr auto kEndDeadline = std::chrono::seconds(120);
// The kernel takes a moment to empty a cgroup after its last process was reaped.
constexpr auto kRemoveRetry = std::chrono::milliseconds(5);
// CPU time is checked no more often than this, however little is left.
constexpr std::uint64_t kMinCpuCheckUs = 5'000;

// Only numbers come from init; words are made here.
RefusedCallReport Describe(const RefusedCall& call) {
  RefusedCallReport out;
  out.name = call.number == RefusedCall::kOthers ? "others" : SystemCallName(call.number);
  out.number = call.number;
  const char* error = ::strerrorname_np(call.error);
  out.error = error == nullptr ? "unknown" : error;
  out.count = call.count;
  if (const auto index = DecidingArgument(out.name)) {
    out.argument = static_cast<std::uint32_t>(call.arguments.at(*index));
  }
  return out;
}

}  // namespace

std::vector<std::string> CellEnvironment::FindLanguages() {
  std::vector<std::string> out;
  for (const Runtime& runtime : Runtimes()) {
    const Command* command = FindCommand(runtime, "");
    if (command == nullptr) continue;
    runtimes.push_back({&runtime, command});
    out.push_back(runtime.id);
  }
  if (HasPlotBackend()) plot_backend = "module://codeapi_matplotlib";
  return out;
}

ZygoteSpec CellEnvironment::UsualStart(ZygoteKind kind) const {
  const auto it = std::ranges::find_if(runtimes, [](const InstalledRuntime& i) { return i.command->forks; });
  if (it == runtimes.end()) return {};
  const Runtime& runtime = *it->runtime;
  ProgramSpec program;
  program.source_path = std::string(kWorkspacePath) + "/" + runtime.source_stem + runtime.source_extension;
  program.plot_backend = plot_backend;
  program.tools = kind.tools;
  ProgramStartSpec start = MakeProgramStart(runtime, *it->command, program);
  return {std::move(start.argv), std::move(start.env), kind.data};
}

const InstalledRuntime* CellEnvironment::Find(std::string_view id) const {
  const auto it =
      std::ranges::find_if(runtimes, [&](const InstalledRuntime& i) { return i.runtime->id == id; });
  return it == runtimes.end() ? nullptr : &*it;
}

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
  for (const auto timer : {deadline_, wall_timer_, cpu_timer_, remove_timer_, flush_}) loop_.Cancel(timer);
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
  uid_ = setup.uid;
  gid_ = setup.gid;
  rootless_ = setup.rootless;
  Send(CellMessage::kSetup, setup.Encode());
}

void Cell::Bind(std::uint32_t job, const RunRequest& request, std::vector<std::uint32_t> cpus) {
  job_ = job;
  job_open_ = true;
  request_ = request;
  cpus_ = std::move(cpus);
  files_left_ = request.files;
  credit_ = kInitialCredit;
  state_ = State::kFeeding;
  const InstalledRuntime* installed = environment_.Find(request.runtime);
  if (installed == nullptr) return Fail("sandbox_setup_failed", "unknown runtime " + request.runtime);
  CellBegin begin = MakeBegin(environment_, *installed, request_);
  begin.cpus = cpus_;
  compiles_ = !begin.compile.empty();
  if (auto set = SetLimits(compiles_ ? request.compile_memory_bytes : request.memory_bytes); !set) {
    return Fail("sandbox_setup_failed", set.error().message);
  }
  // It makes its way into the cell while the files are on theirs.
  begin.warm =
      forked_ ||
      (installed->command->forks &&
       AskForFork({{request_.tool_calls > 0, request_.data}, begin.argv, begin.env, request_.own_modules}));
  process_.link.reset();
  cgroup_->CloseJoinFds();
  Send(CellMessage::kBegin, begin.Encode());
  if (files_left_ == 0) Go();
}

CgroupLimits LimitsOf(const CellEnvironment& environment, const RunRequest& request,
                      std::uint64_t memory_bytes) {
  return {memory_bytes + environment.workspace_bytes, request.processes + 1, environment.cpu_hundredths,
          environment.cpu_weight};
}

Result<void> Cell::SetLimits(std::uint64_t memory_bytes) {
  return cgroup_->SetLimits(LimitsOf(environment_, request_, memory_bytes));
}

bool Cell::AskForFork(const ZygoteProgram& program) {
  if (environment_.zygotes == nullptr) return false;
  ZygoteFork fork{uid_, gid_, rootless_, false};
  std::vector<int> fds = {process_.pidfd.get(), process_.link.get()};
  fds.insert(fds.end(), cgroup_->join_fds().begin(), cgroup_->join_fds().end());
  if (const int into = cgroup_->clone_into_fd(); into >= 0) {
    fork.clone_into = true;
    fds.push_back(into);
  }
  return environment_.zygotes->Fork(program, fork, fds);
}

void Cell::Feed(FrameType type, std::string_view payload) {
  if (type == FrameType::kToolResult) return FeedToolResult(payload);
  if (state_ != State::kFeeding) return;  // the job has failed meanwhile; the worker has been told
  switch (type) {
    case FrameType::kFileBegin: {
      const auto file = RunFile::Decode(payload);
      if (!file) return Fail("input_invalid", file.error().message);
      // The names of the other two init looks at: it takes none but a few.
      const bool named = file->kind == CellFileKind::kSource || file->kind == CellFileKind::kInput;
      const std::string problem = !named ? std::string()
                                         : WorkspaceNameProblem(file->name, environment_.rules.max_path,
                                                                environment_.rules.max_depth);
      if (file->kind == CellFileKind::kSupport && request_.tool_calls == 0) {
        return Fail("input_invalid", "a support file without tools");
      }
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
  state_ = compiles_ ? State::kCompiling : State::kRunning;
  stdout_open_ = stderr_open_ = true;
  // Before the clocks, whose start reads the cgroup's files: the program need not wait for that.
  Send(CellMessage::kGo, {});
  Flush();
  if (compiles_) {
    StartClocks(request_.compile_wall_ms, request_.compile_cpu_ms);
  } else {
    StartClocks(request_.wall_ms, request_.cpu_ms);
  }
  cpu_baseline_us_ = cpu_limit_baseline_us_;
  UpdateReading();
}

void Cell::StartClocks(std::uint64_t wall_ms, std::uint64_t cpu_ms) {
  for (auto* timer : {&wall_timer_, &cpu_timer_}) loop_.Cancel(std::exchange(*timer, 0));
  wall_limit_ms_ = wall_ms;
  cpu_limit_us_ = cpu_ms * 1000;
  cpu_limit_baseline_us_ = cgroup_->Usage().cpu_us;
  wall_timer_ =
      loop_.At(Clock::now() + std::chrono::milliseconds(wall_ms), [this] { EndProgram(RunEnd::kWallLimit); });
  cpu_timer_ = loop_.At(Clock::now() + std::chrono::milliseconds(cpu_ms) / environment_.cpus,
                        [this] { OnCpuTimer(); });
}

// The whole tree can burn no faster than all CPUs at once, so the limit cannot be reached before `remaining /
// cpus`.
void Cell::OnCpuTimer() {
  const std::uint64_t used = cgroup_->Usage().cpu_us - cpu_limit_baseline_us_;
  if (used >= cpu_limit_us_) return EndProgram(RunEnd::kCpuLimit);
  const std::uint64_t wait = std::max((cpu_limit_us_ - used) / environment_.cpus, kMinCpuCheckUs);
  cpu_timer_ = loop_.At(Clock::now() + std::chrono::microseconds(wait), [this] { OnCpuTimer(); });
}

void Cell::EndProgram(RunEnd why) {
  if (!Executes() || limit_) return;
  limit_ = why;
  Send(CellMessage::kKill, {});
  deadline_ = loop_.At(Clock::now() + kEndDeadline, [this] { BrokenInit("the program could not be ended"); });
}

void Cell::OnOom() {
  cgroup_->DrainOomEvent();
  // The event is raised when the group runs out, also if reclaim then helps: only a kill counts.
  if (cgroup_->Usage().oom_kills > 0) {
    EndProgram(RunEnd::kMemoryLimit);
  } else if (Executes() && !limit_) {
    // The kill comes right behind the event; look again shortly.
    loop_.Cancel(remove_timer_);
    remove_timer_ = loop_.At(Clock::now() + kRemoveRetry, [this] {
      if (cgroup_->Usage().oom_kills > 0) EndProgram(RunEnd::kMemoryLimit);
    });
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
    out.wall_us = exit_->wall_us - std::min(waited_us_, exit_->wall_us);
    out.cpu_us = exit_->cpu_us;
    const int status = static_cast<int>(exit_->wait_status);
    out.end = WIFSIGNALED(status) ? RunEnd::kSignal : RunEnd::kExit;
    out.code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    out.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    for (const RefusedCall& call : exit_->refused) out.refused.push_back(Describe(call));
  }
  if (usage.cpu_us > cpu_baseline_us_) out.cpu_us = usage.cpu_us - cpu_baseline_us_;
  // Without a cgroup that counts, the largest process is the best that is known.
  out.memory_peak = usage.memory_peak == 0 && exit_ ? exit_->max_rss : usage.memory_peak;
  if (usage.oom_kills > 0) out.end = RunEnd::kMemoryLimit;
  if (limit_) out.end = *limit_;
  // Init's clock starts a little after the timer's, and no program that was ended for its time took less.
  if (out.end == RunEnd::kWallLimit) out.wall_us = std::max(out.wall_us, wall_limit_ms_ * 1000);
  out.compiling = compiles_ && (exit_ || limit_);
  out.compile_us = out.compiling ? out.wall_us : compile_us_;
  out.stderr_truncated = stderr_truncated_;
  out.warm = exit_ && exit_->warm;
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
  const bool never_ready = state_ == State::kSettingUp || state_ == State::kPrestarting;
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
  cgroup_->KillAll();
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
