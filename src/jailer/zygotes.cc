#include "jailer/zygotes.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace codeapi {
namespace {

using namespace std::chrono_literals;

constexpr auto kFirstPause = 250ms;
constexpr auto kLongestPause = 60s;
// Of what it prints: the reason why it ended, if it did.
constexpr std::size_t kMostOutput = 2048;

}  // namespace

struct Zygotes::Process {
  ZygoteProcess process;
  bool ready = false;
  std::uint64_t forks = 0;
  EventLoop::TimerId age = 0;
  std::set<std::string, std::less<>> modules;
  std::string output, problem;
};

Zygotes::Zygotes(EventLoop& loop, Starter start, Command command,
                 std::function<void(const std::string&)> ended, ZygoteRotation rotation)
    : loop_(loop),
      start_(std::move(start)),
      command_(std::move(command)),
      ended_(std::move(ended)),
      rotation_(rotation) {
  for (const bool data : {false, true}) {
    for (const bool tools : {false, true}) Of({tools, data}).kind = {tools, data};
  }
}

Zygotes::~Zygotes() {
  Stop();
  for (const auto& process : retired_) loop_.Remove(process->process.pidfd.get());
}

void Zygotes::Start() {
  for (const bool data : {false, true}) Launch(Of({false, data}));
}

void Zygotes::Stop() {
  stopped_ = true;
  for (Line& line : lines_) {
    loop_.Cancel(std::exchange(line.timer, 0));
    Retire(std::move(line.next));
    Retire(std::move(line.serving));
  }
}

std::size_t Zygotes::ready() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(lines_, [](const Line& line) { return line.serving != nullptr; }));
}

bool Zygotes::gone() const {
  return retired_.empty() &&
         std::ranges::none_of(lines_, [](const Line& line) { return line.serving || line.next; });
}

bool Zygotes::Has(pid_t pid) const {
  const auto is = [pid](const std::unique_ptr<Process>& process) {
    return process != nullptr && process->process.pid == pid;
  };
  return std::ranges::any_of(retired_, is) ||
         std::ranges::any_of(lines_, [&](const Line& line) { return is(line.serving) || is(line.next); });
}

void Zygotes::Launch(Line& line) {
  if (stopped_ || line.next) return;
  line.wanted = true;
  line.spec = command_(line.kind);
  if (line.spec.argv.empty()) return;
  auto started = start_(line.spec);
  if (!started) {
    problem_ = started.error().message;
    return Later(line);
  }
  line.next = std::make_unique<Process>();
  line.next->process = std::move(*started);
  Process& process = *line.next;
  const bool watched = loop_.Add(process.process.socket.get(), EPOLLIN,
                                 [this, &line, &process](std::uint32_t) { OnSocket(line, process); }) &&
                       loop_.Add(process.process.output.get(), EPOLLIN,
                                 [this, &process](std::uint32_t) { OnOutput(process); });
  if (!watched) Failed(line, process, "its descriptors cannot be watched");
}

void Zygotes::Later(Line& line) {
  if (stopped_ || line.timer != 0) return;
  line.pause = std::clamp<std::chrono::milliseconds>(line.pause * 2, kFirstPause, kLongestPause);
  line.timer = loop_.At(EventLoop::Clock::now() + line.pause, [this, &line] {
    line.timer = 0;
    Launch(line);
  });
}

// It says one thing, that it is ready; after that there is only its end.
void Zygotes::OnSocket(Line& line, Process& process) {
  auto modules = ReadZygoteReady(process.process.socket.get());
  if (!modules && modules.error().code == ErrorCode::kUnavailable) return;
  if (!modules || process.ready) {
    return Failed(line, process, modules ? "it said more than it may" : modules.error().message);
  }
  process.ready = true;
  process.modules.insert(modules->begin(), modules->end());
  TakeOver(line);
}

void Zygotes::TakeOver(Line& line) {
  Retire(std::exchange(line.serving, std::move(line.next)));
  line.pause = {};
  line.serving->age = loop_.At(EventLoop::Clock::now() + rotation_.age, [this, &line, &p = *line.serving] {
    p.age = 0;
    Launch(line);
  });
}

void Zygotes::OnOutput(Process& process) {
  std::array<char, 1024> buffer;
  const ssize_t n = ::read(process.process.output.get(), buffer.data(), buffer.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return loop_.Modify(process.process.output.get(), 0);
  process.output.append(buffer.data(), static_cast<std::size_t>(n));
  if (process.output.size() > kMostOutput) process.output.erase(0, process.output.size() - kMostOutput);
}

void Zygotes::Failed(Line& line, Process& process, const std::string& why) {
  OnOutput(process);
  problem_ = "a zygote failed: " + why;
  if (!process.output.empty()) problem_ += ": " + process.output;
  std::unique_ptr<Process>& place = line.next.get() == &process ? line.next : line.serving;
  process.problem = problem_;
  Retire(std::move(place));
  Later(line);
}

// Closing its socket tells it to go. What it has been asked for by then it still does.
void Zygotes::Retire(std::unique_ptr<Process> process) {
  if (!process) return;
  loop_.Cancel(std::exchange(process->age, 0));
  loop_.Remove(process->process.socket.get());
  loop_.Remove(process->process.output.get());
  process->process.socket.reset();
  // One that has not got as far would not notice for a while.
  if (!process->ready || stopped_) {
    ::syscall(SYS_pidfd_send_signal, process->process.pidfd.get(), SIGKILL, nullptr, 0);
  }
  const pid_t pid = process->process.pid;
  const int pidfd = process->process.pidfd.get();
  retired_.push_back(std::move(process));
  if (!loop_.Add(pidfd, EPOLLIN, [this, pid](std::uint32_t) { OnEnded(pid); })) OnEnded(pid);
}

void Zygotes::OnEnded(pid_t pid) {
  const auto it =
      std::ranges::find_if(retired_, [pid](const auto& process) { return process->process.pid == pid; });
  if (it == retired_.end()) return;
  siginfo_t info{};
  ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>((*it)->process.pidfd.get()), &info,
           WEXITED | WNOHANG);
  loop_.Remove((*it)->process.pidfd.get());
  const std::string problem = (*it)->problem;
  retired_.erase(it);
  ended_(problem);
}

bool Zygotes::Fork(const ZygoteProgram& program, const ZygoteFork& fork, std::span<const int> fds) {
  Line& line = Of(program.kind);
  if (stopped_) return false;
  if (!line.wanted) Launch(line);
  Process* serving = line.serving.get();
  if (serving == nullptr || program.argv != line.spec.argv || program.env != line.spec.env) return false;
  const auto loaded = [&](const std::string& name) { return serving->modules.contains(name); };
  if (std::ranges::any_of(program.own_modules, loaded)) return false;
  if (!AskZygote(serving->process.socket.get(), fork, fds)) return false;
  if (++serving->forks >= rotation_.forks) Launch(line);
  return true;
}

}  // namespace codeapi
