// The channel on real sockets, in a network namespace of the test's own: the socket's name is always the
// same.

#include "jail/tool_channel.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string>

#include "jail/monotonic.h"
#include "jail/testing.h"

namespace codeapi {
namespace {

using namespace std::string_literals;

bool program_sleeps, program_starts;

std::string U32(std::uint32_t value) {
  return WireWriter().U32(value).payload();
}
std::string Request(std::uint32_t id, const std::string& body) {
  return U32(static_cast<std::uint32_t>(body.size())) + U32(id) + body;
}

// The channel with its jailer, and what becomes of both.
class Stage {
 public:
  explicit Stage(std::uint32_t most_calls) : channel_(init_, most_calls, {Sleeps, Starts}) {
    program_sleeps = true;
    program_starts = false;
    open_error = channel_.Open();
  }

  UniqueFd Connect() {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    kToolSocketName.copy(address.sun_path + 1, kToolSocketName.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + kToolSocketName.size());
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return {};
    timeval never_for_long{10, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &never_for_long, sizeof never_for_long);
    return fd;
  }
  // Lets the channel do all that there is to do at once.
  void Settle() {
    for (int idle = 0; idle < 2;) {
      std::vector<pollfd> fds;
      channel_.Watch(fds);
      idle = ::poll(fds.data(), fds.size(), 0) == 0 ? idle + 1 : 0;
      alive = alive && channel_.OnEvents(fds);
    }
  }
  void Look() { alive = alive && channel_.Look(NowMicros()); }
  std::uint64_t due() const { return channel_.due(); }
  bool Answer(std::uint32_t call, const std::string& text, bool last = true) {
    return channel_.OnResult(CellToolResult{call, last, '0', text}.Encode());
  }
  // What the jailer has been told since, in words.
  std::string Told() {
    std::string out;
    init_.Flush();
    char buffer[65536];
    ssize_t n;
    while ((n = ::recv(jailer_.get(), buffer, sizeof buffer, MSG_DONTWAIT)) > 0) {
      told_.append(buffer, static_cast<std::size_t>(n));
      init_.Flush();
    }
    while (told_.size() >= kCellHeaderSize) {
      std::uint32_t length;
      std::memcpy(&length, told_.data(), sizeof length);
      if (told_.size() < kCellHeaderSize + length) break;
      const std::string payload = told_.substr(kCellHeaderSize, length);
      if (static_cast<CellMessage>(told_[4]) == CellMessage::kToolCall) {
        const auto call = CellToolCall::Decode(payload);
        out += std::to_string(call->call) + ":" + std::to_string(call->tool) + ":" +
               (call->input.size() > 10 ? std::to_string(call->input.size()) : call->input) + " ";
      } else {
        out += "wait" + std::to_string(CellToolWait::Decode(payload)->answers) + " ";
      }
      told_.erase(0, kCellHeaderSize + length);
    }
    return out;
  }
  std::size_t queued() const { return init_.queued(); }

  int open_error = 0;
  bool alive = true;

 private:
  static bool Sleeps() { return program_sleeps; }
  static bool Starts() { return program_starts; }
  struct Ends {
    Ends() {
      int fds[2];
      if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
      one.reset(fds[0]);
      other.reset(fds[1]);
    }
    UniqueFd one, other;
  } ends_;
  UniqueFd& jailer_ = ends_.one;
  InitChannel init_{ends_.other.get()};
  ToolChannel channel_;
  std::string told_;
};

void Send(const UniqueFd& fd, const std::string& bytes) {
  if (::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) ::_exit(98);
}
// The next answer: its id, a colon, and what it is.
std::string Receive(const UniqueFd& fd) {
  std::string head(8, '\0');
  if (::recv(fd.get(), head.data(), head.size(), MSG_WAITALL) != 8) return "end";
  std::uint32_t length, id;
  std::memcpy(&length, head.data(), sizeof length);
  std::memcpy(&id, head.data() + 4, sizeof id);
  std::string body(length, '\0');
  if (::recv(fd.get(), body.data(), length, MSG_WAITALL) != static_cast<ssize_t>(length)) return "end";
  return std::to_string(id) + ":" + body;
}

// What `body` says of a channel for five calls.
template <typename Body>
std::string OnStage(Body body) {
  const auto child = testing::RunInChild([&](int out) {
    if (::unshare(CLONE_NEWNET) != 0) return testing::Report(out, "no network namespace");
    Stage stage(5);
    if (stage.open_error != 0) return testing::Report(out, std::strerror(stage.open_error));
    testing::Report(out, body(stage) + (stage.alive ? "" : "gone"));
  });
  return child.output;
}

TEST(ToolChannel, ALoneCallIsARoundAtOnce) {
  EXPECT_EQ(OnStage([](Stage& stage) {
              const UniqueFd caller = stage.Connect();
              Send(caller, Request(9, "12\0{}"s));
              stage.Settle();
              std::string out = stage.Told() + "| ";
              stage.Look();
              out += stage.Told() + "| ";
              stage.Look();
              out += stage.Told() + "| ";
              if (!stage.Answer(1, "an", false) || !stage.Answer(1, "swer")) return "refused"s;
              return out + Receive(caller) + (stage.due() == ToolChannel::kNever ? "" : " due");
            }),
            "1:12:{} | wait0 | | 9:0answer due");
}

// How many looks there are before the round is complete, with a program that is never seen to sleep.
int LooksAtABusyProgram(Stage& stage) {
  const UniqueFd caller = stage.Connect();
  program_sleeps = false;
  Send(caller, Request(1, "0\0a"s));
  stage.Settle();
  std::string told = stage.Told();
  if (told != "1:0:a ") return -1;
  int looks = 0;
  for (told.clear(); told.empty(); told = stage.Told()) {
    while (NowMicros() < stage.due()) continue;
    stage.Look();
    ++looks;
  }
  return told == "wait0 " ? looks : -1;
}

// Looks are apart by pauses, and the pauses grow.
TEST(ToolChannel, ABusyProgramIsWaitedForAMoment) {
  EXPECT_EQ(OnStage([](Stage& stage) {
              const std::uint64_t since = NowMicros();
              const int looks = LooksAtABusyProgram(stage);
              return std::string(NowMicros() - since < 40'000 ? "at once" : looks > 20 ? "spins" : "waits");
            }),
            "waits");
}

TEST(ToolChannel, AProgramThatIsStartingMoreIsWaitedForLonger) {
  EXPECT_EQ(OnStage([](Stage& stage) {
              program_starts = true;
              const std::uint64_t since = NowMicros();
              const int looks = LooksAtABusyProgram(stage);
              return std::string(looks > 0 && NowMicros() - since >= 400'000 ? "long" : "short");
            }),
            "long");
}

TEST(ToolChannel, WhatWasSentBeforeTheProgramSleptIsReadFirst) {
  EXPECT_EQ(OnStage([](Stage& stage) {
              const UniqueFd caller = stage.Connect();
              Send(caller, Request(1, "0\0a"s));
              stage.Settle();
              Send(caller, Request(2, "0\0b"s));
              const UniqueFd other = stage.Connect();
              stage.Look();
              std::string out = stage.Told() + "| ";
              stage.Settle();
              stage.Look();
              return out + stage.Told();
            }),
            "1:0:a | 2:0:b wait0 ");
}

TEST(ToolChannel, ACallOfSomebodyWhoIsGoneIsNotWaitedFor) {
  EXPECT_EQ(OnStage([](Stage& stage) {
              UniqueFd caller = stage.Connect();
              Send(caller, Request(1, "0\0a"s));
              stage.Settle();
              caller.reset();
              stage.Settle();
              stage.Look();
              std::string out = stage.Told();
              return out + (stage.Answer(1, "x") ? "taken " : "refused ") +
                     (stage.Answer(1, "x") ? "taken" : "refused");
            }),
            "1:0:a taken refused");
}

TEST(ToolChannel, CallsBeyondTheLimitAreAnsweredHere) {
  EXPECT_EQ(OnStage([](Stage& stage) {
              const UniqueFd caller = stage.Connect();
              std::string all;
              for (std::uint32_t id = 1; id <= 7; ++id) all += Request(id, "0\0x"s);
              Send(caller, all);
              stage.Settle();
              const std::string out = stage.Told();
              return out + Receive(caller) + " " + Receive(caller).substr(0, 2);
            }),
            "1:0:x 2:0:x 3:0:x 4:0:x 5:0:x 6:2Execution exceeded maximum tool calls (5) 7:");
}

TEST(ToolChannel, RequestsMayComeInPieces) {
  EXPECT_EQ(OnStage([](Stage& stage) {
              const UniqueFd caller = stage.Connect();
              for (const char byte : Request(1, "7\0abc"s) + Request(2, "8\0"s)) {
                Send(caller, std::string(1, byte));
                stage.Settle();
              }
              return stage.Told();
            }),
            "1:7:abc 2:8: ");
}

TEST(ToolChannel, WhoBreaksTheFramesIsDisconnected) {
  for (const std::string& nonsense : {"GET / HTTP/1.1\r\n"s, std::string(8, '\xff'), Request(1, ""),
                                      Request(1, "\0x"s), Request(1, "x\0y"s), Request(1, "100\0"s),
                                      Request(1, "12"), Request(1, "-1\0"s), Request(1, "+1\0"s)}) {
    EXPECT_EQ(OnStage([&](Stage& stage) {
                const UniqueFd good = stage.Connect(), caller = stage.Connect();
                Send(caller, nonsense);
                stage.Settle();
                Send(good, Request(3, "0\0x"s));
                stage.Settle();
                return Receive(caller) + " " + stage.Told();
              }),
              "end 1:0:x ")
        << nonsense;
  }
}

TEST(ToolChannel, AnInputThatIsTooLargeIsSkipped) {
  EXPECT_EQ(OnStage([](Stage& stage) {
              const UniqueFd caller = stage.Connect();
              std::string body = Request(1, "0\0"s + std::string(3 << 20, 'x'));
              for (std::size_t at = 0; at < body.size(); at += 50'000) {
                Send(caller, body.substr(at, 50'000));
                stage.Settle();
              }
              Send(caller, Request(2, "0\0x"s));
              stage.Settle();
              return Receive(caller) + " " + stage.Told();
            }),
            "1:2tool input is larger than 1048576 bytes 1:0:x ");
}

// Answers for it would pile up without a bound.
TEST(ToolChannel, WhoDoesNotReadIsNotListenedTo) {
  EXPECT_EQ(OnStage([](Stage& stage) {
              const UniqueFd caller = stage.Connect();
              std::string all;
              for (std::uint32_t id = 1; id <= 100; ++id) all += Request(id, "0\0x"s);
              std::size_t sent = 0;
              while (true) {
                const ssize_t n = ::send(caller.get(), all.data(), all.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
                if (n < 0) break;
                sent += static_cast<std::size_t>(n);
                stage.Settle();
                if (sent > (64u << 20)) return "took everything"s;
              }
              const UniqueFd other = stage.Connect();
              Send(other, Request(1, "0\0x"s));
              stage.Settle();
              return Receive(other);
            }),
            "1:2Execution exceeded maximum tool calls (5)");
}

TEST(ToolChannel, AJailerThatDoesNotReadHoldsUpNobody) {
  EXPECT_EQ(OnStage([](Stage& stage) {
              const std::string body = Request(1, "0\0"s + std::string(1 << 20, 'x'));
              std::vector<UniqueFd> callers;
              for (int i = 0; i < 4; ++i) {
                callers.push_back(stage.Connect());
                for (std::size_t at = 0; at < body.size();) {
                  const ssize_t n = ::send(callers.back().get(), body.data() + at, body.size() - at,
                                           MSG_DONTWAIT | MSG_NOSIGNAL);
                  if (n < 0) break;  // nobody listens while calls wait for the jailer
                  at += static_cast<std::size_t>(n);
                  stage.Settle();
                }
              }
              const bool bounded = stage.queued() < (3u << 20);
              stage.Look();
              return std::string(bounded ? "bounded " : "unbounded ") + stage.Told();
            }),
            "bounded 1:0:1048576 2:0:1048576 ");
}

TEST(ToolChannel, ManyCallersAreServedInTurn) {
  EXPECT_EQ(OnStage([](Stage& stage) {
              std::vector<UniqueFd> callers;
              for (int i = 0; i < 256; ++i) callers.push_back(stage.Connect());
              stage.Settle();
              const UniqueFd late = stage.Connect();
              Send(late, Request(1, "0\0x"s));
              stage.Settle();
              std::string out = stage.Told() + "| ";
              callers.pop_back();
              stage.Settle();
              return out + stage.Told();
            }),
            "| 1:0:x ");
}

}  // namespace
}  // namespace codeapi
