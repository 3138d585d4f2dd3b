// The jailer: the small privileged process that makes cells, keeps the pool, sets limits and relays frames.
//
// Theory of operation. One single-threaded process, so that it may fork; small, so that forking is cheap;
// without network, stores or secrets, so that there is little to win in it. It lives in the template root
// (template_root.h) and serves one worker over one stream (protocol.h) until that stream ends, and then takes
// every cell with it. Requests that find no ready cell wait in order; each cell that becomes ready takes the
// next one. Besides, there may be cells in which an interpreter waits already (warm_cells.h); those are for
// programs of their kind only. It never blocks: every descriptor but the start-up handshake's is
// non-blocking, dying cells are reaped by their pidfds, and files are read and written by the cells' inits.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/unique_fd.h"
#include "jailer/admission.h"
#include "jailer/cell.h"
#include "jailer/cpu_allotment.h"
#include "jailer/event_loop.h"
#include "jailer/host.h"
#include "jailer/warm_cells.h"
#include "jailer/zygotes.h"

namespace codeapi {

class Jailer final : private CellEvents {
 public:
  /// `stream` leads to the worker. `loop` and `host` must outlive the jailer. With `keys`, every run needs a
  /// manifest that one of them has signed.
  Jailer(UniqueFd stream, JailerHost& host, EventLoop& loop, std::optional<ManifestVerifier> keys = {});

  /// Waits for the worker's greeting, prepares the host and answers. False when that was all. Run() calls it;
  /// who drives the loop event by event calls it instead.
  bool Start();

  /// Serves until the worker is gone. Returns the exit status of the process.
  int Run();

 private:
  // Making a cell takes a millisecond in which nobody is served, so the pool is filled when nobody waits for
  // us: shortly after a run has ended, and only if none ends soon while it runs. So are cells in which
  // interpreters are started, which takes a CPU longer.
  static constexpr auto kRefillAfterEnd = std::chrono::milliseconds(1);
  static constexpr auto kRefillDuringRun = std::chrono::milliseconds(10);
  static constexpr auto kWarmDuringRun = std::chrono::milliseconds(200);

  struct WaitingRun {
    RunRequest request;
    std::vector<Frame> frames;  // bounded by the worker's credit and the number of files
    std::uint32_t bytes = 0;
  };

  std::optional<Frame> ReadHello();
  JailerInfo Greet(const Frame& hello);
  bool SendAll(std::string_view bytes);

  void OnWorker(std::uint32_t events);
  void OnFrame(Frame frame);
  void OnRun(const Frame& frame);
  void OnFileFrame(Frame frame);
  bool Admitted(const Frame& frame);
  void Queue(FrameType type, std::uint32_t job, std::string_view payload);
  void FlushWorker();
  void FailRun(std::uint32_t job, const std::string& code, const std::string& message);

  void MakeNeededCells();
  void RefillIn(EventLoop::Clock::duration delay);
  std::size_t CountComing() const;
  Cell* SpawnCell(const CgroupLimits& limits, std::string& why);  // nullptr without `why`: no slot is free
  void SpawnFailed(const std::string& why);
  void Place(std::uint32_t job);
  void Bind(std::uint32_t job, Cell& cell, std::vector<std::uint32_t> cpus);
  void BindWaiting(Cell& cell);
  void CreditFed(Cell& cell);
  std::size_t CountCells(Cell::State state) const;
  void StartZygotes();
  void StartWarmCells();
  void WarmIn(EventLoop::Clock::duration delay);
  void MakeWarmCell();
  bool Busy() const;
  void ReportPoolLater();
  void ReapOrphans();
  void ShutDown();
  void StopWhenGone();

  void CellReady(Cell& cell) override;
  void CellWaits(Cell& cell, std::uint64_t memory) override;
  void CellNeverReady(Cell& cell, const std::string& why) override;
  void CellFrame(Cell& cell, FrameType type, std::string_view payload) override;
  void CellGone(Cell& cell) override;

  UniqueFd stream_;
  JailerHost& host_;
  EventLoop& loop_;
  Admission admission_;
  FrameParser parser_;
  std::string outgoing_;
  std::size_t outgoing_offset_ = 0;
  EventLoop::TimerId flush_ = 0;

  JailerSettings settings_;
  CellEnvironment environment_;
  std::optional<Zygotes> zygotes_;
  std::optional<CpuAllotment> cpus_;  // once prepared
  std::optional<WarmCells> warm_;

  std::vector<std::unique_ptr<Cell>> cells_;  // by slot; null is free
  std::unordered_map<std::uint32_t, Cell*> bound_;
  std::unordered_map<std::uint32_t, WaitingRun> waiting_;
  std::deque<std::uint32_t> waiting_order_;
  std::uint64_t cells_made_ = 0;
  EventLoop::TimerId refill_timer_ = 0, reap_timer_ = 0, warm_timer_ = 0, report_timer_ = 0;
  int reaps_left_ = 0;
  EventLoop::Clock::time_point refill_at_, warm_at_;              // of those timers
  std::optional<EventLoop::Clock::time_point> warm_waits_since_;  // for programs to leave it a CPU
  EventLoop::Clock::time_point reported_at_;
  std::string reported_;
  CgroupLimits usual_limits_;  // of the last run
  bool stopping_ = false;
};

}  // namespace codeapi
