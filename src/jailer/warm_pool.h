// How many cells with a waiting interpreter there should be, of which kind, and when the next one is made.
//
// Theory of operation. A kind is everything that an interpreter is started with; programs of one kind can
// take each other's cells. Nothing is kept of a kind before somebody has asked for it. From then on there is
// one, two when it was asked for again soon, and more when it is asked for so often that the others would be
// gone before the next one is ready: the rate, a decaying average, times the time that one takes. A kind that
// nobody has asked for in a while is forgotten. All of them together stay within a bound of memory: each is
// charged what it was seen to take, or an estimate as long as none was seen. Cells that fail before they are
// ready, or end while they wait, make their kind pause, longer each time.
//
// This only keeps books: who makes and ends cells is told what to do, and tells what happened.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace codeapi {

/// Numbers of a pool; all but the memory are judgement.
struct WarmPoolRules {
  std::uint64_t memory = 512ull << 20;       ///< bytes, of all waiting cells together; 0: none are made
  std::uint64_t estimate = 48ull << 20;      ///< bytes of a cell of a kind of which none was seen yet
  std::size_t most_cells = 32;               ///< of all kinds together
  std::size_t most_kinds = 8;                ///< the one that was asked for least recently goes first
  std::chrono::seconds keep{300};            ///< how long a kind is kept that nobody asks for
  std::chrono::seconds again{60};            ///< asked for twice within this: two are kept
  std::chrono::milliseconds settle{10'000};  ///< time constant of the rate
  std::chrono::milliseconds refill{250};     ///< what making one takes, as long as it was never seen
  std::chrono::milliseconds first_pause{250}, longest_pause{60'000};  ///< after a failure
};

/// What the pool says about one kind.
struct WarmPoolKind {
  std::string name;
  std::size_t ready = 0, coming = 0, target = 0;
  std::uint64_t memory = 0;            ///< bytes, of those that are ready
  std::uint64_t hits = 0, misses = 0;  ///< requests that found one, and that did not, so far
};

/// Not thread-safe.
class WarmPool {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Now = std::function<Time()>;

  explicit WarmPool(WarmPoolRules rules = {}, Now now = std::chrono::steady_clock::now);

  /// Somebody wants a cell of this kind, and gets one (Taken() is said as well) or starts cold.
  void Asked(const std::string& name, bool hit);

  /// The kind of which a cell should be made now; nothing when there are enough, or one is being made.
  std::optional<std::string> Next();
  /// When Next() may have another answer although nothing was said; nothing: it will not.
  std::optional<Time> NextAt();

  /// One is being made.
  void Started(const std::string& name);
  /// It is ready, and takes so many bytes; 0: not known.
  void Ready(const std::string& name, std::uint64_t memory);
  /// It did not become ready, through nobody's wish.
  void Failed(const std::string& name);
  /// One that was ready has been given to a program, or was ended as Surplus() or Victim() wished.
  void Taken(const std::string& name, std::uint64_t memory);
  /// One that was being made was ended on purpose.
  void Dropped(const std::string& name);
  /// One that was ready ended by itself.
  void Died(const std::string& name, std::uint64_t memory);

  /// A kind of which there is a ready cell too many; nothing: there is none. Asked again after each.
  std::optional<std::string> Surplus();
  /// The kind that can best do without a ready cell, when room for a program is needed; nothing: none is
  /// ready.
  std::optional<std::string> Victim();

  /// How many of a kind there should be now, the bound of memory left aside.
  std::size_t Target(const std::string& name);
  /// Bytes that are charged for all there are and that come.
  std::uint64_t charged() const;
  /// All kinds that are remembered, by name.
  std::vector<WarmPoolKind> Kinds();

 private:
  struct Kind {
    std::size_t ready = 0, coming = 0;
    std::uint64_t memory = 0, each = 0;  // of those that are ready, and of one
    std::uint64_t hits = 0, misses = 0;
    Time asked;                  // the last time
    std::optional<Time> before;  // and the one before
    double rate = 0;             // per second, at `asked`
    Time started;                // the one that is coming
    std::chrono::steady_clock::duration refill{0};
    std::chrono::milliseconds pause{0};
    Time not_before;
  };

  std::size_t TargetOf(const Kind& kind, Time now) const;
  std::uint64_t EachOf(const Kind& kind) const { return kind.each != 0 ? kind.each : rules_.estimate; }
  Kind* Find(const std::string& name);
  void Pause(Kind& kind);
  void Forget(Time now);

  WarmPoolRules rules_;
  Now now_;
  std::map<std::string, Kind> kinds_;
};

}  // namespace codeapi
