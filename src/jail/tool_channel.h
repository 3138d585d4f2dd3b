// Init's end of the program's tool calls: the socket that programs call at, and the calls between it and the
// jailer. The wire and its reasons are in docs/adr/0007.
//
// Theory of operation. The socket has an abstract name, so any process of the cell reaches it, inherits
// nothing for it, and nobody outside of the cell's network namespace can. Everything behind it is the
// program's, and hostile: nothing here waits for a caller, a caller that breaks the frames is disconnected
// and nothing else happens, and one that does not read what it asked for is not listened to. Answers wait in
// init's memory, which is charged to the cell. Towards the jailer nothing is waited for either: its kill must
// always be heard. While calls pile up in front of it, no caller is read.
//
// A round of calls is complete when the program sleeps (program_activity.h), every frame that it sent before
// has been read, and some call is unanswered. That is looked at right after each call and each answer, and
// while the program is still busy again and again, less and less often, for a moment, or a longer one when
// what is busy has only just been started.
#pragma once

#include <poll.h>

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "jail/init_channel.h"

namespace codeapi {

/// The socket's name behind its leading zero.
inline constexpr std::string_view kToolSocketName = "codeapi-tools";

/// Not thread-safe. Driven by a poll loop: Watch(), poll, OnEvents(), and Look() when it is due.
class ToolChannel {
 public:
  /// How the program is seen (program_activity.h).
  struct Sight {
    bool (*sleeps)();
    bool (*starts)();
  };

  /// Calls go to `jailer`, at most `most_calls` of them.
  ToolChannel(InitChannel& jailer, std::uint32_t most_calls, Sight program);

  /// Makes the socket. Before anything of the program runs. An errno, or 0.
  int Open();

  /// Appends what is to be polled.
  void Watch(std::vector<pollfd>& fds) const;
  /// What poll said about just these. False when the jailer is gone.
  bool OnEvents(std::span<const pollfd> fds);
  /// A kToolResult of the jailer's. False when it makes no sense.
  bool OnResult(std::string_view payload);

  /// Microseconds of the monotonic clock at which Look() is due; kNever when nothing is to be looked at.
  std::uint64_t due() const { return due_us_; }
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
  /// Looks whether the round is complete. When poll has nothing more to say, or it is long overdue.
  bool Look(std::uint64_t now_us);

 private:
  struct Caller {
    UniqueFd fd;
    std::string in;
    std::uint64_t skip = 0;       // bytes still to come of a frame that is too large
    std::deque<std::string> out;  // frames
    std::size_t out_at = 0;       // what is gone of the first
    std::uint32_t unanswered = 0;
    bool ended = false;  // it will send no more
  };
  struct Call {
    std::uint64_t caller = 0;
    std::uint32_t id = 0;
    std::string answer;
  };

  using Callers = std::map<std::uint64_t, Caller>;  // by a number that is never used again

  void Accept();
  Callers::iterator Drop(Callers::iterator caller);
  static bool IsDone(const Caller& caller);
  bool Listens(const Caller& caller) const;
  short Wanted(const Caller& caller) const;
  bool Serve(std::uint64_t serial, Caller& caller, short events);  // false: it goes
  bool Read(std::uint64_t serial, Caller& caller);
  bool Parse(std::uint64_t serial, Caller& caller);
  bool OnRequest(std::uint64_t serial, Caller& caller, std::uint32_t id, std::string_view request);
  static void Answer(Caller& caller, std::uint32_t id, char kind, std::string_view text);
  static bool Write(Caller& caller);
  void News();
  bool HasUnread() const;

  InitChannel& jailer_;
  const std::uint32_t most_calls_;
  const Sight program_;
  UniqueFd listener_;
  bool cannot_accept_ = false;  // until a caller goes
  Callers callers_;
  std::uint64_t next_caller_ = 1;
  std::map<std::uint32_t, Call> calls_;  // unanswered
  std::uint32_t made_ = 0, answers_ = 0;
  std::uint32_t waited_for_ = 0;  // unanswered calls whose callers are there
  // The look at the program. No news: the jailer knows, or there is nothing to know.
  bool news_ = false;
  std::uint64_t first_news_us_ = 0, last_news_us_ = 0, pause_us_ = 0, due_us_ = kNever;
};

}  // namespace codeapi
