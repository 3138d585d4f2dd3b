#include "jailer/event_loop.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "jail/testing.h"

namespace codeapi {
namespace {

using Clock = EventLoop::Clock;

struct Pipe {
  Pipe() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) std::abort();
    read.reset(fds[0]);
    write.reset(fds[1]);
  }
  void Put() { ASSERT_EQ(::write(write.get(), "x", 1), 1); }
  void Take() {
    char byte;
    ASSERT_EQ(::read(read.get(), &byte, 1), 1);
  }
  UniqueFd read, write;
};

// Deadlines in the past, so that nothing depends on how long anything takes.
Clock::time_point Past(int order) {
  return Clock::now() - std::chrono::hours(1) + std::chrono::milliseconds(order);
}

// Whether the process's epoll set holds a descriptor: the kernel lists it.
bool IsWatched(int fd) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream info(entry.path());
    for (std::string line; std::getline(info, line);) {
      if (line.starts_with("tfd:") && std::stoi(line.substr(4)) == fd) return true;
    }
  }
  return false;
}

TEST(EventLoop, TimersFireInOrderOfTheirDeadlines) {
  EventLoop loop;
  std::string order;
  loop.At(Past(3), [&] { order += "c"; });
  loop.At(Past(1), [&] { order += "a"; });
  loop.At(Past(2), [&] { order += "b"; });
  loop.At(Past(3), [&] { order += "d"; });
  loop.At(Past(4), [&] { loop.Stop(); });
  loop.Run();
  EXPECT_EQ(order, "abcd") << "equal deadlines fire as they were set";
}

TEST(EventLoop, ATimerNeverFiresEarlyAndOnlyOnce) {
  EventLoop loop;
  const auto when = Clock::now() + std::chrono::microseconds(2'500);
  int fired = 0;
  Clock::time_point at;
  loop.At(when, [&] {
    ++fired;
    at = Clock::now();
    loop.At(Past(0), [&] { loop.Stop(); });
  });
  loop.Run();
  EXPECT_EQ(fired, 1);
  EXPECT_GE(at, when);
}

TEST(EventLoop, ACancelledTimerDoesNotFire) {
  EventLoop loop;
  std::string order;
  const auto cancelled = loop.At(Past(1), [&] { order += "a"; });
  EventLoop::TimerId later = 0;
  loop.At(Past(2), [&] {
    order += "b";
    loop.Cancel(later);
  });
  later = loop.At(Past(3), [&] { order += "c"; });
  loop.At(Past(4), [&] { loop.Stop(); });
  loop.Cancel(cancelled);
  loop.Cancel(cancelled);
  loop.Cancel(0);
  loop.Cancel(12'345);
  loop.Run();
  EXPECT_EQ(order, "b");
}

TEST(EventLoop, ATimerMayCancelItselfAndSetAnother) {
  EventLoop loop;
  EventLoop::TimerId own = 0;
  int rounds = 0;
  std::function<void()> again = [&] {
    loop.Cancel(own);
    if (++rounds == 3) return loop.Stop();
    own = loop.At(Past(rounds), again);
  };
  own = loop.At(Past(0), again);
  loop.Run();
  EXPECT_EQ(rounds, 3);
}

TEST(EventLoop, TimerIdsAreNeverZeroAndNeverTheSame) {
  EventLoop loop;
  const auto one = loop.At(Past(1), [] {});
  loop.Cancel(one);
  const auto two = loop.At(Past(1), [] {});
  EXPECT_NE(one, 0u);
  EXPECT_NE(two, one);
}

TEST(EventLoop, ADescriptorIsCalledBackAsLongAsItIsReady) {
  EventLoop loop;
  Pipe pipe;
  pipe.Put();
  pipe.Put();
  int calls = 0;
  ASSERT_TRUE(loop.Add(pipe.read.get(), EPOLLIN, [&](std::uint32_t events) {
    EXPECT_EQ(events, static_cast<std::uint32_t>(EPOLLIN));
    pipe.Take();
    if (++calls == 2) loop.Stop();
  }));
  loop.Run();
  EXPECT_EQ(calls, 2);
}

TEST(EventLoop, TimersFireBesideADescriptorThatIsAlwaysReady) {
  EventLoop loop;
  Pipe pipe;
  pipe.Put();
  int calls = 0, ticks = 0;
  ASSERT_TRUE(loop.Add(pipe.read.get(), EPOLLIN, [&](std::uint32_t) {
    ++calls;
    loop.At(Past(0), [&] {
      if (++ticks == 5) loop.Stop();
    });
  }));
  loop.Run();
  EXPECT_EQ(ticks, 5);
}

TEST(EventLoop, ACallbackMayRemoveItself) {
  EventLoop loop;
  Pipe pipe;
  pipe.Put();
  int calls = 0;
  // What the callback holds must outlive the removal that happens inside it.
  const auto held = std::make_shared<std::string>("still here");
  ASSERT_TRUE(loop.Add(pipe.read.get(), EPOLLIN, [&loop, &pipe, &calls, held](std::uint32_t) {
    ++calls;
    loop.Remove(pipe.read.get());
    EXPECT_EQ(*held, "still here");
    EXPECT_FALSE(IsWatched(pipe.read.get()));
    loop.At(Past(0), [&loop] { loop.Stop(); });
  }));
  loop.Run();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(held.use_count(), 1);
}

TEST(EventLoop, ACallbackMayRemoveOrPauseOthersThatAreReadyToo) {
  for (const bool pause : {false, true}) {
    EventLoop loop;
    std::vector<Pipe> pipes(3);
    int calls = 0;
    for (Pipe& pipe : pipes) {
      pipe.Put();
      ASSERT_TRUE(loop.Add(pipe.read.get(), EPOLLIN, [&](std::uint32_t) {
        ++calls;
        for (Pipe& other : pipes) {
          if (pause) {
            loop.Modify(other.read.get(), 0);
          } else {
            loop.Remove(other.read.get());
          }
        }
        loop.At(Past(0), [&] { loop.Stop(); });
      }));
    }
    loop.Run();
    EXPECT_EQ(calls, 1) << pause;
  }
}

TEST(EventLoop, ACallbackMayAddOthers) {
  EventLoop loop;
  Pipe first, second;
  first.Put();
  second.Put();
  ASSERT_TRUE(loop.Add(first.read.get(), EPOLLIN, [&](std::uint32_t) {
    first.Take();
    ASSERT_TRUE(loop.Add(second.read.get(), EPOLLIN, [&](std::uint32_t) { loop.Stop(); }));
  }));
  loop.Run();
}

// Epoll reports a hang-up whatever one waits for: a paused pipe whose writer is gone would make the loop
// spin.
TEST(EventLoop, APausedDescriptorIsNotWatchedAtAll) {
  EventLoop loop;
  Pipe pipe;
  pipe.write.reset();
  int calls = 0;
  const int fd = pipe.read.get();
  ASSERT_TRUE(loop.Add(fd, EPOLLIN, [&](std::uint32_t events) {
    EXPECT_NE(events & EPOLLHUP, 0u);
    if (++calls == 2) return loop.Stop();
    EXPECT_TRUE(IsWatched(fd));
    loop.Modify(fd, 0);
    EXPECT_FALSE(IsWatched(fd));
    // Going on later, it is there again.
    loop.At(Past(0), [&] {
      EXPECT_EQ(calls, 1);
      loop.Modify(fd, EPOLLIN);
      EXPECT_TRUE(IsWatched(fd));
    });
  }));
  loop.Run();
  EXPECT_EQ(calls, 2);
}

TEST(EventLoop, ADescriptorMayStartPaused) {
  EventLoop loop;
  Pipe pipe;
  pipe.write.reset();
  ASSERT_TRUE(loop.Add(pipe.read.get(), 0, [&](std::uint32_t) { loop.Stop(); }));
  EXPECT_FALSE(IsWatched(pipe.read.get()));
  loop.Modify(pipe.read.get(), 0);
  loop.At(Past(0), [&] { loop.Modify(pipe.read.get(), EPOLLIN); });
  loop.Run();
  loop.Modify(pipe.read.get(), 0);
  loop.Remove(pipe.read.get());
  EXPECT_FALSE(IsWatched(pipe.read.get()));
}

TEST(EventLoop, ModifyChangesWhatIsWaitedFor) {
  EventLoop loop;
  int fds[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  UniqueFd ours(fds[0]), theirs(fds[1]);
  std::vector<std::uint32_t> seen;
  ASSERT_TRUE(loop.Add(ours.get(), EPOLLIN, [&](std::uint32_t events) {
    seen.push_back(events);
    if (seen.size() == 1) return loop.Modify(ours.get(), EPOLLOUT);
    loop.Stop();
  }));
  ASSERT_EQ(::write(theirs.get(), "x", 1), 1);
  loop.Run();
  EXPECT_EQ(seen, (std::vector<std::uint32_t>{EPOLLIN, EPOLLOUT}));
}

TEST(EventLoop, WhatItDoesNotKnowIsIgnored) {
  EventLoop loop;
  loop.Modify(12'345, EPOLLIN);
  loop.Remove(12'345);
}

TEST(EventLoop, WhatCannotBeWatchedIsAnError) {
  EventLoop loop;
  EXPECT_FALSE(loop.Add(12'345, EPOLLIN, [](std::uint32_t) {}));
  const UniqueFd file(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(loop.Add(file.get(), EPOLLIN, [](std::uint32_t) {})) << "regular files have no readiness";
}

TEST(EventLoop, StopEndsARunBeforeTheNextCallback) {
  EventLoop loop;
  Pipe one, two;
  one.Put();
  two.Put();
  int calls = 0;
  for (Pipe* pipe : {&one, &two}) {
    ASSERT_TRUE(loop.Add(pipe->read.get(), EPOLLIN, [&](std::uint32_t) {
      ++calls;
      loop.Stop();
    }));
  }
  loop.Run();
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace codeapi
