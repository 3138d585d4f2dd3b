#include "tools/call_sessions.h"

#include <gtest/gtest.h>

#include <boost/asio.hpp>

#include "store/testing.h"

namespace codeapi::testing {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

// One thread: poll() runs until nothing is left that could run, so "still waits" is a fact and not a race.
class CallSessionsTest : public ::testing::Test {
 protected:
  struct Made {
    std::optional<Result<GivenResult>> outcome;
    asio::cancellation_signal signal;
  };

  std::shared_ptr<Made> Call(CallSessions& sessions, std::string id, std::string input = "{}",
                             std::string tool = "weather") {
    auto made = std::make_shared<Made>();
    asio::co_spawn(io, sessions.Call("one", std::move(id), std::move(tool), std::move(input)),
                   asio::bind_cancellation_slot(made->signal.slot(), [made](const std::exception_ptr& error,
                                                                            Result<GivenResult> outcome) {
                     if (error == nullptr) made->outcome.emplace(std::move(outcome));
                   }));
    Poll();
    return made;
  }

  void Poll() {
    io.restart();
    io.poll();
  }

  static std::vector<std::string> Waiting(CallSessions& sessions) {
    CallSessionInfo info;
    std::vector<std::string> out;
    auto calls = sessions.Pending("one", info);
    EXPECT_TRUE(calls);
    EXPECT_EQ(info.status, calls->empty() ? CallSessionStatus::kRunning : CallSessionStatus::kWaiting);
    for (const PendingCall& call : *calls) out.push_back(call.id);
    return out;
  }

  static std::string Open(CallSessions& sessions, milliseconds timeout = std::chrono::minutes(1)) {
    return *sessions.Open("one", "s", {"weather"}, timeout);
  }

  static GivenResult Given(std::string id, std::string result) {
    return {std::move(id), std::move(result), false, {}};
  }

  asio::io_context io;
};

TEST_F(CallSessionsTest, CallsMeetTheirResultsInAnyOrder) {
  CallSessions sessions;
  Open(sessions);
  const auto a = Call(sessions, "a"), b = Call(sessions, "b");
  EXPECT_EQ(Waiting(sessions), (std::vector<std::string>{"a", "b"}));
  ASSERT_TRUE(sessions.Give("one", {Given("b", "2")}));
  Poll();
  ASSERT_TRUE(b->outcome && *b->outcome);
  EXPECT_EQ((*b->outcome)->result, "2");
  EXPECT_FALSE(a->outcome);
  EXPECT_EQ(Waiting(sessions), (std::vector<std::string>{"a"}));
  ASSERT_TRUE(sessions.Give("one", {{"a", "", true, "\"no\""}}));
  Poll();
  ASSERT_TRUE(a->outcome && *a->outcome);
  EXPECT_TRUE((*a->outcome)->error);
  EXPECT_EQ((*a->outcome)->message, "\"no\"");
}

TEST_F(CallSessionsTest, AResultMayComeFirstAndIsGivenOnce) {
  CallSessions sessions;
  Open(sessions);
  ASSERT_TRUE(sessions.Give("one", {Given("a", "1"), Given("a", "2")}));
  const auto first = Call(sessions, "a"), second = Call(sessions, "a");
  ASSERT_TRUE(first->outcome && *first->outcome);
  EXPECT_EQ((*first->outcome)->result, "2");
  EXPECT_FALSE(second->outcome);
}

TEST_F(CallSessionsTest, WhoHangsUpIsForgotten) {
  CallSessions sessions;
  Open(sessions);
  const auto a = Call(sessions, "a");
  a->signal.emit(asio::cancellation_type::terminal);
  Poll();
  EXPECT_TRUE(Waiting(sessions).empty());
}

TEST_F(CallSessionsTest, ACallMadeAgainTakesThePlaceOfTheFirst) {
  CallSessions sessions;
  Open(sessions);
  const auto first = Call(sessions, "a"), second = Call(sessions, "a");
  ASSERT_TRUE(first->outcome);
  EXPECT_EQ(CodeOf(*first->outcome), ErrorCode::kConflict);
  EXPECT_EQ(Waiting(sessions), (std::vector<std::string>{"a"}));
  ASSERT_TRUE(sessions.Give("one", {Given("a", "1")}));
  Poll();
  EXPECT_TRUE(second->outcome && *second->outcome);
}

TEST_F(CallSessionsTest, NobodyAnswering) {
  CallSessions sessions;
  Open(sessions, milliseconds(1));
  const auto a = Call(sessions, "a");
  io.restart();
  io.run();
  ASSERT_TRUE(a->outcome);
  EXPECT_EQ(CodeOf(*a->outcome), ErrorCode::kDeadline);
  EXPECT_TRUE(Waiting(sessions).empty());
}

TEST_F(CallSessionsTest, ASessionThatGoesEndsItsCalls) {
  CallSessions sessions;
  const std::string token = Open(sessions);
  EXPECT_EQ(token.size(), 32u);
  auto a = Call(sessions, "a");
  EXPECT_NE(Open(sessions), token);  // another in its place
  Poll();
  EXPECT_EQ(CodeOf(*a->outcome), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(sessions.Check("one", token)), ErrorCode::kForbidden);
  a = Call(sessions, "a");
  ASSERT_TRUE(sessions.Give("one", {Given("b", "1")}));
  EXPECT_EQ(sessions.Remove("one"), 3u);
  EXPECT_EQ(sessions.Remove("one"), 0u);
  Poll();
  EXPECT_EQ(CodeOf(*a->outcome), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(sessions.Look("one")), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(sessions.Give("one", {})), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(*Call(sessions, "a")->outcome), ErrorCode::kNotFound);
}

TEST_F(CallSessionsTest, EverythingExpires) {
  CallSessions sessions({.expiry = milliseconds(1)});
  Open(sessions);
  const auto a = Call(sessions, "a");
  io.restart();
  io.run();  // it waits no longer than its session lives
  EXPECT_TRUE(a->outcome);
  while (sessions.Look("one")) {
  }
  EXPECT_EQ(sessions.active(), 0u);
  Open(sessions);
  while (sessions.active() > 0) {
  }
  sessions.Sweep();
  EXPECT_EQ(sessions.Remove("one"), 0u);
}

TEST_F(CallSessionsTest, OnlyItsToolsAndItsToken) {
  CallSessions sessions;
  const std::string token = Open(sessions);
  EXPECT_TRUE(sessions.Check("one", token));
  std::string other = token;
  other.back() ^= 1;
  for (const std::string& wrong : {other, std::string(), token.substr(1), token + "x"})
    EXPECT_EQ(CodeOf(sessions.Check("one", wrong)), ErrorCode::kForbidden);
  EXPECT_EQ(CodeOf(sessions.Check("two", token)), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(*Call(sessions, "a", "{}", "rm")->outcome), ErrorCode::kForbidden);
}

TEST_F(CallSessionsTest, OneThatIsOverIsNotActive) {
  CallSessions sessions;
  Open(sessions);
  EXPECT_EQ(sessions.active(), 1u);
  ASSERT_TRUE(sessions.End("one", CallSessionStatus::kError));
  EXPECT_EQ(sessions.active(), 0u);
  EXPECT_EQ(sessions.Look("one")->status, CallSessionStatus::kError);
}

TEST_F(CallSessionsTest, NumbersAndBytesAreBounded) {
  CallSessions sessions({.max_sessions = 2, .max_calls = 2, .max_bytes = 100});
  Open(sessions);
  ASSERT_TRUE(sessions.Open("two", "s", {}, milliseconds(1)));
  EXPECT_EQ(CodeOf(sessions.Open("three", "s", {}, milliseconds(1))), ErrorCode::kUnavailable);
  Open(sessions);  // in the place of one that is there
  const auto a = Call(sessions, "a"), b = Call(sessions, "b");
  EXPECT_EQ(CodeOf(*Call(sessions, "c")->outcome), ErrorCode::kTooLarge);
  EXPECT_EQ(CodeOf(sessions.Give("one", {Given("x", std::string(100, '1'))})), ErrorCode::kTooLarge);
  EXPECT_EQ(
      CodeOf(sessions.Give("one", {Given("a", "1"), Given("x", "1"), Given("y", "1"), Given("z", "1")})),
      ErrorCode::kTooLarge);
  Poll();
  EXPECT_FALSE(a->outcome) << "all or none";
  // What has gone is room again, whichever way and however often.
  for (int i = 0; i < 100; ++i) {
    const auto again = Call(sessions, "a", std::string(30, 'x')), other = Call(sessions, "b");
    ASSERT_FALSE(again->outcome) << i;
    ASSERT_FALSE(other->outcome) << i;
    if (i % 3 == 0) Open(sessions);
    if (i % 3 == 1) again->signal.emit(asio::cancellation_type::terminal);
    if (i % 3 == 2) ASSERT_TRUE(sessions.Give("one", {Given("a", "1"), Given("b", "1")})) << i;
    Poll();
  }
}

}  // namespace
}  // namespace codeapi::testing
