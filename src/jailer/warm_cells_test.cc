// Which requests an interpreter may wait for. What becomes of the cells themselves is tested with real ones,
// in tests/warm.

#include "jailer/warm_cells.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "runtime/runtime.h"

namespace codeapi {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::SizeIs;

class WarmCellsTest : public ::testing::Test {
 protected:
  WarmCellsTest() {
    environment_.limits_memory = true;
    environment_.cpu_weight = 100;
    for (const char* id : {"node", "ts", "bash", "c", "py"}) {
      const Runtime* runtime = FindRuntime(id);
      environment_.runtimes.push_back({runtime, &runtime->commands.front()});
    }
  }

  static RunRequest Request(const std::string& runtime) {
    RunRequest out;
    out.runtime = runtime;
    out.source_name = FindRuntime(runtime)->source_stem + FindRuntime(runtime)->source_extension;
    out.files = 1;
    return out;
  }

  CellEnvironment environment_;
  WarmPool::Time now_ = WarmPool::Time() + std::chrono::seconds(1000);
  WarmCells cells_{environment_, {}, [this] { return now_; }};
};

TEST_F(WarmCellsTest, ARequestMakesAPlanThatIsWhatItsProgramIsBegunWith) {
  const RunRequest request = Request("node");
  EXPECT_EQ(cells_.Take(request), nullptr);
  const auto plan = cells_.Next();
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->prestart.begin, MakeBegin(environment_, *environment_.Find("node"), request));
  EXPECT_THAT(plan->prestart.begin.argv, Contains("/mnt/data/index.js"));
  EXPECT_EQ(plan->prestart.program, "");
  EXPECT_THAT(plan->prestart.missing, SizeIs(0));
  EXPECT_EQ(plan->limits.memory_bytes, LimitsOf(environment_, request, request.memory_bytes).memory_bytes);
  EXPECT_LT(plan->limits.cpu_weight, environment_.cpu_weight) << "programs go first";
}

TEST_F(WarmCellsTest, BunMayLookForWhatIsNotThere) {
  cells_.Take(Request("ts"));
  const auto plan = cells_.Next();
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->prestart.program, "main.ts");
  EXPECT_THAT(plan->prestart.missing, ElementsAre("bunfig.toml"));
}

TEST_F(WarmCellsTest, WhatAWaitingInterpreterCannotTakeIsNoDemand) {
  RunRequest with_arguments = Request("node"), with_tools = Request("node"), with_input = Request("node"),
             elsewhere = Request("node");
  with_arguments.args = {"a"};
  with_tools.tool_calls = 1;
  with_input.early_input = true;
  elsewhere.source_name = "index_1.js";
  for (const RunRequest& request :
       {with_arguments, with_tools, with_input, elsewhere, Request("bash"), Request("c")}) {
    EXPECT_EQ(cells_.Take(request), nullptr);
    EXPECT_FALSE(cells_.Next());
  }
  EXPECT_THAT(cells_.States(), SizeIs(0));
}

TEST_F(WarmCellsTest, OtherLimitsAreAnotherKind) {
  cells_.Take(Request("node"));
  const std::string kind = cells_.Next()->kind;
  const auto kind_of = [&](auto change) {
    RunRequest request = Request("node");
    change(request);
    WarmCells cells(environment_, {}, [this] { return now_; });
    cells.Take(request);
    return cells.Next()->kind;
  };
  EXPECT_EQ(kind_of([](RunRequest& r) { r.wall_ms = 5; }), kind) << "clocks start with the program";
  EXPECT_EQ(kind_of([](RunRequest& r) { r.files = 5; }), kind);
  EXPECT_NE(kind_of([](RunRequest& r) { r.memory_bytes /= 2; }), kind);
  EXPECT_NE(kind_of([](RunRequest& r) { r.open_files = 64; }), kind);
  EXPECT_NE(kind_of([](RunRequest& r) { r.processes = 64; }), kind);
  EXPECT_NE(kind_of([](RunRequest& r) { r.file_size = 64; }), kind);
}

class ForkedCellsTest : public WarmCellsTest {
 protected:
  ForkedCellsTest() { environment_.zygotes = &zygotes_; }

  std::optional<WarmCells::Plan> PlanOf(const RunRequest& request) {
    WarmCells cells(environment_, {}, [this] { return now_; });
    cells.Take(request);
    return cells.Next();
  }

  EventLoop loop_;
  Zygotes zygotes_{
      loop_,
      [](const ZygoteSpec&) -> Result<ZygoteProcess> { return Fail(ErrorCode::kUnavailable, ""); },
      [](ZygoteKind) { return ZygoteSpec{}; },
      [](const std::string&) {},
      {}};
};

TEST_F(ForkedCellsTest, AForkIsPlannedForWhatAZygoteWouldBeAskedFor) {
  RunRequest request = Request("py");
  request.data = true;
  request.early_input = true;
  const auto plan = PlanOf(request);
  ASSERT_TRUE(plan && plan->fork);
  EXPECT_TRUE(plan->fork->kind.data);
  EXPECT_FALSE(plan->fork->kind.tools);
  EXPECT_EQ(plan->fork->argv, MakeBegin(environment_, environment_.runtimes.back(), request).argv);
  EXPECT_EQ(plan->limits, LimitsOf(environment_, request, request.memory_bytes));
}

TEST_F(ForkedCellsTest, LightDataAndToolsAreKindsOfTheirOwn) {
  const RunRequest light = Request("py");
  RunRequest data = light, tools = light;
  data.data = true;
  tools.tool_calls = 3;
  std::set<std::string> kinds;
  for (const RunRequest& request : {light, data, tools}) kinds.insert(PlanOf(request)->kind);
  EXPECT_THAT(kinds, SizeIs(3));
  EXPECT_TRUE(PlanOf(tools)->fork->kind.tools);
}

TEST_F(ForkedCellsTest, NoneForProgramsWithArgumentsOrModulesOfTheirOwn) {
  RunRequest with_arguments = Request("py"), with_modules = Request("py");
  with_arguments.args = {"a"};
  with_modules.own_modules = {"helpers"};
  EXPECT_FALSE(PlanOf(with_arguments));
  EXPECT_FALSE(PlanOf(with_modules));
  environment_.zygotes = nullptr;
  EXPECT_FALSE(PlanOf(Request("py")));
}

TEST_F(WarmCellsTest, AfterAFailureItPauses) {
  cells_.Take(Request("node"));
  cells_.NotMade(*cells_.Next());
  EXPECT_FALSE(cells_.Next());
  ASSERT_TRUE(cells_.NextAt());
  now_ = *cells_.NextAt();
  EXPECT_TRUE(cells_.Next());
}

TEST_F(WarmCellsTest, StatesAreByRuntime) {
  RunRequest small = Request("node");
  small.memory_bytes /= 2;
  cells_.Take(Request("node"));
  cells_.Take(small);
  const auto states = cells_.States();
  ASSERT_THAT(states, SizeIs(1));
  EXPECT_EQ(states[0].runtime, "node");
  EXPECT_EQ(states[0].misses, 2u);
  EXPECT_EQ(states[0].hits, 0u);
  EXPECT_EQ(states[0].target, 2u) << "one of each";
  EXPECT_EQ(states[0].ready, 0u);
}

}  // namespace
}  // namespace codeapi
