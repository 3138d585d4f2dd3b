#include "jailer/jailer.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <thread>
#include <utility>

#include "runtime/source.h"

namespace codeapi {
namespace {

// For children that somebody else knows, to be reaped by them.
constexpr auto kReapPause = std::chrono::milliseconds(1000);
constexpr auto kReapPauseAtEnd = std::chrono::milliseconds(20);
// A second in all, at the very end.
constexpr int kRemoveTries = 200;
constexpr auto kRemovePause = std::chrono::milliseconds(5);
constexpr int kReaps = 5;
// What is sent at once rather than when all that is ready has been looked at.
constexpr std::size_t kFlushAtOnce = 128u << 10;
constexpr std::uint32_t kMaxFilesPerRun = 4096;
constexpr std::size_t kMaxWaitingRuns = 4096;
constexpr std::uint32_t kMaxCells = 4096;

}  // namespace

Jailer::Jailer(UniqueFd stream, JailerHost& host, EventLoop& loop, std::optional<ManifestVerifier> keys)
    : stream_(std::move(stream)), host_(host), loop_(loop), admission_(std::move(keys)) {}

// The handshake is the one time the jailer waits for its worker.
std::optional<Frame> Jailer::ReadHello() {
  std::array<char, 4096> buffer;
  while (true) {
    if (auto frame = parser_.Next()) return frame;
    if (!parser_.error().empty()) return std::nullopt;
    const ssize_t n = ::read(stream_.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::nullopt;
    parser_.Feed({buffer.data(), static_cast<std::size_t>(n)});
  }
}

bool Jailer::SendAll(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(stream_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// What the worker is told; the jailer is prepared unless there is an error in it.
JailerInfo Jailer::Greet(const Frame& hello) {
  JailerInfo info;
  const auto settings = JailerSettings::Decode(hello.payload);
  if (!settings) {
    info.error = settings.error().message;
  } else if (settings->version != CODEAPI_VERSION) {
    info.error = "codeapi " + settings->version + " cannot use codeapi-jailer " CODEAPI_VERSION;
  } else if (settings->max_cells < 1 || settings->max_cells > kMaxCells) {
    info.error = "max_cells must be 1 to " + std::to_string(kMaxCells);
  } else {
    info = host_.Prepare(*settings);
  }
  if (!info.error.empty()) return info;
  settings_ = *settings;
  info.runtimes = host_.FindLanguages(environment_);
  environment_.cpus = host_.cpus_per_program();
  environment_.cpu_hundredths = settings_.cpu_hundredths;
  environment_.cpu_weight = settings_.cpu_weight;
  environment_.limits_memory = info.limits_memory;
  environment_.workspace_bytes = settings_.workspace_bytes;
  environment_.rules = settings_.rules;
  cpus_.emplace(host_.cpus(), environment_.cpus);
  cells_.resize(settings_.max_cells);
  return info;
}

bool Jailer::Start() {
  const auto hello = ReadHello();
  if (!hello || hello->type != FrameType::kHello) return false;
  const JailerInfo info = Greet(*hello);
  if (!SendAll(EncodeFrame(FrameType::kHello, 0, info.Encode())) || !info.error.empty()) return false;
  ::fcntl(stream_.get(), F_SETFL, O_NONBLOCK);
  if (!loop_.Add(stream_.get(), EPOLLIN, [this](std::uint32_t events) { OnWorker(events); })) return false;
  RefillIn({});
  StartZygotes();
  StartWarmCells();
  return true;
}

int Jailer::Run() {
  if (!Start()) return 1;
  loop_.Run();
  // The kernel may take a moment to see that a group is empty.
  for (int i = 0; i < kRemoveTries && !host_.cgroups().RemoveAll(); ++i)
    std::this_thread::sleep_for(kRemovePause);
  return 0;
}

void Jailer::OnWorker(std::uint32_t events) {
  if (events & EPOLLOUT) FlushWorker();
  if (!(events & ~static_cast<std::uint32_t>(EPOLLOUT))) return;
  std::array<char, 128u << 10> buffer;
  const ssize_t n = ::recv(stream_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (n <= 0) return ShutDown();
  parser_.Feed({buffer.data(), static_cast<std::size_t>(n)});
  while (auto frame = parser_.Next()) OnFrame(std::move(*frame));
  if (!parser_.error().empty()) ShutDown();
}

void Jailer::OnFrame(Frame frame) {
  if (stopping_) return;
  switch (frame.type) {
    case FrameType::kRun:
      return OnRun(frame);
    case FrameType::kFileBegin:
    case FrameType::kFileData:
    case FrameType::kFileEnd:
      return OnFileFrame(std::move(frame));
    case FrameType::kToolResult:
      if (bound_.contains(frame.job)) OnFileFrame(std::move(frame));
      return;  // or the run is over, and its calls with it
    case FrameType::kCredit:
      if (const auto it = bound_.find(frame.job); it != bound_.end()) {
        if (const auto bytes = DecodeCredit(frame.payload)) it->second->AddCredit(*bytes);
      }
      return;
    case FrameType::kCancel:
      if (const auto it = bound_.find(frame.job); it != bound_.end()) return it->second->Cancel();
      if (waiting_.erase(frame.job) > 0) {
        std::erase(waiting_order_, frame.job);
        admission_.End(frame.job, false);  // it never had a cell
        Verdict verdict;
        verdict.end = RunEnd::kCancelled;
        Queue(FrameType::kVerdict, frame.job, verdict.Encode());
      }
      return;
    default:
      return;  // not for a jailer; the worker is trusted not to mean harm
  }
}

void Jailer::OnRun(const Frame& frame) {
  // A job ends once, so there is no answer to a second run of one that is under way, not even a refusal.
  if (bound_.contains(frame.job) || waiting_.contains(frame.job)) return;
  auto request = RunRequest::Decode(frame.payload);
  if (!request) return FailRun(frame.job, "input_invalid", request.error().message);
  const InstalledRuntime* installed = environment_.Find(request->runtime);
  if (installed == nullptr) {
    return FailRun(frame.job, "sandbox_setup_failed", "runtime not installed: " + request->runtime);
  }
  if (request->tool_calls > 0 && installed->command->tools.empty()) {
    return FailRun(frame.job, "input_invalid", request->runtime + " programs cannot call tools");
  }
  if (!IsEntryName(request->entry)) return FailRun(frame.job, "input_invalid", "no name of an entry point");
  if (request->files > kMaxFilesPerRun) return FailRun(frame.job, "input_invalid", "too many files");
  if (waiting_.size() >= kMaxWaitingRuns)
    return FailRun(frame.job, "sandbox_setup_failed", "too many runs at once");
  if (auto admitted = admission_.Begin(frame.job, *request); !admitted)
    return FailRun(frame.job, "not_admitted", admitted.error().message);
  request->manifest.clear();
  waiting_.emplace(frame.job, WaitingRun{std::move(*request), {}, 0});
  waiting_order_.push_back(frame.job);
  Place(frame.job);
}

// One in which its interpreter waits, or the first in line gets the next plain one.
void Jailer::Place(std::uint32_t job) {
  if (warm_) {
    Cell* cell = warm_->Take(waiting_.at(job).request);
    ReportPoolLater();
    if (cell != nullptr) {
      std::erase(waiting_order_, job);
      // An interpreter has its CPUs since it was started, a fork gets them now.
      Bind(job, *cell, cell->cpus().empty() ? cpus_->Take() : cell->cpus());
      return WarmIn(kWarmDuringRun);
    }
    WarmIn(kWarmDuringRun);
  }
  for (auto& cell : cells_) {
    if (cell && cell->state() == Cell::State::kIdle && !(warm_ && warm_->Owns(*cell)))
      return BindWaiting(*cell);
  }
  MakeNeededCells();
}

// Whether a frame of a run may reach its cell. If not, the run is over.
bool Jailer::Admitted(const Frame& frame) {
  if (frame.type == FrameType::kToolResult) return true;
  const auto admitted = admission_.File(frame.job, frame.type, frame.payload);
  if (admitted) return true;
  if (const auto it = bound_.find(frame.job); it != bound_.end()) {
    it->second->Kill();
    bound_.erase(it);
    RefillIn(kRefillAfterEnd);
  } else {
    waiting_.erase(frame.job);
    std::erase(waiting_order_, frame.job);
  }
  FailRun(frame.job, "not_admitted", admitted.error().message);
  return false;
}

void Jailer::OnFileFrame(Frame frame) {
  if (!bound_.contains(frame.job) && !waiting_.contains(frame.job))
    return;  // the job is over; what is still under way for it is dropped
  if (!Admitted(frame)) return;
  if (const auto it = bound_.find(frame.job); it != bound_.end()) {
    Cell& cell = *it->second;
    cell.Feed(frame.type, frame.payload);
    return CreditFed(cell);
  }
  WaitingRun& run = waiting_.find(frame.job)->second;
  // Empty frames cost memory too.
  run.bytes += static_cast<std::uint32_t>(frame.payload.size() + sizeof(Frame));
  if (run.bytes > kInitialCredit + kMaxControlPayload)
    return ShutDown();  // far beyond the credit: not our worker
  run.frames.push_back(std::move(frame));
}

void Jailer::Bind(std::uint32_t job, Cell& cell, std::vector<std::uint32_t> cpus) {
  WaitingRun run = std::move(waiting_.extract(job).mapped());
  bound_[job] = &cell;
  usual_limits_ = LimitsOf(environment_, run.request, run.request.memory_bytes);
  cell.Bind(job, run.request, std::move(cpus));
  for (const Frame& frame : run.frames) cell.Feed(frame.type, frame.payload);
  CreditFed(cell);
}

void Jailer::BindWaiting(Cell& cell) {
  if (waiting_order_.empty()) return;
  const std::uint32_t job = waiting_order_.front();
  waiting_order_.pop_front();
  Bind(job, cell, cpus_->Take());
  // When others were missing before, runs come faster than the pool can be filled between them.
  const bool behind = CountComing() + 1 < settings_.pool_size;
  RefillIn(behind ? EventLoop::Clock::duration{} : kRefillDuringRun);
}

void Jailer::CreditFed(Cell& cell) {
  if (const std::uint32_t bytes = cell.TakeFedBytes(); bytes > 0) {
    Queue(FrameType::kCredit, cell.job(), EncodeCredit(bytes));
  }
}

// Warm programs are not told apart by what they were refused, and it is a mode for looking at programs.
void Jailer::StartZygotes() {
  if (!settings_.warm || settings_.log_refusals) return;
  zygotes_.emplace(
      loop_, [this](const ZygoteSpec& spec) { return host_.StartZygote(spec); },
      [this](ZygoteKind kind) { return environment_.UsualStart(kind); },
      [this](const std::string& why) {
        if (!why.empty())
          std::fprintf(stderr, "codeapi-jailer: programs start cold for a while: %s\n", why.c_str());
        reaps_left_ = kReaps;
        ReapOrphans();
        StopWhenGone();
      });
  environment_.zygotes = &*zygotes_;
  zygotes_->Start();
}

// What a zygote was waiting for when it died: a cell cannot end before somebody has done so. The next child
// that has ended may be one that is about to be reaped by who knows it; then there is a next time.
void Jailer::ReapOrphans() {
  loop_.Cancel(std::exchange(reap_timer_, 0));
  const auto known = [this](pid_t pid) {
    return zygotes_->Has(pid) ||
           std::ranges::any_of(cells_, [pid](const auto& cell) { return cell && cell->init() == pid; });
  };
  siginfo_t info{};
  while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 && info.si_pid != 0 &&
         !known(info.si_pid)) {
    ::waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED | WNOHANG | __WALL);
    info = {};
  }
  // At the end, until the last cell has gone.
  if (!stopping_ && --reaps_left_ <= 0) return;
  const auto pause = stopping_ ? kReapPauseAtEnd : kReapPause;
  reap_timer_ = loop_.At(EventLoop::Clock::now() + pause, [this] { ReapOrphans(); });
}

void Jailer::CellFrame(Cell& cell, FrameType type, std::string_view payload) {
  if (type == FrameType::kCredit) return CreditFed(cell);
  Queue(type, cell.job(), payload);
  if (type != FrameType::kVerdict && type != FrameType::kError) return;
  bound_.erase(cell.job());
  admission_.End(cell.job(), type == FrameType::kVerdict);
  FlushWorker();  // the cell's end is work that nobody waits for
  RefillIn(kRefillAfterEnd);
  WarmIn(kRefillAfterEnd);
}

void Jailer::FailRun(std::uint32_t job, const std::string& code, const std::string& message) {
  admission_.End(job, false);
  Queue(FrameType::kError, job, RunFailure{code, message}.Encode());
}

void Jailer::Queue(FrameType type, std::uint32_t job, std::string_view payload) {
  if (stopping_) return;
  AppendFrame(outgoing_, type, job, payload);
  if (outgoing_.size() - outgoing_offset_ >= kFlushAtOnce) return FlushWorker();
  if (flush_ != 0) return;
  flush_ = loop_.Later([this] {
    flush_ = 0;
    FlushWorker();
  });
}

void Jailer::FlushWorker() {
  while (outgoing_offset_ < outgoing_.size()) {
    const ssize_t n = ::send(stream_.get(), outgoing_.data() + outgoing_offset_,
                             outgoing_.size() - outgoing_offset_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return loop_.Modify(stream_.get(), EPOLLIN | EPOLLOUT);
    if (n < 0) return;  // the worker is gone; the next read says so
    outgoing_offset_ += static_cast<std::size_t>(n);
  }
  outgoing_.clear();
  outgoing_offset_ = 0;
  loop_.Modify(stream_.get(), EPOLLIN);
}

void Jailer::ShutDown() {
  if (std::exchange(stopping_, true)) return;
  loop_.Remove(stream_.get());
  for (auto* timer : {&refill_timer_, &warm_timer_, &report_timer_}) loop_.Cancel(std::exchange(*timer, 0));
  if (zygotes_) {
    zygotes_->Stop();
    ReapOrphans();
  }
  for (auto& cell : cells_) {
    if (cell) cell->Kill();
  }
  StopWhenGone();
}

// Who waits for this process to end finds nothing of it left.
void Jailer::StopWhenGone() {
  if (!stopping_ || (zygotes_ && !zygotes_->gone())) return;
  if (std::ranges::all_of(cells_, [](const auto& cell) { return cell == nullptr; })) loop_.Stop();
}

}  // namespace codeapi
