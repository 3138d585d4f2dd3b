#include "jail/cell_messages.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

#include "jail/cell_wire.h"

namespace codeapi {
namespace {

using namespace std::string_literals;

// Whatever is cut off, and whatever is added, is noticed.
template <typename Message>
void ExpectExactLength(const Message& message) {
  const std::string payload = message.Encode();
  ASSERT_TRUE(Message::Decode(payload));
  EXPECT_EQ(Message::Decode(payload)->Encode(), payload);
  for (std::size_t size = 0; size < payload.size(); ++size) {
    EXPECT_FALSE(Message::Decode(std::string_view(payload).substr(0, size))) << size << " bytes";
  }
  EXPECT_FALSE(Message::Decode(payload + '\0'));
}

HarvestRules SomeRules() {
  HarvestRules rules;
  rules.max_files = 3;
  rules.max_file_size = 1ull << 40;
  rules.max_depth = 4;
  rules.max_path = 5;
  rules.any_extension = true;
  rules.extra_extensions = {"xyz", ""};
  return rules;
}

TEST(CellMessages, HarvestRules) {
  ExpectExactLength(SomeRules());
  const auto rules = HarvestRules::Decode(SomeRules().Encode());
  EXPECT_EQ(rules->max_files, 3u);
  EXPECT_EQ(rules->max_file_size, 1ull << 40);
  EXPECT_EQ(rules->max_depth, 4u);
  EXPECT_EQ(rules->max_path, 5u);
  EXPECT_TRUE(rules->any_extension);
  EXPECT_EQ(rules->extra_extensions, (std::vector<std::string>{"xyz", ""}));
}

TEST(CellMessages, CellSetup) {
  CellSetup setup;
  setup.uid = 200'001;
  setup.gid = 200'002;
  setup.workspace_bytes = 1ull << 33;
  setup.workspace_inodes = 20'000;
  setup.cgroup_namespace = false;
  setup.rootless = true;
  setup.log_refusals = true;
  setup.private_mounts = {"/", "/usr"};
  setup.filter_allow = "\0\1\2"s;
  setup.filter_deny = "\3\0"s;
  ExpectExactLength(setup);
  const auto out = CellSetup::Decode(setup.Encode());
  EXPECT_EQ(out->uid, 200'001u);
  EXPECT_EQ(out->gid, 200'002u);
  EXPECT_EQ(out->workspace_bytes, 1ull << 33);
  EXPECT_EQ(out->workspace_inodes, 20'000u);
  EXPECT_FALSE(out->cgroup_namespace);
  EXPECT_TRUE(out->rootless);
  EXPECT_TRUE(out->log_refusals);
  EXPECT_EQ(out->private_mounts, (std::vector<std::string>{"/", "/usr"}));
  EXPECT_EQ(out->filter_allow, "\0\1\2"s);
  EXPECT_EQ(out->filter_deny, "\3\0"s);
}

CellBegin SomeProgram() {
  CellBegin begin;
  begin.argv = {"/bin/bash", "/mnt/data/a b.sh", ""};
  begin.compile = {"/usr/bin/gcc", "a b.c"};
  begin.build_directory = "/tmp/.build";
  begin.env = {"A=b"};
  begin.open_files = 1;
  begin.processes = 2;
  begin.file_size = 3;
  begin.data_limit = 4;
  begin.compile_data_limit = 8;
  begin.memory = 5;
  begin.tool_calls = 9;
  begin.cpus = {6, 7};
  begin.warm = true;
  begin.rules = SomeRules();
  return begin;
}

TEST(CellMessages, CellBegin) {
  ExpectExactLength(SomeProgram());
  const auto out = CellBegin::Decode(SomeProgram().Encode());
  EXPECT_EQ(out->argv, SomeProgram().argv);
  EXPECT_EQ(out->compile, SomeProgram().compile);
  EXPECT_EQ(out->build_directory, "/tmp/.build");
  EXPECT_EQ(out->env, SomeProgram().env);
  EXPECT_EQ(out->open_files, 1u);
  EXPECT_EQ(out->processes, 2u);
  EXPECT_EQ(out->file_size, 3u);
  EXPECT_EQ(out->data_limit, 4u);
  EXPECT_EQ(out->compile_data_limit, 8u);
  EXPECT_EQ(out->memory, 5u);
  EXPECT_EQ(out->tool_calls, 9u);
  EXPECT_EQ(out->cpus, SomeProgram().cpus);
  EXPECT_TRUE(out->warm);
  EXPECT_EQ(out->rules.Encode(), SomeRules().Encode());
}

TEST(CellMessages, CellPrestart) {
  const CellPrestart made{SomeProgram(), "main.ts", {"a", "b"}};
  ExpectExactLength(made);
  EXPECT_EQ(CellPrestart::Decode(made.Encode()), made);
  CellPrestart nameless = made;
  nameless.begin.argv.clear();
  EXPECT_FALSE(CellPrestart::Decode(nameless.Encode()));
}

TEST(CellMessages, AProgramNeedsAName) {
  CellBegin begin = SomeProgram();
  begin.argv.clear();
  EXPECT_FALSE(CellBegin::Decode(begin.Encode()));
}

TEST(CellMessages, RulesInsideAProgramAreCheckedToo) {
  const std::string bad = WireWriter()
                              .Strs({"/bin/true"})
                              .Strs({})
                              .Str("")
                              .Strs({})
                              .U64(1)
                              .U64(1)
                              .U64(1)
                              .U64(1)
                              .U64(1)
                              .U64(1)
                              .U32(1)
                              .U32s({})
                              .Str(SomeRules().Encode() + "x")
                              .payload();
  EXPECT_FALSE(CellBegin::Decode(bad));
}

TEST(CellMessages, CellFile) {
  const CellFile file{CellFileKind::kStdin, true, 0xffffffff, "dir/ü.txt"};
  ExpectExactLength(file);
  const auto out = CellFile::Decode(file.Encode());
  EXPECT_EQ(out->kind, CellFileKind::kStdin);
  EXPECT_TRUE(out->read_only);
  EXPECT_EQ(out->index, 0xffffffff);
  EXPECT_EQ(out->name, "dir/ü.txt");
}

TEST(CellMessages, ToolCall) {
  const auto out = CellToolCall::Decode(CellToolCall{7, 99, "a\0b"s}.Encode());
  ASSERT_TRUE(out);
  EXPECT_EQ(out->call, 7u);
  EXPECT_EQ(out->tool, 99u);
  EXPECT_EQ(out->input, "a\0b"s);
  EXPECT_TRUE(CellToolCall::Decode(CellToolCall{1, 0, std::string(kMaxToolInput, 'x')}.Encode()));
  EXPECT_FALSE(CellToolCall::Decode(CellToolCall{1, 0, std::string(kMaxToolInput + 1, 'x')}.Encode()));
  EXPECT_FALSE(CellToolCall::Decode(CellToolCall{1, kMaxTools, ""}.Encode()));
  EXPECT_FALSE(CellToolCall::Decode("\1\0\0\0\0\0\0"s));
}

TEST(CellMessages, ToolResult) {
  const std::string encoded = CellToolResult{7, false, '2', "a\0b"s}.Encode();
  EXPECT_EQ(encoded.size(), CellToolResult::kHeader + 3);
  const auto out = CellToolResult::Decode(encoded);
  ASSERT_TRUE(out);
  EXPECT_EQ(out->call, 7u);
  EXPECT_FALSE(out->last);
  EXPECT_EQ(out->kind, '2');
  EXPECT_EQ(out->bytes, "a\0b"s);
  EXPECT_TRUE(
      CellToolResult::Decode("\1\0\0\0\1"
                             "1"s));
  EXPECT_FALSE(
      CellToolResult::Decode("\1\0\0\0\2"
                             "1"s));
  EXPECT_FALSE(
      CellToolResult::Decode("\1\0\0\0\1"
                             "3"s));
  EXPECT_FALSE(
      CellToolResult::Decode("\1\0\0\0\1"
                             "/"s));
  EXPECT_FALSE(CellToolResult::Decode("\1\0\0\0\1"s));
}

TEST(CellMessages, ToolWait) {
  ExpectExactLength(CellToolWait{9});
  EXPECT_EQ(CellToolWait::Decode(CellToolWait{9}.Encode())->answers, 9u);
}

TEST(CellMessages, AFileOfAnUnknownKindIsRefused) {
  for (const int kind : {4, 5, 255}) {
    EXPECT_FALSE(
        CellFile::Decode(WireWriter().U8(static_cast<std::uint8_t>(kind)).U8(0).U32(0).Str("a").payload()))
        << kind;
  }
}

TEST(CellMessages, CellExit) {
  const CellExit ended{0x8b00,     1ull << 40, 1ull << 41,
                       1ull << 42, false,      {{250, 1, 7, {1, 2, 3, 4, 5, ~0ull}}, {-2, 38, 1, {}}}};
  ExpectExactLength(ended);
  const auto out = CellExit::Decode(ended.Encode());
  EXPECT_EQ(out->wait_status, 0x8b00u);
  EXPECT_EQ(out->wall_us, 1ull << 40);
  EXPECT_EQ(out->cpu_us, 1ull << 41);
  EXPECT_EQ(out->max_rss, 1ull << 42);
  ASSERT_EQ(out->refused.size(), 2u);
  EXPECT_EQ(out->refused[0].number, 250);
  EXPECT_EQ(out->refused[0].error, 1);
  EXPECT_EQ(out->refused[0].count, 7u);
  EXPECT_EQ(out->refused[0].arguments, (std::array<std::uint64_t, 6>{1, 2, 3, 4, 5, ~0ull}));
  EXPECT_EQ(out->refused[1].number, RefusedCall::kOthers);
}

TEST(CellMessages, MoreRefusedCallsThanThereMayBeAreRefused) {
  CellExit ended;
  ended.refused.resize(RefusedCall::kMost);
  EXPECT_TRUE(CellExit::Decode(ended.Encode()));
  ended.refused.emplace_back();
  EXPECT_FALSE(CellExit::Decode(ended.Encode()));
}

TEST(CellMessages, CellOutput) {
  const CellOutput output{CellOutput::kNew, 1ull << 40, "a.csv"};
  ExpectExactLength(output);
  const auto out = CellOutput::Decode(output.Encode());
  EXPECT_EQ(out->input, CellOutput::kNew);
  EXPECT_EQ(out->size, 1ull << 40);
  EXPECT_EQ(out->name, "a.csv");
}

HarvestSummary SomeSummary() {
  HarvestSummary summary;
  summary.unchanged = {0, 2, 0xfffffffe};
  summary.deleted = {1};
  summary.skip_reasons = kSkipSize | kSkipPath;
  summary.skipped_count = 22;
  summary.skipped = {"big.csv", "x"};
  return summary;
}

TEST(CellMessages, HarvestSummary) {
  ExpectExactLength(SomeSummary());
  const auto out = HarvestSummary::Decode(SomeSummary().Encode());
  EXPECT_EQ(out->unchanged, SomeSummary().unchanged);
  EXPECT_EQ(out->deleted, SomeSummary().deleted);
  EXPECT_EQ(out->skip_reasons, 12u);
  EXPECT_EQ(out->skipped_count, 22u);
  EXPECT_EQ(out->skipped, SomeSummary().skipped);
}

TEST(CellMessages, ASummaryNamesOnlySoMany) {
  HarvestSummary summary;
  summary.skipped.assign(HarvestSummary::kMaxSkippedNames, "a");
  EXPECT_TRUE(HarvestSummary::Decode(summary.Encode()));
  summary.skipped.emplace_back("a");
  EXPECT_FALSE(HarvestSummary::Decode(summary.Encode()));
}

TEST(CellMessages, CountsBeyondTheEndAreRefused) {
  EXPECT_FALSE(HarvestSummary::Decode(WireWriter().U32(0xffffffff).payload()));
  EXPECT_FALSE(HarvestSummary::Decode(WireWriter().U32(0).U32(0xffffffff).U32(1).payload()));
  EXPECT_FALSE(CellBegin::Decode(WireWriter().U32(0xffffffff).U32(0).payload()));
}

TEST(CellMessages, CellFailure) {
  const CellFailure failure{true, ENOSPC, "write input file"};
  ExpectExactLength(failure);
  const auto out = CellFailure::Decode(failure.Encode());
  EXPECT_TRUE(out->input);
  EXPECT_EQ(out->error, ENOSPC);
  EXPECT_EQ(out->step, "write input file");
  EXPECT_EQ(CellFailure::Decode(CellFailure{false, -1, ""}.Encode())->error, -1);
}

TEST(CellMessages, StepsHaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < kSetupSteps; ++i) names.insert(SetupStepName(static_cast<SetupStep>(i)));
  EXPECT_EQ(names.size(), kSetupSteps);
  EXPECT_FALSE(names.contains("unknown"));
  EXPECT_STREQ(SetupStepName(SetupStep::kCount), "unknown");
  EXPECT_STREQ(SetupStepName(static_cast<SetupStep>(200)), "unknown");
}

}  // namespace
}  // namespace codeapi
