#include "tools/tool_record.h"

#include <gtest/gtest.h>

#include <boost/asio.hpp>

#include "manifest/testing.h"
#include "store/sqlite_state_store.h"
#include "store/testing.h"

namespace codeapi::testing {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

ToolRecord Whole() {
  ToolRecord record;
  record.owner = "tenant:user:me\nhash";
  record.request = "E{}";
  record.tools = "[]";
  record.taker = "worker-1";
  record.answer = R"({"status":"tool_call_required"})";
  record.ended = true;
  record.calls = {{1, 0, R"({"a":1})", "abc"}, {2, 5, "{}", ""}};
  record.result_bytes = 1ull << 40;
  record.round = 7;
  return record;
}

class ToolRecordTest : public ::testing::Test {
 protected:
  TempDir dir;
  std::unique_ptr<SqliteStateStore> state = *SqliteStateStore::Open(
      dir / "state.sqlite",
      {.now = [this] { return std::chrono::system_clock::time_point(std::chrono::hours(1)) + passed; }});
  std::chrono::milliseconds passed{0};
  ToolRecords records{*state};
};

TEST_F(ToolRecordTest, ComesBackAsItWas) {
  const ToolRecord record = Whole();
  ASSERT_TRUE(Await(records.Save("one", record)));
  const auto loaded = Await(records.Load("one"));
  ASSERT_TRUE(loaded && *loaded);
  const ToolRecord& back = **loaded;
  EXPECT_EQ(back.Encode(), record.Encode());
  EXPECT_EQ(back.owner, record.owner);
  EXPECT_TRUE(back.ended);
  EXPECT_EQ(back.result_bytes, record.result_bytes);
  ASSERT_EQ(back.calls.size(), 2u);
  EXPECT_EQ(back.calls[1].tool, 5u);
  EXPECT_EQ(back.calls[0].digest, "abc");
  EXPECT_EQ(back.round, 7u);
  EXPECT_EQ(*Await(records.Load("another")), std::nullopt);
  Await([&]() -> awaitable<int> { co_return (co_await records.Remove("one"), 0); }());
  EXPECT_EQ(*Await(records.Load("one")), std::nullopt);
}

TEST_F(ToolRecordTest, WhatIsNoRecordIsAnError) {
  const std::string whole = Whole().Encode();
  for (const std::string& text : {std::string(), std::string("{}"), std::string("[]"), whole + "}",
                                  whole.substr(0, whole.size() - 1), std::string(R"({"owner":1})")}) {
    EXPECT_EQ(CodeOf(ToolRecord::Decode(text)), ErrorCode::kInternal) << text;
    ASSERT_TRUE(Await(state->put("tools:one", text)));
    EXPECT_EQ(CodeOf(Await(records.Load("one"))), ErrorCode::kInternal) << text;
  }
}

// Programs are run again from records, so who can write to the store must not be able to write one.
TEST_F(ToolRecordTest, WithASealOnlyItsOwnIsTaken) {
  const TextSeal seal(TestSigner(), TestVerifier());
  ToolRecords sealed(*state, &seal);
  ToolRecord record = Whole();
  record.ended = false;
  ASSERT_TRUE(Await(sealed.Save("one", record, {{1, "0result"}})));
  ASSERT_TRUE(*Await(sealed.Load("one")));
  EXPECT_EQ((*Await(sealed.Results("one", record)))[0].second, "0result");
  ASSERT_TRUE(Await(records.Save("two", record, {{1, "0other"}})));
  EXPECT_EQ(Await(sealed.Load("two")).error().code, ErrorCode::kForbidden) << "not sealed";
  EXPECT_EQ(Await(sealed.Results("two", record)).error().code, ErrorCode::kForbidden);
  // Another execution's, in its place.
  ASSERT_TRUE(Await(state->put("tools:two", **Await(state->get("tools:one")))));
  ASSERT_TRUE(Await(state->put("tools:two:1", **Await(state->get("tools:one:1")))));
  EXPECT_EQ(Await(sealed.Load("two")).error().code, ErrorCode::kForbidden);
  EXPECT_EQ(Await(sealed.Results("two", record)).error().code, ErrorCode::kForbidden);
}

TEST_F(ToolRecordTest, ExpiresAfterItsLastRound) {
  ASSERT_TRUE(Await(records.Save("one", Whole())));
  passed = kToolRecordTtl - std::chrono::seconds(1);
  ASSERT_TRUE(Await(records.Save("one", Whole())));
  passed += std::chrono::seconds(2);
  EXPECT_TRUE(Await(records.Load("one"))->has_value());
  passed += kToolRecordTtl;
  EXPECT_FALSE(Await(records.Load("one"))->has_value());
}

TEST_F(ToolRecordTest, ItsSizeIsBounded) {
  ToolRecord record;
  record.request.assign(kMaxToolRecord - record.Encode().size(), 'x');
  EXPECT_TRUE(Await(records.Save("one", record)));
  record.request += 'x';
  const auto saved = Await(records.Save("one", record, {{1, "0null"}}));
  ASSERT_EQ(CodeOf(saved), ErrorCode::kTooLarge);
  EXPECT_EQ(saved.error().message, "10000001");
  EXPECT_EQ((*Await(records.Load("one")))->request.size() + 1, record.request.size())
      << "nothing was written";
  EXPECT_EQ(*Await(state->get("tools:one:1")), std::nullopt);
}

TEST_F(ToolRecordTest, ResultsAreKeptBesideIt) {
  ToolRecord record = Whole();
  record.ended = false;  // or they are gone
  record.calls = {{1, 0, "{}", "a"}, {2, 0, "{}", ""}, {3, 0, "{}", "c"}};
  const std::string large(5'000'000, 'x');
  ASSERT_TRUE(Await(records.Save("one", record, {{1, "0" + large}, {3, "1no"}})));
  ASSERT_TRUE(Await(records.Save("one", record)));
  const auto results = Await(records.Results("one", record));
  ASSERT_TRUE(results);
  EXPECT_EQ(*results, (ToolResults{{1, "0" + large}, {3, "1no"}}));
  record.calls[1].digest = "b";  // answered, it says, but nothing is there
  EXPECT_EQ(CodeOf(Await(records.Results("one", record))), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(Await(records.Results("another", record))), ErrorCode::kNotFound);
}

TEST_F(ToolRecordTest, ALockIsHeldByOneAtATime) {
  const auto run = [](awaitable<void> work) {
    Await([](awaitable<void> w) -> awaitable<int> { co_return (co_await std::move(w), 0); }(std::move(work)));
  };
  StateLock first(*state, "lock", "a"), second(*state, "lock", "b"), other(*state, "another", "b");
  EXPECT_EQ(Await(first.Acquire()), true);
  EXPECT_EQ(Await(second.Acquire()), false);
  EXPECT_EQ(Await(other.Acquire()), true);
  EXPECT_EQ(*Await(state->holder("lock")), "a");
  run(second.Release());  // lets go of nothing: it has nothing
  EXPECT_EQ(Await(second.Acquire()), false);
  run(first.Release());
  EXPECT_EQ(Await(second.Acquire()), true);
  EXPECT_EQ(Await(first.Acquire()), false);
}

TEST_F(ToolRecordTest, HoldingEndsWhenCancelledAndTheNameStaysUntilReleased) {
  asio::io_context context;
  StateLock lock(*state, "lock", "a");
  ASSERT_EQ(Await(lock.Acquire()), true);
  asio::cancellation_signal stop;
  bool ended = false;
  asio::co_spawn(context, lock.Hold(),
                 asio::bind_cancellation_slot(stop.slot(), [&](const std::exception_ptr& error) {
                   EXPECT_EQ(error, nullptr);
                   ended = true;
                 }));
  context.poll();
  EXPECT_FALSE(ended);
  stop.emit(asio::cancellation_type::terminal);
  context.restart();
  context.run();
  EXPECT_TRUE(ended);
  EXPECT_EQ(*Await(state->holder("lock")), "a");
}

}  // namespace
}  // namespace codeapi::testing
