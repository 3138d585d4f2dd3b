#include "sandbox/tool_relay.h"

#include <gmock/gmock.h>

#include "jail/cell_messages.h"
#include "jailer/protocol.h"
#include "sandbox/tool_fixture.h"

namespace codeapi {
namespace {

using namespace testing;  // NOLINT: the helpers' own names
using ::testing::ElementsAre;

class ToolRelayTest : public ::testing::Test {
 protected:
  awaitable<Result<void>> Call(std::uint32_t call, std::uint32_t tool = 0, std::string input = "x") {
    return relay.OnCall(CellToolCall{call, tool, std::move(input)}.Encode());
  }
  awaitable<Result<void>> Wait(std::uint32_t answers) { return relay.OnWait(CellToolWait{answers}.Encode()); }
  awaitable<void> ExpectNonsense(awaitable<Result<void>> said) {
    const auto taken = co_await std::move(said);
    CO_ASSERT(!taken);
    EXPECT_EQ(taken.error().code, ErrorCode::kSetupFailed);
  }

  asio::io_context io;
  TestTools tools{io.get_executor()};
  ToolRelay relay{tools, 3};
};

TEST_F(ToolRelayTest, WhatNoJailerSaysIsRefused) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await ExpectNonsense(Wait(0));
    co_await ExpectNonsense(Call(0));
    co_await ExpectNonsense(Call(2));
    co_await ExpectNonsense(Call(1, kMaxTools));
    co_await ExpectNonsense(Call(1, 0, std::string(kMaxToolInput + 1, 'x')));
    co_await ExpectNonsense(relay.OnCall("abc"));
    EXPECT_TRUE(tools.inputs.empty());
    EXPECT_TRUE(co_await Call(1));
    co_await ExpectNonsense(Call(1));
    co_await ExpectNonsense(Wait(1));
    co_await ExpectNonsense(relay.OnWait("abc"));
    EXPECT_EQ(tools.waits, 0);
    EXPECT_TRUE(co_await Call(2));
    EXPECT_TRUE(co_await Call(3));
    co_await ExpectNonsense(Call(4));
    EXPECT_EQ(tools.inputs.size(), 3u);
  });
}

TEST_F(ToolRelayTest, AWaitIsOutOfDateOnceAnAnswerWasGiven) {
  RunTest(io, [&]() -> awaitable<void> {
    EXPECT_TRUE(co_await Call(1));
    EXPECT_TRUE(co_await Call(2));
    EXPECT_TRUE(co_await Wait(0));
    EXPECT_EQ(tools.waits, 1);
    tools.Answer(1, "a");
    co_await relay.NextParts();
    EXPECT_TRUE(co_await Wait(0));
    EXPECT_EQ(tools.waits, 1);
    EXPECT_TRUE(co_await Wait(1));
    EXPECT_EQ(tools.waits, 2);
  });
}

TEST_F(ToolRelayTest, EachCallIsAnsweredOnce) {
  RunTest(io, [&]() -> awaitable<void> {
    EXPECT_TRUE(co_await Call(1));
    tools.Answer(2, "of no call");
    tools.Answer(1, "first", ToolAnswer::Kind::kError);
    tools.Answer(1, "second");
    EXPECT_THAT(co_await relay.NextParts(), ElementsAre(CellToolResult{1, true, '1', "first"}.Encode()));
    tools.Answer(1, "third");
    EXPECT_TRUE((co_await relay.NextParts()).empty());
  });
}

TEST_F(ToolRelayTest, ALargeAnswerIsCutIntoFramesAndATooLargeOneIsAnError) {
  RunTest(io, [&]() -> awaitable<void> {
    for (std::uint32_t call = 1; call <= 3; ++call) EXPECT_TRUE(co_await Call(call));
    const std::string text(kMaxToolResult, 'x');
    tools.Answer(1, text);
    std::string arrived;
    bool last = false;
    for (const std::string& payload : co_await relay.NextParts()) {
      EXPECT_FALSE(last);
      EXPECT_LE(payload.size(), kMaxDataPayload);
      const auto part = CellToolResult::Decode(payload);
      CO_ASSERT(part && part->call == 1 && part->kind == '0');
      arrived += part->bytes;
      last = part->last;
    }
    EXPECT_TRUE(last);
    EXPECT_TRUE(arrived == text);
    tools.Answer(2, "");
    tools.Answer(3, text + "x");
    EXPECT_THAT(
        co_await relay.NextParts(),
        ElementsAre(CellToolResult{2, true, '0', ""}.Encode(),
                    CellToolResult{3, true, '1', "tool result is larger than 8388608 bytes"}.Encode()));
  });
}

}  // namespace
}  // namespace codeapi
