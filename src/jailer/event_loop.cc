#include "jailer/event_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <utility>

namespace codeapi {

EventLoop::EventLoop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

Result<void> EventLoop::Add(int fd, std::uint32_t events, std::function<void(std::uint32_t)> callback) {
  auto watch = std::make_shared<Watch>();
  watch->events = events;
  watch->callback = std::move(callback);
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (events != 0) {
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return FailErrno("epoll_ctl");
    watch->registered = true;
  }
  watches_[fd] = std::move(watch);
  return {};
}

void EventLoop::Apply(int fd, Watch& watch) {
  // A paused descriptor is taken out altogether: epoll reports hang-ups even for an empty set of events,
  // which would turn a pipe whose reader is paused into a busy loop.
  epoll_event event{};
  event.events = watch.events;
  event.data.fd = fd;
  const int op = watch.events == 0 ? EPOLL_CTL_DEL : watch.registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  ::epoll_ctl(epoll_.get(), op, fd, &event);
  watch.registered = watch.events != 0;
}

void EventLoop::Modify(int fd, std::uint32_t events) {
  const auto it = watches_.find(fd);
  if (it == watches_.end() || it->second->events == events) return;
  it->second->events = events;
  Apply(fd, *it->second);
}

void EventLoop::Remove(int fd) {
  const auto it = watches_.find(fd);
  if (it == watches_.end()) return;
  if (it->second->registered) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  watches_.erase(it);
}

EventLoop::TimerId EventLoop::At(Clock::time_point when, std::function<void()> callback) {
  const TimerId id = next_timer_++;
  timers_.emplace(std::pair(when, id), std::move(callback));
  timer_times_.emplace(id, when);
  return id;
}

EventLoop::TimerId EventLoop::Later(std::function<void()> callback) {
  later_.emplace_back(next_timer_, std::move(callback));
  return next_timer_++;
}

void EventLoop::Cancel(TimerId id) {
  std::erase_if(later_, [id](const auto& entry) { return entry.first == id; });
  const auto it = timer_times_.find(id);
  if (it == timer_times_.end()) return;
  timers_.erase(std::pair(it->second, id));
  timer_times_.erase(it);
}

int EventLoop::TimeoutMillis() const {
  if (timers_.empty()) return -1;
  const auto left = timers_.begin()->first.first - Clock::now();
  // Rounded up: a timer must not fire early, and rounding down would spin through the last millisecond.
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::clamp<long long>(ms, 0, 60'000));
}

void EventLoop::FireFirst() {
  const auto first = timers_.begin();
  const auto callback = std::move(first->second);
  timer_times_.erase(first->first.second);
  timers_.erase(first);
  callback();
}

void EventLoop::FireTimers() {
  const auto now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first.first <= now) FireFirst();
}

// One by one, since each may add and cancel others.
void EventLoop::CallLater() {
  while (!later_.empty() && !stopped_) {
    const auto callback = std::move(later_.front().second);
    later_.erase(later_.begin());
    callback();
  }
}

// How many descriptors were ready.
int EventLoop::Dispatch(int timeout_ms) {
  CallLater();
  std::array<epoll_event, 64> events;
  const int n = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
  for (int i = 0; i < n && !stopped_; ++i) {
    const auto it = watches_.find(events[static_cast<std::size_t>(i)].data.fd);
    if (it == watches_.end() || !it->second->registered)
      continue;  // removed or paused by an earlier callback
    const std::shared_ptr<Watch> keep = it->second;
    keep->callback(events[static_cast<std::size_t>(i)].events);
  }
  CallLater();  // before timers, which may take their time
  return n;
}

void EventLoop::Run() {
  while (!stopped_) {
    Dispatch(TimeoutMillis());
    FireTimers();
  }
}

void EventLoop::RunReady() {
  while (!stopped_ && Dispatch(0) > 0) continue;
}

bool EventLoop::FireNext() {
  if (stopped_ || timers_.empty()) return false;
  FireFirst();
  return true;
}

}  // namespace codeapi
