// One cell, seen from the jailer: from the start of its init to the removal of its cgroup.
//
// Theory of operation. A cell is a chain of states, each left by one event:
//
//   kSettingUp  init finishes its namespaces       -> "ready"            -> kIdle
//   kIdle       waits in the pool                  -> Bind()             -> kFeeding
//                                                  -> Prestart()         -> kPrestarting
//   kPrestarting  an interpreter is started        -> "prestarted"       -> kIdle, with an interpreter
//   kFeeding    takes the files of its one job     -> the last file      -> kCompiling, or kRunning
//   kCompiling  the compiler runs                  -> "compiled"         -> kRunning
//                                                  -> "exited"           -> kHarvesting: it failed
//   kRunning    the program runs                   -> "exited"           -> kHarvesting
//   kHarvesting init sends outputs                 -> "summary", and both output pipes at their end -> kDying
//   kDying      init is killed, the kernel frees everything -> reaped, cgroup removed -> gone
//
// A running program may call tools (cell_tools.cc). Compiling has limits of its own; the program then starts
// with its own limits, clock and CPU time, of which nothing is used yet. Cancel, a broken init or a protocol
// error lead straight to kDying. Limits end the program, not the cell: init kills everything, reports and
// harvests as after any other end. Nothing here blocks, and nothing here believes init: all it sends is
// bounded and checked before it is passed on.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jail/cell_messages.h"
#include "jail/cell_process.h"
#include "jail/cell_wire.h"
#include "jail/cgroup.h"
#include "jailer/event_loop.h"
#include "jailer/messages.h"
#include "jailer/protocol.h"
#include "jailer/zygotes.h"
#include "runtime/runtime.h"

namespace codeapi {

class Cell;
class Zygotes;

/// What a cell tells its jailer. Called from the event loop; a cell must not be destroyed inside its own
/// callback except from CellGone.
class CellEvents {
 public:
  virtual ~CellEvents() = default;
  /// The cell can be bound.
  virtual void CellReady(Cell& cell) = 0;
  /// The interpreter that Prestart() has started waits, and has so many bytes to itself (0: not known).
  virtual void CellWaits(Cell& cell, std::uint64_t memory) = 0;
  /// It failed before it was ready.
  virtual void CellNeverReady(Cell& cell, const std::string& why) = 0;
  /// A frame for the worker, about job cell.job(). After a verdict or error frame the job is over.
  virtual void CellFrame(Cell& cell, FrameType type, std::string_view payload) = 0;
  /// Everything of it is gone; the slot and its uid are free again.
  virtual void CellGone(Cell& cell) = 0;
};

/// A language that the root has the programs of. Both live as long as the process.
struct InstalledRuntime {
  const Runtime* runtime = nullptr;
  const Command* command = nullptr;
};

/// Facts about the host that all cells share.
struct CellEnvironment {
  std::uint32_t cpus = 1;
  std::uint32_t cpu_hundredths = 0;
  std::uint32_t cpu_weight = 0;
  bool limits_memory = false;
  std::uint64_t workspace_bytes = 0;
  HarvestRules rules;
  std::vector<InstalledRuntime> runtimes;
  std::string plot_backend = "Agg";  ///< MPLBACKEND
  Zygotes* zygotes = nullptr;        ///< null: every program is started cold

  /// Fills in the languages and the backend from the root that this process lives in. Returns the ids.
  std::vector<std::string> FindLanguages();

  /// nullptr: the root has no such language.
  const InstalledRuntime* Find(std::string_view id) const;

  /// What a program of a runtime that zygotes fork is started with, if nothing about it is special.
  ZygoteSpec UsualStart(ZygoteKind kind) const;
};

/// What init is told of a program, but for its CPUs.
CellBegin MakeBegin(const CellEnvironment& environment, const InstalledRuntime& installed,
                    const RunRequest& request);

/// What a run's cgroup is limited to while it may use `memory_bytes`.
CgroupLimits LimitsOf(const CellEnvironment& environment, const RunRequest& request,
                      std::uint64_t memory_bytes);

class Cell {
 public:
  enum class State { kSettingUp, kIdle, kPrestarting, kFeeding, kCompiling, kRunning, kHarvesting, kDying };

  Cell(EventLoop& loop, CellEvents& events, const CellEnvironment& environment, std::uint32_t slot,
       CellProcess process, std::unique_ptr<CellCgroup> cgroup, SetupTimings timings);
  ~Cell();
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;

  /// Lets init go on. Once.
  void SetUp(const CellSetup& setup);

  /// Starts an interpreter in an idle cell, on these CPUs (empty: all). It is for a program that is begun
  /// with exactly what `prestart` says, and on the same CPUs.
  void Prestart(const CellPrestart& prestart, std::vector<std::uint32_t> cpus);

  /// Has a zygote fork a program into an idle cell, where it waits. It is for a program that is begun with
  /// what `program` says. False: no zygote can, and nothing has happened.
  bool ForkAhead(const ZygoteProgram& program);

  /// Gives an idle cell its job, and the CPUs it may run on (empty: all). The request has been checked by the
  /// caller.
  void Bind(std::uint32_t job, const RunRequest& request, std::vector<std::uint32_t> cpus);

  /// Passes a file or tool-result frame of the job on to init.
  void Feed(FrameType type, std::string_view payload);

  /// The worker has room for this many more bytes.
  void AddCredit(std::uint32_t bytes);

  /// Ends the job without harvest; a verdict `cancelled` follows at once.
  void Cancel();

  /// Ends the cell, whatever it does. No frame follows.
  void Kill();

  pid_t init() const { return process_.pid; }
  State state() const { return state_; }
  std::uint32_t slot() const { return slot_; }
  std::uint32_t job() const { return job_; }
  /// What Bind() was given, or Prestart().
  const std::vector<std::uint32_t>& cpus() const { return cpus_; }
  /// Bytes fed since the last call that init has taken: what the worker may be credited with. 0 while they
  /// are few, since each credit wakes the worker.
  std::uint32_t TakeFedBytes();

 private:
  using Clock = EventLoop::Clock;

  void Send(CellMessage type, std::string_view payload);
  void FlushLater();
  void Flush();
  void WatchControl();
  void OnControl(std::uint32_t events);
  bool ReadControl();  // false when there was nothing
  void OnMessage(CellMessage type, std::string_view payload);
  void OnFailed(std::string_view payload);
  void OnPrestarted(std::string_view payload);
  void OnCompiled(std::string_view payload);
  void OnHarvest(CellMessage type, std::string_view payload);
  void OnToolCall(std::string_view payload);
  void OnToolWait(std::string_view payload);
  void FeedToolResult(std::string_view payload);
  void DrainOutput();
  void StopWaiting();
  std::size_t OnOutput(bool is_stderr);  // bytes that were there
  void OnOutputBytes(bool is_stderr, std::string_view bytes);
  void OnOom();
  void OnInitEnded();
  void OnCpuTimer();
  bool AskForFork(const ZygoteProgram& program);
  Result<void> SetLimits(std::uint64_t memory_bytes);
  void Go();
  void StartClocks(std::uint64_t wall_ms, std::uint64_t cpu_ms);
  bool Executes() const { return state_ == State::kCompiling || state_ == State::kRunning; }
  void EndProgram(RunEnd why);
  void UpdateReading();
  void ExpectProgress();
  void MaybeFinish();
  void Fail(const std::string& code, const std::string& message);
  void BrokenInit(const std::string& why);
  void Emit(FrameType type, std::string_view payload);
  void Die();
  void TryRemove();
  Verdict MakeVerdict() const;

  EventLoop& loop_;
  CellEvents& events_;
  const CellEnvironment& environment_;
  const std::uint32_t slot_;
  CellProcess process_;
  std::unique_ptr<CellCgroup> cgroup_;
  SetupTimings timings_;
  State state_ = State::kSettingUp;
  EventLoop::TimerId deadline_ = 0;  // of what init is to do next: set up, end the program, harvest
  EventLoop::TimerId wall_timer_ = 0, cpu_timer_ = 0, remove_timer_ = 0;

  std::uint32_t uid_ = 0, gid_ = 0;  // of its program
  bool rootless_ = false;
  bool forked_ = false;  // a zygote has been asked for its program

  // Towards init.
  std::string outgoing_;
  std::size_t outgoing_offset_ = 0;
  EventLoop::TimerId flush_ = 0;
  std::uint32_t fed_unflushed_ = 0, fed_bytes_ = 0;
  // From init.
  std::string incoming_;
  std::uint64_t output_left_ = 0;  // bytes still missing of the output being sent
  bool in_output_ = false;
  std::uint32_t outputs_seen_ = 0;

  // The job.
  std::uint32_t job_ = 0;
  bool job_open_ = false;  // a verdict or error is still owed
  RunRequest request_;
  std::vector<std::uint32_t> cpus_;
  std::uint32_t files_left_ = 0;
  std::int64_t credit_ = 0;
  std::uint64_t stdout_bytes_ = 0, stderr_bytes_ = 0;
  bool stdout_open_ = false, stderr_open_ = false, stderr_truncated_ = false;
  bool compiles_ = false;  // the job needs a compiler first; false again once that has succeeded
  std::uint64_t compile_us_ = 0;
  std::uint64_t wall_limit_ms_ = 0, cpu_limit_us_ = 0;             // of what runs now
  std::uint64_t cpu_baseline_us_ = 0, cpu_limit_baseline_us_ = 0;  // of the verdict, and of that limit
  std::optional<RunEnd> limit_;

  // Its tool calls. While it waits for answers its wall clock stands.
  std::uint32_t tool_calls_ = 0, tool_answers_ = 0;                   // passed on, to either side
  std::set<std::uint32_t> tool_open_;                                 // unanswered
  std::optional<std::pair<std::uint32_t, std::uint32_t>> last_wait_;  // both numbers, as init saw them
  std::optional<Clock::time_point> waits_since_;
  std::uint64_t waited_us_ = 0;

  std::optional<CellExit> exit_;
  std::optional<HarvestSummary> summary_;
};

}  // namespace codeapi
