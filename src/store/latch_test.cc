#include "store/latch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

namespace codeapi {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

TEST(Latch, HoldsUntilSetAndNeverAgain) {
  asio::io_context context;
  Latch latch(context.get_executor());
  int passed = 0;
  const auto wait = [&]() -> awaitable<void> {
    co_await latch.wait();
    ++passed;
  };
  asio::co_spawn(context, wait, asio::detached);
  asio::co_spawn(context, wait, asio::detached);
  context.poll();
  EXPECT_EQ(passed, 0);
  latch.set();
  latch.set();
  context.run();
  EXPECT_EQ(passed, 2);
  asio::co_spawn(context, wait, asio::detached);
  context.restart();
  context.run();
  EXPECT_EQ(passed, 3);
}

TEST(Latch, CancellationEndsOneWaitOnly) {
  asio::io_context context;
  Latch latch(context.get_executor());
  asio::cancellation_signal signal;
  int passed = 0;
  const auto wait = [&]() -> awaitable<void> {
    co_await latch.wait();
    ++passed;
  };
  asio::co_spawn(context, wait, asio::bind_cancellation_slot(signal.slot(), asio::detached));
  asio::co_spawn(context, wait, asio::detached);
  context.poll();
  signal.emit(asio::cancellation_type::terminal);
  context.poll();
  EXPECT_EQ(passed, 1);
  latch.set();
  context.run();
  EXPECT_EQ(passed, 2);
}

// As a coroutine's frame is destroyed with the context, its destructors set latches others there wait on.
TEST(Latch, MayBeSetWhileItsContextGoes) {
  struct SetAtExit {
    std::shared_ptr<Latch> latch;
    int& gone;
    ~SetAtExit() {
      latch->set();
      ++gone;
    }
  };
  int gone = 0;
  auto context = std::make_unique<asio::io_context>();
  const auto wait = [&gone](std::shared_ptr<Latch> latch) -> awaitable<void> {
    const SetAtExit set{latch, gone};
    co_await latch->wait();
  };
  for (int i = 0; i < 3; ++i) {
    const auto latch = std::make_shared<Latch>(context->get_executor());
    asio::co_spawn(*context, wait(latch), asio::detached);
    asio::co_spawn(*context, wait(latch), asio::detached);
  }
  context->poll();
  EXPECT_EQ(gone, 0);
  context.reset();
  EXPECT_EQ(gone, 6);
}

TEST(Latch, NoWakeIsLostBetweenThreads) {
  asio::io_context context;
  std::atomic<int> passed = 0;
  constexpr int kRounds = 500;
  const auto wait = [&](std::shared_ptr<Latch> latch) -> awaitable<void> {
    co_await latch->wait();
    ++passed;
  };
  for (int i = 0; i < kRounds; ++i) {
    const auto latch = std::make_shared<Latch>(context.get_executor());
    asio::co_spawn(asio::make_strand(context), wait(latch), asio::detached);
    asio::post(context, [latch] { latch->set(); });
  }
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { context.run(); });
  threads.clear();
  EXPECT_EQ(passed, kRounds);
}

}  // namespace
}  // namespace codeapi
