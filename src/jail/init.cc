#include "jail/init.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "jail/cell_mounts.h"
#include "jail/cpus.h"
#include "jail/filter_program.h"
#include "jail/init_channel.h"
#include "jail/init_privileges.h"
#include "jail/landlock.h"
#include "jail/lockdown.h"
#include "jail/monotonic.h"
#include "jail/prestart.h"
#include "jail/private_root.h"
#include "jail/program_activity.h"
#include "jail/program_start.h"
#include "jail/program_watch.h"
#include "jail/refused_calls.h"
#include "jail/tool_channel.h"
#include "jail/workspace.h"
#include "jail/zygote_start.h"

namespace codeapi {
namespace {

class CellInit {
 public:
  int Run();

 private:
  bool SetUp(const CellSetup& setup);
  MountStatus EnterNamespaces(const CellSetup& setup);
  bool Serve();
  std::optional<CellMessageIn> NextMessage();
  bool Bind(const CellBegin& begin);
  bool Prestart(const CellPrestart& prestart);
  bool TakeFile(const CellMessageIn& message);
  void Prepare(ProgramStart& start, bool compiler);
  bool Compile(bool& go_on);
  bool Execute();
  bool Start(bool compiler, const EarlyLooks* ahead = nullptr);
  bool LetGo();
  bool TakeFromZygote(const ProgramStart& start);
  bool ReportStart(int report_fd);
  bool Supervise() { return watch_.UntilTheEnd(main_pid_, started_us_); }
  bool OfferTools();
  bool Finish();
  bool SendFile(const HarvestedFile& file);

  InitChannel channel_{kInitControlFd};
  CellSetup setup_;
  CellBegin begin_;
  CellFilesystem files_;
  std::unique_ptr<Workspace> workspace_;
  UniqueFd null_, landlock_;
  std::unique_ptr<RefusedCalls> refused_;  // in logging mode only
  std::unique_ptr<ToolChannel> tools_;     // of a program that has some
  ProgramWatch watch_{channel_};
  WaitingProgram waiting_;
  bool bound_ = false;
  pid_t main_pid_ = -1;
  bool warm_ = false;
  std::uint64_t started_us_ = 0;
  std::uint64_t spent_us_ = 0;  // CPU time of the program before it was one
};

MountStatus CellInit::EnterNamespaces(const CellSetup& setup) {
  // After the attach: the cell's own cgroup becomes the root of what it sees.
  if (setup.cgroup_namespace && ::unshare(CLONE_NEWCGROUP) != 0) return {errno, "unshare cgroup namespace"};
  if (::sethostname("sandbox", 7) != 0) return {errno, "set host name"};
  return {};
}

bool CellInit::SetUp(const CellSetup& setup) {
  SetupTimings timings{};
  std::uint64_t last = NowMicros();
  const auto step = [&](SetupStep which, const MountStatus& status) {
    const std::uint64_t now = NowMicros();
    timings[static_cast<std::size_t>(which)] = static_cast<std::uint32_t>(now - last);
    last = now;
    if (!status) channel_.SendFailure(status.step, status.error);
    return static_cast<bool>(status);
  };
  if (!step(SetupStep::kCgroupNamespace, EnterNamespaces(setup)) ||
      (!setup.private_mounts.empty() && !step(SetupStep::kRoot, EnterPrivateRoot(setup.private_mounts))) ||
      !step(SetupStep::kWorkspace, MountWorkspace(setup, files_)) || !step(SetupStep::kProc, MountProc())) {
    return false;
  }
  if (::fchown(kInitStdoutFd, setup.uid, setup.gid) != 0 ||
      ::fchown(kInitStderrFd, setup.uid, setup.gid) != 0) {
    channel_.SendFailure("own the output pipes", errno);
    return false;
  }
  auto landlock = MakeLandlockRuleset();
  if (!landlock) {
    channel_.SendFailure(landlock.error().message, 0);
    return false;
  }
  landlock_ = std::move(*landlock);
  if (!step(SetupStep::kPrivileges, DropInitPrivileges())) return false;
  workspace_ = std::make_unique<Workspace>(UniqueFd(::fcntl(files_.workspace.get(), F_DUPFD_CLOEXEC, 8)),
                                           setup.uid, setup.gid);
  WireWriter ready;
  for (const std::uint32_t t : timings) ready.U32(t);
  return channel_.Send(CellMessage::kReady, ready.payload());
}

bool CellInit::TakeFile(const CellMessageIn& message) {
  int error = 0;
  std::string step;
  if (message.type == CellMessage::kFileBegin) {
    const auto file = CellFile::Decode(message.payload);
    if (!file || (file->kind == CellFileKind::kSupport && begin_.tool_calls == 0)) return false;
    error = workspace_->BeginFile(*file);
    step = "create input file";
  } else if (message.type == CellMessage::kFileData) {
    error = workspace_->Append(message.payload);
    step = "write input file";
  } else {
    error = workspace_->EndFile();
    step = "finish input file";
  }
  if (error != 0) channel_.SendFailure(step, error, true);
  return error == 0;
}

// A cell whose interpreter has ended while nobody wanted it is of no use. With a job in it, it still is.
std::optional<CellMessageIn> CellInit::NextMessage() {
  while (waiting_.waits() && !bound_) {
    pollfd fds[] = {{channel_.fd(), POLLIN, 0}, {waiting_.pidfd(), POLLIN, 0}};
    if (::poll(fds, std::size(fds), -1) < 0 && errno == EINTR) continue;
    if (fds[0].revents != 0) break;
    if (fds[1].revents != 0) return std::nullopt;
  }
  return channel_.Receive();
}

bool CellInit::Bind(const CellBegin& begin) {
  begin_ = begin;
  BindToCpus(begin_.cpus);
  const std::string text = MeminfoText(begin_.memory);
  return ::pwrite(files_.meminfo.get(), text.data(), text.size(), 0) >= 0;
}

bool CellInit::Prestart(const CellPrestart& prestart) {
  if (!Bind(prestart.begin)) return false;
  const auto path = [](const std::string& name) { return std::string(kWorkspacePath) + "/" + name; };
  EarlyLooks looks{kWorkspacePath, {}, {}};
  for (const std::string& name : prestart.missing) looks.missing.push_back(path(name));
  if (!prestart.program.empty()) {
    // The program's own file takes its place.
    looks.program = path(prestart.program);
    const int error = workspace_->BeginFile({CellFileKind::kSource, false, 0, prestart.program});
    if (error != 0 || workspace_->EndFile() != 0) return false;
  }
  return Start(false, &looks) &&
         channel_.Send(CellMessage::kPrestarted, WireWriter().U64(waiting_.memory()).payload());
}

bool CellInit::Serve() {
  while (auto message = NextMessage()) {
    switch (message->type) {
      case CellMessage::kPrestart: {
        const auto prestart = CellPrestart::Decode(message->payload);
        if (!prestart || bound_ || waiting_.waits() || !Prestart(*prestart)) return false;
        break;
      }
      case CellMessage::kBegin: {
        const auto begin = CellBegin::Decode(message->payload);
        if (!begin || !Bind(*begin)) return false;
        bound_ = true;
        break;
      }
      case CellMessage::kFileBegin:
      case CellMessage::kFileData:
      case CellMessage::kFileEnd:
        if (!TakeFile(*message)) return false;
        break;
      case CellMessage::kGo:
        return bound_ && Execute() && Finish();
      default:
        return false;
    }
  }
  return false;
}

void CellInit::Prepare(ProgramStart& start, bool compiler) {
  start.argv = Pointers(compiler ? begin_.compile : begin_.argv);
  start.env = Pointers(begin_.env);
  start.compiled = !compiler && !begin_.compile.empty();
  const std::uint64_t data = compiler ? begin_.compile_data_limit : begin_.data_limit;
  start.limits = {ResourceLimit{RLIMIT_NOFILE, begin_.open_files},
                  // A rootless cell's init is the same user as its program, and counts.
                  ResourceLimit{RLIMIT_NPROC, begin_.processes + (setup_.rootless ? 1 : 0)},
                  ResourceLimit{RLIMIT_FSIZE, begin_.file_size},
                  ResourceLimit{RLIMIT_DATA, data != 0 ? data : RLIM_INFINITY},
                  ResourceLimit{RLIMIT_CORE, 0},  // attack 22: no core file is ever an output
                  ResourceLimit{RLIMIT_MEMLOCK, 0}, ResourceLimit{RLIMIT_RTPRIO, 0},
                  ResourceLimit{RLIMIT_NICE, 0},  // attack 11
                  ResourceLimit{RLIMIT_STACK, 8u << 20}};
  LockdownSpec& spec = start.spec;
  spec.uid = setup_.uid;
  spec.gid = setup_.gid;
  spec.keep_groups = setup_.rootless;
  null_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  spec.stdin_fd = compiler || workspace_->stdin_fd() < 0 ? null_.get() : workspace_->stdin_fd();
  // What a compiler prints is a message, whichever way it goes.
  spec.stdout_fd = compiler ? kInitStderrFd : kInitStdoutFd;
  spec.stderr_fd = kInitStderrFd;
  spec.limits = start.limits.data();
  spec.limit_count = start.limits.size();
  spec.working_directory = kWorkspacePath;
  spec.landlock_fd = landlock_.get();
  spec.allow = AsProgram(setup_.filter_allow);
  spec.deny = AsProgram(setup_.filter_deny);
  if (setup_.log_refusals) {
    if (!refused_) refused_ = std::make_unique<RefusedCalls>(setup_.filter_deny, setup_.filter_allow);
    spec.listening = AsProgram(refused_->filter());
  }
}

// Or the jailer would wait for the end of the output as long as init lives.
void CloseOutput() {
  ::close(kInitStdoutFd);
  ::close(kInitStderrFd);
}

// The compiler: like a program in all but its output, which is none, its input, and its limits. When this
// returns, nothing that it started is left, so nobody else can touch what it has made before it is executed.
bool CellInit::Compile(bool& go_on) {
  go_on = false;
  // Nothing has run in this cell yet, so the path leads where it says.
  if (::mkdir(begin_.build_directory.c_str(), 0700) != 0 ||
      ::chown(begin_.build_directory.c_str(), setup_.uid, setup_.gid) != 0) {
    // Inputs may have taken the last file that there may be.
    channel_.SendFailure("make the build directory", errno, true);
    return false;
  }
  if (!Start(true) || !Supervise()) return false;
  if (watch_.killed() || watch_.exit().wait_status != 0) return true;
  if (!channel_.Send(CellMessage::kCompiled, watch_.exit().Encode())) return false;
  const auto answer = channel_.Receive();
  go_on = answer && answer->type == CellMessage::kGo;
  return go_on || (answer && answer->type == CellMessage::kKill);
}

// From the first process to the report of how it ended.
bool CellInit::Execute() {
  if (const int error = watch_.Open(); error != 0) {
    channel_.SendFailure("watch for the end of processes", error);
    return false;
  }
  bool go_on = true;
  if (!begin_.compile.empty() && !Compile(go_on)) return false;
  if (go_on && begin_.tool_calls > 0 && !OfferTools()) return false;
  if (go_on && !LetGo() && !Start(false)) return false;
  CloseOutput();
  if (go_on && !Supervise()) return false;
  if (refused_) watch_.exit().refused = refused_->Take();
  watch_.exit().warm = warm_;
  watch_.exit().cpu_us -= std::min(watch_.exit().cpu_us, spent_us_);
  return channel_.Send(CellMessage::kExited, watch_.exit().Encode());
}

// Where the program will call. It needs a ruleset that lets it.
bool CellInit::OfferTools() {
  tools_ = std::make_unique<ToolChannel>(channel_, begin_.tool_calls,
                                         ToolChannel::Sight{ProgramSleeps, ProgramStarts});
  if (const int error = tools_->Open(); error != 0) {
    channel_.SendFailure("make the tools' socket", error);
    return false;
  }
  auto landlock = MakeLandlockRuleset(AbstractSockets::kInits);
  if (!landlock) {
    channel_.SendFailure(landlock.error().message, 0);
    return false;
  }
  landlock_ = std::move(*landlock);
  return true;
}

// With `ahead` it is not a program yet: its interpreter is started, and waits.
bool CellInit::Start(bool compiler, const EarlyLooks* ahead) {
  int report[2];
  // A socket where a descriptor will be sent as well.
  const int made = setup_.log_refusals ? ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report)
                                       : ::pipe2(report, O_CLOEXEC);
  if (made != 0) {
    channel_.SendFailure("make the report pipe", errno);
    return false;
  }
  UniqueFd report_read(report[0]), report_write(report[1]);
  ProgramStart start;
  Prepare(start, compiler);
  start.spec.keep_fd = report_write.get();
  watch_.Serve(refused_.get(), compiler ? nullptr : tools_.get());
  started_us_ = NowMicros();
  if (ahead != nullptr) {
    const bool waits = waiting_.Start(start, *ahead);
    report_write.reset();
    if (!ReportStart(report_read.get())) return false;
    if (!waits) channel_.SendFailure("have the interpreter wait", ECHILD);
    return waits;
  }
  if (!compiler && begin_.warm && TakeFromZygote(start)) {
    warm_ = true;
  } else {
    main_pid_ = ::fork();
    if (main_pid_ < 0) {
      channel_.SendFailure("fork", errno);
      return false;
    }
    if (main_pid_ == 0) RunProgram(start);
  }
  report_write.reset();
  return ReportStart(report_read.get());
}

// The interpreter that waits becomes the program.
bool CellInit::LetGo() {
  // Its input is another one than what a program is started with that has none.
  if (!waiting_.waits() || workspace_->stdin_fd() >= 0) {
    waiting_.End();
    return false;
  }
  watch_.Serve(refused_.get(), tools_.get());
  spent_us_ = waiting_.cpu_us();
  started_us_ = NowMicros();
  main_pid_ = waiting_.Release();
  warm_ = main_pid_ > 0;
  if (!warm_) spent_us_ = 0;
  return warm_;
}

// The link is closed in any case: a program that comes too late finds nobody, and ends.
bool CellInit::TakeFromZygote(const ProgramStart& start) {
  const UniqueFd link(kInitLinkFd);
  const auto pid = AwaitZygoteProgram(link.get());
  if (!pid || !StartZygoteProgram(link.get(), start, begin_.cpus)) return false;
  main_pid_ = *pid;
  return true;
}

// The pipe closes at the exec; what comes before that is the listener of the filter, or why there was no
// exec.
bool CellInit::ReportStart(int report_fd) {
  if (refused_) refused_->Listen(ReceiveDescriptor(report_fd));
  StartFailure failure;
  ssize_t n;
  do n = ::read(report_fd, &failure, sizeof failure);
  while (n < 0 && errno == EINTR);
  if (n == 0) return true;
  if (n == sizeof failure) channel_.SendFailure(LockdownStepName(failure.step), failure.error);
  return false;
}

bool CellInit::SendFile(const HarvestedFile& file) {
  CellOutput header{file.input, file.size, file.name};
  if (file.marker) {
    return channel_.Send(CellMessage::kOutputBegin, header.Encode()) &&
           channel_.Send(CellMessage::kOutputEnd, WireWriter().U8(1).payload());
  }
  const auto fd = workspace_->OpenFile(file);
  if (!fd) return true;  // nothing runs that could have changed it; leave it out rather than guess
  if (!channel_.Send(CellMessage::kOutputBegin, header.Encode())) return false;
  std::string buffer(kMaxCellData, '\0');
  std::uint64_t sent = 0;
  while (sent < file.size) {
    const ssize_t n =
        ::read(fd->get(), buffer.data(), std::min<std::uint64_t>(buffer.size(), file.size - sent));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    if (!channel_.Send(CellMessage::kOutputData, {buffer.data(), static_cast<std::size_t>(n)})) return false;
    sent += static_cast<std::uint64_t>(n);
  }
  return channel_.Send(CellMessage::kOutputEnd, WireWriter().U8(sent == file.size).payload());
}

bool CellInit::Finish() {
  const HarvestResult result = workspace_->Walk(begin_.rules);
  for (const HarvestedFile& file : result.files) {
    if (!SendFile(file)) return false;
  }
  if (!channel_.Send(CellMessage::kSummary, result.summary.Encode())) return false;
  // The jailer ends the cell when it has what it needs.
  while (channel_.Receive()) continue;
  return true;
}

int CellInit::Run() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  ::umask(0);
  for (const int fd : {kInitControlFd, kInitStdoutFd, kInitStderrFd, kInitLinkFd})
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  const auto first = channel_.Receive();
  if (!first || first->type != CellMessage::kSetup) return 1;
  const auto setup = CellSetup::Decode(first->payload);
  if (!setup) return 1;
  setup_ = *setup;
  return SetUp(setup_) && Serve() ? 0 : 1;
}

}  // namespace

int RunCellInit() {
  return CellInit().Run();
}

}  // namespace codeapi
