// What the cache changes for whoever reads inputs: nothing but where the bytes come from.
#include "worker/input_streams.h"

#include "worker/executor_fixture.h"

namespace codeapi {
namespace {

using namespace testing;  // NOLINT: the fixture's own names

class InputStreamsTest : public ExecutorTest {
 protected:
  InputStreamsTest() { request.log_tenant = "tenant"; }

  // What a run is given: contents in their order, or the first error.
  awaitable<Result<std::vector<std::string>>> ReadAll() {
    InputStreams streams(io.get_executor(), store, &cache, request);
    streams.Start();
    Result<std::vector<std::string>> out;
    for (std::size_t i = 0; i < request.files.size() && out; ++i) {
      RunInput input = streams.Input(i);
      auto content = co_await ReadInput(input);
      if (content) {
        out->push_back(std::move(*content));
        read_only = input.file.read_only;
      } else {
        out = std::unexpected(content.error());
      }
    }
    co_await streams.Stop();
    co_return out;
  }

  Metrics metrics;
  InputCache cache{{64u << 20, 32u << 20}, metrics};
  bool read_only = false;
};

TEST_F(InputStreamsTest, TheSecondTimeNothingIsRead) {
  RunTest(io, [&]() -> awaitable<void> {
    const std::vector<std::string> contents = {"", "small", std::string(256u << 10, 'x'),
                                               std::string((3u << 20) + 7, 'y')};
    for (const std::string& content : contents)
      co_await AddInput(std::to_string(content.size()), content, true);
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(co_await ReadAll(), contents);
      EXPECT_TRUE(read_only);
      EXPECT_EQ(store.opens, 4) << "round " << i;
    }
  });
}

TEST_F(InputStreamsTest, WhatTheStoreNoLongerHasIsGoneAtOnce) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await AddInput("in.txt", "content");
    const ObjectKey key{request.files[0].session, request.files[0].id};
    EXPECT_TRUE(co_await ReadAll());
    EXPECT_TRUE(cache.Has("tenant", key));
    EXPECT_TRUE(co_await objects->remove(key));
    const auto read = co_await ReadAll();
    CO_ASSERT(!read);
    EXPECT_EQ(read.error().code, ErrorCode::kNotFound);
    EXPECT_FALSE(cache.Has("tenant", key));
  });
}

TEST_F(InputStreamsTest, AnotherTenantsReadsAreItsOwn) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await AddInput("in.txt", "content");
    EXPECT_TRUE(co_await ReadAll());
    request.log_tenant = "another";
    EXPECT_TRUE(co_await ReadAll());
    EXPECT_EQ(store.opens, 2);
  });
}

TEST_F(InputStreamsTest, HalfOfAnInputIsNotKept) {
  RunTest(io, [&]() -> awaitable<void> {
    co_await AddInput("in.txt", std::string(1u << 20, 'x'));
    store.failing = {"read"};
    store.spare = 2;
    EXPECT_FALSE(co_await ReadAll());
    EXPECT_FALSE(cache.Has("tenant", {request.files[0].session, request.files[0].id}));
    store.failing.clear();
    EXPECT_EQ((co_await ReadAll())->at(0).size(), 1u << 20);
  });
}

}  // namespace
}  // namespace codeapi
