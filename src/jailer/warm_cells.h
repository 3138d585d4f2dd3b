// The cells in which an interpreter waits for its program: which cell is of which kind, what the pool decides
// about them, and which of them a request may have.
//
// A kind is all that an interpreter is started with: its command line, environment and limits. Only a request
// that is the same in all of that gets such a cell; one with arguments, input or files that the interpreter
// would have looked for before it waits starts cold. In a cell of a kind that zygotes fork there is a fork,
// which waits before its lock-down: it can take input and files as any fork can.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "jail/cell_messages.h"
#include "jail/cgroup.h"
#include "jailer/cell.h"
#include "jailer/messages.h"
#include "jailer/warm_pool.h"

namespace codeapi {

/// Not thread-safe. Cells are only compared; whoever makes and ends them says so.
class WarmCells {
 public:
  /// `environment` must outlive it.
  WarmCells(const CellEnvironment& environment, WarmPoolRules rules,
            WarmPool::Now now = std::chrono::steady_clock::now);

  /// What a cell that is to be made is for.
  struct Plan {
    std::string kind;
    CellPrestart prestart;              ///< nothing but what the program is begun with if there is a `fork`
    std::optional<ZygoteProgram> fork;  ///< asked of the zygotes
    CgroupLimits limits;
  };

  /// A cell that waits for programs like this one; it is the caller's now. nullptr: start it cold. Counts as
  /// demand.
  Cell* Take(const RunRequest& request);

  /// What should be made now; nothing when there is enough, or one is being made.
  std::optional<Plan> Next();
  /// When to ask again.
  std::optional<WarmPool::Time> NextAt() { return pool_.NextAt(); }

  /// A cell is being made according to a plan.
  void Made(Cell& cell, const Plan& plan);
  /// The plan could not be carried out.
  void NotMade(const Plan& plan);
  /// The plan of a cell that is not ready yet, or nullptr.
  const Plan* PlanOf(const Cell& cell) const;
  /// Its interpreter waits, and takes so many bytes (0: not known).
  void Waits(Cell& cell, std::uint64_t memory);
  /// It is gone, or like any other because its plan could not be carried out. Nothing happens if it was not
  /// one of these, or had been taken.
  void Gone(const Cell& cell);

  /// Whether it is one of these: made for a kind, and not taken.
  bool Owns(const Cell& cell) const { return cells_.contains(&cell); }
  /// One that should be ended because there are too many, or because room is needed. It is no longer one of
  /// these. nullptr: there is none.
  Cell* TakeSurplus() { return TakeOne(pool_.Surplus()); }
  Cell* TakeVictim() { return TakeOne(pool_.Victim()); }

  /// By runtime, for the worker. Those that there was nothing to say about are left out.
  std::vector<PoolState> States();

 private:
  struct Member {
    Cell* cell = nullptr;
    Plan plan;
    std::uint64_t memory = 0;
    bool waits = false;
    std::uint64_t number = 0;  // in the order they were made
  };
  struct Tally {
    std::uint64_t hits = 0, misses = 0;
  };

  std::optional<Plan> PlanFor(const RunRequest& request) const;
  Cell* TakeOne(const std::optional<std::string>& kind);

  const CellEnvironment& environment_;
  WarmPool pool_;
  std::map<std::string, Plan> plans_;  // of the kinds that the pool remembers
  std::unordered_map<const Cell*, Member> cells_;
  std::uint64_t made_ = 0;
  std::map<std::string, Tally> tallies_;  // by runtime, since the start
};

}  // namespace codeapi
