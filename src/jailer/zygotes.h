// The zygotes of a jailer: which there are, when they are started, replaced and done without.
//
// Theory of operation. There are up to four, all Pythons: for programs with tools and without, since those
// are started differently, and for each with and without what works with data. Those without tools are
// started with the jailer, the others by the first program that would have used them. A zygote is replaced
// after some programs or minutes, because all that it forks have its address layout and hash seed: the next
// one is started beside it, and takes over when it is ready. One that dies is started again, after a pause
// that grows; a program that it did not start in time is started by its cell's init (jail/zygote_start.h). So
// nothing here can fail a program.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jail/zygote_process.h"
#include "jailer/event_loop.h"

namespace codeapi {

/// What kind of program a zygote is for.
struct ZygoteKind {
  bool tools = false;
  bool data = false;
  bool operator==(const ZygoteKind&) const = default;
};

/// When a zygote is replaced.
struct ZygoteRotation {
  std::uint64_t forks = 2'000;
  std::chrono::seconds age{600};
};

/// A program that could be forked.
struct ZygoteProgram {
  ZygoteKind kind;
  std::vector<std::string> argv, env;    ///< as it would be executed
  std::vector<std::string> own_modules;  ///< RunRequest::own_modules
};

/// Not thread-safe. The loop must outlive it.
class Zygotes {
 public:
  /// Starts one: StartZygote(), but for tests.
  using Starter = std::function<Result<ZygoteProcess>(const ZygoteSpec&)>;
  /// What programs of a kind are started with.
  using Command = std::function<ZygoteSpec(ZygoteKind)>;

  /// `ended` is called when one has ended, with the reason if it was not told to: a child that it was waiting
  /// for may have become the jailer's.
  Zygotes(EventLoop& loop, Starter start, Command command, std::function<void(const std::string&)> ended,
          ZygoteRotation rotation = {});
  ~Zygotes();
  Zygotes(const Zygotes&) = delete;
  Zygotes& operator=(const Zygotes&) = delete;

  /// Starts those that every jailer has.
  void Start();

  /// Asks for a program in the cell that `fork` and `fds` say (AskZygote). False when it must be started
  /// cold: there is no zygote for it now, it would be started otherwise than what zygotes fork, or it has a
  /// module of its own with the name of one that is loaded.
  bool Fork(const ZygoteProgram& program, const ZygoteFork& fork, std::span<const int> fds);

  /// Ends all of them, and starts no more.
  void Stop();

  /// Whether `pid` is one of them.
  bool Has(pid_t pid) const;

  /// Zygotes that can fork now.
  std::size_t ready() const;
  /// Whether none is left, not even one that is about to end.
  bool gone() const;
  /// Why the last one that failed did so; empty: none did.
  const std::string& problem() const { return problem_; }

 private:
  struct Process;
  struct Line {
    ZygoteKind kind;
    bool wanted = false;
    ZygoteSpec spec;
    std::unique_ptr<Process> serving, next;
    EventLoop::TimerId timer = 0;
    std::chrono::milliseconds pause{0};
  };

  Line& Of(ZygoteKind kind) { return lines_.at((kind.tools ? 1u : 0u) + (kind.data ? 2u : 0u)); }
  void Launch(Line& line);
  void Later(Line& line);
  void OnSocket(Line& line, Process& process);
  void OnOutput(Process& process);
  void TakeOver(Line& line);
  void Failed(Line& line, Process& process, const std::string& why);
  void Retire(std::unique_ptr<Process> process);
  void OnEnded(pid_t pid);

  EventLoop& loop_;
  Starter start_;
  Command command_;
  std::function<void(const std::string&)> ended_;
  ZygoteRotation rotation_;
  std::array<Line, 4> lines_;
  std::vector<std::unique_ptr<Process>> retired_;  // not reaped yet
  std::string problem_;
  bool stopped_ = false;
};

}  // namespace codeapi
