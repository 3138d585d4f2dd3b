// A single-threaded epoll loop with timers.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace codeapi {

/// Waits for descriptors and deadlines and calls back. Callbacks may add, change and remove anything,
/// themselves included. Not thread-safe.
class EventLoop {
 public:
  using Clock = std::chrono::steady_clock;
  using TimerId = std::uint64_t;  ///< 0 is never a timer

  EventLoop();

  /// Calls `callback` with the ready events (EPOLLIN…) of `fd`. Level-triggered. The caller keeps the
  /// descriptor open and removes it before closing it.
  Result<void> Add(int fd, std::uint32_t events, std::function<void(std::uint32_t)> callback);
  /// Changes which events are waited for; 0 pauses (errors and hang-up are then not reported either).
  void Modify(int fd, std::uint32_t events);
  void Remove(int fd);

  /// Calls `callback` once, not before `when`.
  TimerId At(Clock::time_point when, std::function<void()> callback);
  /// Calls `callback` once, when the events that are ready now have been handled: where many small writes can
  /// become one.
  TimerId Later(std::function<void()> callback);
  /// Forgets a timer, or what was to be called later; one that has fired, or 0, is ignored.
  void Cancel(TimerId id);

  /// Runs until Stop().
  void Run();
  void Stop() { stopped_ = true; }
  bool stopped() const { return stopped_; }

  /// For who leads a program through its events one by one: calls back for every descriptor that is ready,
  /// until none is, without waiting and without timers.
  void RunReady();
  /// The same for time: calls the earliest timer as if its time had come. False without one.
  bool FireNext();

 private:
  struct Watch {
    std::uint32_t events = 0;
    bool registered = false;
    std::function<void(std::uint32_t)> callback;
  };
  int TimeoutMillis() const;
  int Dispatch(int timeout_ms);
  void CallLater();
  void FireFirst();
  void FireTimers();
  void Apply(int fd, Watch& watch);

  UniqueFd epoll_;
  std::unordered_map<int, std::shared_ptr<Watch>> watches_;
  std::map<std::pair<Clock::time_point, TimerId>, std::function<void()>> timers_;
  std::unordered_map<TimerId, Clock::time_point> timer_times_;
  std::vector<std::pair<TimerId, std::function<void()>>> later_;
  TimerId next_timer_ = 1;
  bool stopped_ = false;
};

}  // namespace codeapi
