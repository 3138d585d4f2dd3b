// What every StateStore has to do, as a suite to instantiate over a type with
//
//   StateStore& store();
//   void advance(std::chrono::milliseconds);  // moves the clock TTLs are counted by
//   void reopen();                            // ends the store and starts it again on the same data
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

#include "store/state_store.h"
#include "store/testing.h"

namespace codeapi::testing {

using std::chrono::milliseconds;

template <typename Backend>
class StateStoreContract : public ::testing::Test {
 protected:
  StateStore& store() { return backend_.store(); }

  // The value, or "<absent>"; a failed call is a failed test.
  std::string get(const std::string& key) {
    auto value = Await(store().get(key));
    EXPECT_TRUE(value) << value.error().message;
    return value ? value->value_or("<absent>") : "<error>";
  }

  void put(const std::string& key, const std::string& value, StateTtl ttl = {}) {
    auto done = Await(store().put(key, value, ttl));
    EXPECT_TRUE(done) << done.error().message;
  }

  Backend backend_;
};

TYPED_TEST_SUITE_P(StateStoreContract);

TYPED_TEST_P(StateStoreContract, PutsGetsReplacesAndRemoves) {
  EXPECT_EQ(this->get("a"), "<absent>");
  this->put("a", "1");
  this->put("b", "2");
  EXPECT_EQ(this->get("a"), "1");
  this->put("a", "3");
  EXPECT_EQ(this->get("a"), "3");
  EXPECT_EQ(Await(this->store().remove("a")), true);
  EXPECT_EQ(Await(this->store().remove("a")), false);
  EXPECT_EQ(this->get("a"), "<absent>");
  EXPECT_EQ(this->get("b"), "2");
}

TYPED_TEST_P(StateStoreContract, KeysAndValuesAreBytes) {
  const std::string key("a\0\xff'\"", 5);
  const std::string value("\0\n\xfe", 3);
  this->put(key, value);
  EXPECT_EQ(this->get(key), value);
  EXPECT_EQ(this->get("a"), "<absent>");
  EXPECT_EQ(this->get("A"), "<absent>");
  this->put("empty", "");
  EXPECT_EQ(this->get("empty"), "");
}

TYPED_TEST_P(StateStoreContract, BoundsAreKept) {
  const std::string longest_key(kMaxStateKey, 'k');
  const std::string longest_value(kMaxStateValue, 'v');
  this->put(longest_key, longest_value);
  EXPECT_TRUE(this->get(longest_key) == longest_value);
  for (const std::string& bad : {std::string(), std::string(kMaxStateKey + 1, 'k')}) {
    EXPECT_EQ(CodeOf(Await(this->store().get(bad))), ErrorCode::kInvalid);
    EXPECT_EQ(CodeOf(Await(this->store().get_many({"a", bad}))), ErrorCode::kInvalid);
    EXPECT_EQ(CodeOf(Await(this->store().put(bad, "v"))), ErrorCode::kInvalid);
    EXPECT_EQ(CodeOf(Await(this->store().put_many({{"a", "v", {}}, {bad, "v", {}}}))), ErrorCode::kInvalid);
    EXPECT_EQ(CodeOf(Await(this->store().put_if_absent(bad, "v"))), ErrorCode::kInvalid);
    EXPECT_EQ(CodeOf(Await(this->store().remove(bad))), ErrorCode::kInvalid);
    EXPECT_EQ(CodeOf(Await(this->store().touch(bad, milliseconds(1)))), ErrorCode::kInvalid);
  }
  EXPECT_EQ(this->get("a"), "<absent>");
  EXPECT_EQ(CodeOf(Await(this->store().put("a", longest_value + "v"))), ErrorCode::kTooLarge);
  for (const milliseconds bad : {milliseconds(0), milliseconds(-1), kMaxStateTtl + milliseconds(1)}) {
    EXPECT_EQ(CodeOf(Await(this->store().put("a", "v", bad))), ErrorCode::kInvalid);
    EXPECT_EQ(CodeOf(Await(this->store().put_if_absent("a", "v", bad))), ErrorCode::kInvalid);
    EXPECT_EQ(CodeOf(Await(this->store().touch(longest_key, bad))), ErrorCode::kInvalid);
  }
  this->put("a", "v", kMaxStateTtl);
  EXPECT_EQ(CodeOf(Await(this->store().get_many(std::vector<std::string>(kMaxStateBatch + 1, "a")))),
            ErrorCode::kInvalid);
  EXPECT_EQ(
      CodeOf(Await(this->store().put_many(std::vector<StateEntry>(kMaxStateBatch + 1, {"a", "b", {}})))),
      ErrorCode::kInvalid);
}

TYPED_TEST_P(StateStoreContract, ValuesExpire) {
  this->put("short", "1", milliseconds(1000));
  this->put("long", "2", milliseconds(5000));
  this->put("ever", "3");
  this->backend_.advance(milliseconds(999));
  EXPECT_EQ(this->get("short"), "1");
  this->backend_.advance(milliseconds(1));
  EXPECT_EQ(this->get("short"), "<absent>");
  EXPECT_EQ(this->get("long"), "2");
  EXPECT_EQ(Await(this->store().remove("short")), false);
  EXPECT_EQ(Await(this->store().touch("short", milliseconds(1000))), false);
  this->backend_.advance(milliseconds(100'000));
  EXPECT_EQ(*Await(this->store().get_many({"short", "long", "ever"})),
            (std::vector<std::optional<std::string>>{{}, {}, "3"}));
}

TYPED_TEST_P(StateStoreContract, APutReplacesTheTtlToo) {
  this->put("a", "1", milliseconds(1000));
  this->put("a", "2");
  this->put("b", "1");
  this->put("b", "2", milliseconds(1000));
  this->backend_.advance(milliseconds(1000));
  EXPECT_EQ(this->get("a"), "2");
  EXPECT_EQ(this->get("b"), "<absent>");
}

TYPED_TEST_P(StateStoreContract, TouchCountsFromNow) {
  EXPECT_EQ(Await(this->store().touch("a", milliseconds(1000))), false);
  this->put("a", "1", milliseconds(1000));
  this->backend_.advance(milliseconds(900));
  EXPECT_EQ(Await(this->store().touch("a", milliseconds(1000))), true);
  this->backend_.advance(milliseconds(900));
  EXPECT_EQ(this->get("a"), "1");
  EXPECT_EQ(Await(this->store().touch("a", milliseconds(1))), true);
  this->backend_.advance(milliseconds(1));
  EXPECT_EQ(this->get("a"), "<absent>");
}

TYPED_TEST_P(StateStoreContract, PutIfAbsentNeverReplacesALivingValue) {
  EXPECT_EQ(Await(this->store().put_if_absent("a", "1", milliseconds(1000))), true);
  EXPECT_EQ(Await(this->store().put_if_absent("a", "2")), false);
  EXPECT_EQ(this->get("a"), "1");
  this->backend_.advance(milliseconds(1000));
  EXPECT_EQ(Await(this->store().put_if_absent("a", "3")), true);
  EXPECT_EQ(Await(this->store().put_if_absent("a", "4")), false);
  this->backend_.advance(milliseconds(100'000));
  EXPECT_EQ(this->get("a"), "3");
}

TYPED_TEST_P(StateStoreContract, ManyInTheOrderAsked) {
  ASSERT_TRUE(
      Await(this->store().put_many({{"a", "1", {}}, {"b", "2", milliseconds(1000)}, {"a", "3", {}}})));
  EXPECT_EQ(*Await(this->store().get_many({"b", "x", "a", "b"})),
            (std::vector<std::optional<std::string>>{"2", {}, "3", "2"}));
  EXPECT_TRUE(Await(this->store().get_many({}))->empty());
  EXPECT_TRUE(Await(this->store().put_many({})));
  this->backend_.advance(milliseconds(1000));
  EXPECT_EQ(this->get("b"), "<absent>");
}

TYPED_TEST_P(StateStoreContract, KeysAreListedByPrefixInPages) {
  for (const char* key : {"k:b", "k:a", "k:", "k;", "k9", "K:a", "k:c"}) this->put(key, "v");
  this->put("k:gone", "v", milliseconds(1));
  this->backend_.advance(milliseconds(1));
  using Keys = std::vector<std::string>;
  EXPECT_EQ(*Await(this->store().keys("k:", "", 10)), (Keys{"k:", "k:a", "k:b", "k:c"}));
  EXPECT_EQ(*Await(this->store().keys("k:", "", 2)), (Keys{"k:", "k:a"}));
  EXPECT_EQ(*Await(this->store().keys("k:", "k:a", 10)), (Keys{"k:b", "k:c"}));
  EXPECT_EQ(*Await(this->store().keys("none", "", 10)), Keys{});
  EXPECT_EQ(Await(this->store().keys("", "", 1000))->size(), 7u);
  EXPECT_EQ(CodeOf(Await(this->store().keys("", "", 0))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(Await(this->store().keys("", "", kMaxStateBatch + 1))), ErrorCode::kInvalid);
}

TYPED_TEST_P(StateStoreContract, CountsWithinAWindowThatIsNotProlonged) {
  const auto count = [&](const std::string& key) {
    return *Await(this->store().count(key, milliseconds(1000)));
  };
  EXPECT_EQ(count("a").count, 1);
  this->backend_.advance(milliseconds(600));
  const Tally second = count("a");
  EXPECT_EQ(second.count, 2);
  EXPECT_EQ(second.left, milliseconds(400));
  EXPECT_EQ(count("b").count, 1);
  EXPECT_EQ(this->get("a"), "<absent>");
  this->backend_.advance(milliseconds(400));
  const Tally anew = count("a");
  EXPECT_EQ(anew.count, 1);
  EXPECT_EQ(anew.left, milliseconds(1000));
  EXPECT_EQ(CodeOf(Await(this->store().count("", milliseconds(1)))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(Await(this->store().count("a", milliseconds(0)))), ErrorCode::kInvalid);
}

TYPED_TEST_P(StateStoreContract, ANameIsHeldByOne) {
  const auto hold = [&](const std::string& holder) {
    return *Await(this->store().hold("a", holder, milliseconds(1000)));
  };
  const auto holder = [&] { return Await(this->store().holder("a"))->value_or("<nobody>"); };
  EXPECT_EQ(holder(), "<nobody>");
  EXPECT_TRUE(hold("one"));
  EXPECT_FALSE(hold("two"));
  EXPECT_EQ(holder(), "one");
  EXPECT_EQ(this->get("a"), "<absent>");
  this->backend_.advance(milliseconds(600));
  EXPECT_TRUE(hold("one"));
  this->backend_.advance(milliseconds(600));
  EXPECT_FALSE(hold("two"));
  EXPECT_EQ(Await(this->store().release("a", "two")), false);
  EXPECT_EQ(Await(this->store().release("a", "one")), true);
  EXPECT_EQ(Await(this->store().release("a", "one")), false);
  EXPECT_TRUE(hold("two"));
  this->backend_.advance(milliseconds(1000));
  EXPECT_EQ(holder(), "<nobody>");
  EXPECT_EQ(Await(this->store().release("a", "two")), false);
  EXPECT_TRUE(hold("one"));
  EXPECT_EQ(CodeOf(Await(this->store().hold("", "one", milliseconds(1)))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(Await(this->store().hold("a", "one", milliseconds(0)))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(Await(this->store().release("", "one"))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(Await(this->store().holder(""))), ErrorCode::kInvalid);
}

TYPED_TEST_P(StateStoreContract, StateOutlivesTheStore) {
  this->put("a", "1");
  this->put("b", "2", milliseconds(1000));
  this->put("c", "3");
  ASSERT_EQ(Await(this->store().remove("c")), true);
  this->backend_.reopen();
  EXPECT_EQ(this->get("a"), "1");
  EXPECT_EQ(this->get("b"), "2");
  EXPECT_EQ(this->get("c"), "<absent>");
  this->backend_.advance(milliseconds(1000));
  EXPECT_EQ(this->get("b"), "<absent>");
}

TYPED_TEST_P(StateStoreContract, OneOfManyWinsAndEachSeesItsOwnWrites) {
  namespace asio = boost::asio;
  asio::io_context context;
  std::atomic<int> winners = 0;
  std::atomic<int> finished = 0;
  StateStore& store = this->store();
  const auto work = [&](int number) -> asio::awaitable<void> {
    const std::string own = "own" + std::to_string(number);
    for (int i = 0; i < 10; ++i) {
      const auto won = co_await store.put_if_absent("prize" + std::to_string(i), own);
      EXPECT_TRUE(won) << won.error().message;
      if (won && *won) ++winners;
      EXPECT_TRUE(co_await store.put(own, std::to_string(i)));
      EXPECT_EQ(co_await store.get(own), std::to_string(i));
    }
    ++finished;
  };
  for (int i = 0; i < 16; ++i) asio::co_spawn(asio::make_strand(context), work(i), asio::detached);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([&] { context.run(); });
  threads.clear();
  EXPECT_EQ(finished, 16);
  EXPECT_EQ(winners, 10);
}

TYPED_TEST_P(StateStoreContract, IsReady) {
  EXPECT_TRUE(Await(this->store().check()));
}

REGISTER_TYPED_TEST_SUITE_P(StateStoreContract, PutsGetsReplacesAndRemoves, KeysAndValuesAreBytes,
                            BoundsAreKept, ValuesExpire, APutReplacesTheTtlToo, TouchCountsFromNow,
                            PutIfAbsentNeverReplacesALivingValue, ManyInTheOrderAsked,
                            KeysAreListedByPrefixInPages, CountsWithinAWindowThatIsNotProlonged,
                            ANameIsHeldByOne, StateOutlivesTheStore, OneOfManyWinsAndEachSeesItsOwnWrites,
                            IsReady);

}  // namespace codeapi::testing
