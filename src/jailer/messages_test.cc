#include "jailer/messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace codeapi {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

JailerSettings SomeSettings() {
  JailerSettings out;
  out.version = "9.9";
  out.root = "/srv/ü root";
  out.uid_base = 300'000;
  out.max_cells = 7;
  out.pool_size = 3;
  out.cpu_hundredths = 150;
  out.cpu_weight = 50;
  out.workspace_bytes = 1ull << 40;
  out.workspace_inodes = 12'345;
  out.cgroup = "v1";
  out.private_root = true;
  out.log_refusals = true;
  out.rules.max_files = 9;
  out.rules.max_file_size = 1ull << 41;
  out.rules.max_depth = 4;
  out.rules.max_path = 99;
  out.rules.any_extension = true;
  out.rules.extra_extensions = {"xyz", "a\"b\\c"};
  return out;
}

JailerInfo SomeInfo() {
  return {"none", true, true, {"py", "bash"}, {"no cgroups: \"why\"", "line\nbreak"}, "it failed"};
}

RunRequest SomeRun() {
  RunRequest out;
  out.runtime = "py";
  out.source_name = "main.py";
  out.entry = "shop.Till";
  out.args = {"a b", "", "$(x)", "\"", "\n"};
  out.files = 17;
  out.wall_ms = 1'000;
  out.cpu_ms = 2'000;
  out.memory_bytes = 1ull << 35;
  out.compile_wall_ms = 3'000;
  out.compile_cpu_ms = 4'000;
  out.compile_memory_bytes = 1ull << 34;
  out.processes = 100;
  out.open_files = 1'024;
  out.file_size = 1ull << 36;
  out.output_bytes = 1ull << 20;
  out.tool_calls = 200;
  return out;
}

RunFile SomeFile() {
  return {CellFileKind::kStdin, "dir/ü \"x\".csv", 42, true};
}

RunOutput SomeOutput() {
  return {"out/plot.png", 1ull << 40, 3};
}

Verdict SomeVerdict() {
  Verdict out;
  out.end = RunEnd::kMemoryLimit;
  out.compiling = true;
  out.compile_us = 1ull << 49;
  out.code = -1;
  out.signal = 9;
  out.wall_us = 1ull << 50;
  out.cpu_us = 1ull << 51;
  out.memory_peak = 1ull << 52;
  out.stderr_truncated = true;
  out.harvest.unchanged = {1, 2};
  out.harvest.deleted = {3};
  out.harvest.skip_reasons = 63;
  out.harvest.skipped_count = 5;
  out.harvest.skipped = {"big.csv", "\xef\xbf\xbd"};
  out.setup_us = {{"clone", 1}, {"proc", 1ull << 33}};
  out.refused = {{"keyctl", 250, "EPERM", 1ull << 40, {}}, {"ioctl", 16, "ENOTTY", 1, 0xffffffff}};
  return out;
}

RunFailure SomeFailure() {
  return {"input_invalid", "a file's name: \"..\"\n"};
}

template <typename T>
struct Example;
template <>
struct Example<JailerSettings> {
  static JailerSettings Make() { return SomeSettings(); }
};
template <>
struct Example<JailerInfo> {
  static JailerInfo Make() { return SomeInfo(); }
};
template <>
struct Example<RunRequest> {
  static RunRequest Make() { return SomeRun(); }
};
template <>
struct Example<RunFile> {
  static RunFile Make() { return SomeFile(); }
};
template <>
struct Example<RunOutput> {
  static RunOutput Make() { return SomeOutput(); }
};
template <>
struct Example<Verdict> {
  static Verdict Make() { return SomeVerdict(); }
};
template <>
struct Example<RunFailure> {
  static RunFailure Make() { return SomeFailure(); }
};

template <typename T>
class MessageTest : public ::testing::Test {
 protected:
  std::string Text() { return Example<T>::Make().Encode(); }
  json::object Object() { return json::parse(Text()).as_object(); }

  // The text of a message with one member replaced by something that need not be what JSON writers write.
  std::string With(const std::string& member, const std::string& raw) {
    std::string out = "{";
    for (const auto& [name, value] : Object()) {
      if (out.size() > 1) out += ",";
      out += "\"" + std::string(name) + "\":" + (name == member ? raw : json::serialize(value));
    }
    return out + "}";
  }

  void ExpectRefused(const std::string& text, const std::string& member) {
    const auto decoded = T::Decode(text);
    ASSERT_FALSE(decoded) << text;
    EXPECT_EQ(decoded.error().code, ErrorCode::kInvalid);
    EXPECT_EQ(decoded.error().message, "jailer protocol: bad or missing member: " + member) << text;
  }
};

using AllMessages =
    ::testing::Types<JailerSettings, JailerInfo, RunRequest, RunFile, RunOutput, Verdict, RunFailure>;
TYPED_TEST_SUITE(MessageTest, AllMessages);

TYPED_TEST(MessageTest, ComesBackAsItWas) {
  const auto decoded = TypeParam::Decode(this->Text());
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->Encode(), this->Text());
}

TYPED_TEST(MessageTest, MembersNobodyKnowsAreIgnored) {
  json::object object = this->Object();
  object["newer"] = {1, 2, 3};
  EXPECT_TRUE(TypeParam::Decode(json::serialize(object)));
}

TYPED_TEST(MessageTest, AMissingMemberIsNamed) {
  for (const auto& member : this->Object()) {
    const std::string name(member.key());
    if (name == "input") continue;  // the only one that may be missing
    json::object object = this->Object();
    object.erase(name);
    this->ExpectRefused(json::serialize(object), name);
  }
}

TYPED_TEST(MessageTest, AMemberOfAnotherKindIsNamed) {
  for (const auto& member : this->Object()) {
    const std::string name(member.key());
    const json::value& value = member.value();
    this->ExpectRefused(this->With(name, "null"), name);
    if (!value.is_string()) this->ExpectRefused(this->With(name, "\"1\""), name);
    if (!value.is_number()) this->ExpectRefused(this->With(name, "1"), name);
    if (!value.is_bool()) this->ExpectRefused(this->With(name, "true"), name);
    if (!value.is_object()) this->ExpectRefused(this->With(name, "{}"), name);
    if (!value.is_array()) this->ExpectRefused(this->With(name, "[]"), name);
    if (value.is_array()) this->ExpectRefused(this->With(name, "[null]"), name);
    if (value.is_array()) this->ExpectRefused(this->With(name, "[[]]"), name);
  }
}

TYPED_TEST(MessageTest, HostileNumbersAreNamed) {
  for (const auto& member : this->Object()) {
    const std::string name(member.key());
    if (!member.value().is_number()) continue;
    for (const char* raw :
         {"1.5", "-1.5", "1e400", "-1e400", "2e19", "1e300", "1e-300", "18446744073709551616",
          "18446744073709551615.0", "99999999999999999999999999999999999999"}) {
      this->ExpectRefused(this->With(name, raw), name);
    }
    if (name != "code" && name != "signal") this->ExpectRefused(this->With(name, "-1"), name);
    this->ExpectRefused(this->With(name, "-9223372036854775809"), name);
  }
}

TYPED_TEST(MessageTest, WhatIsNoObjectIsRefused) {
  const std::string deep(10'000, '[');
  for (const std::string text : {"", " ", "null", "[]", "1", "\"{}\"", "{", "{}x", "{\"a\":}", "\xff",
                                 "{\"a\":\"\xff\"}", "{\"a\":1,}"}) {
    const auto decoded = TypeParam::Decode(text);
    ASSERT_FALSE(decoded) << text;
    EXPECT_THAT(decoded.error().message, HasSubstr("not a JSON object")) << text;
  }
  EXPECT_FALSE(TypeParam::Decode(deep));
  EXPECT_FALSE(TypeParam::Decode("{}"));
}

TEST(JailerSettings, KeepsEveryMember) {
  JailerSettings made = SomeSettings();
  made.warm_memory = 12;
  made.warm_cells = 3;
  const auto out = JailerSettings::Decode(made.Encode());
  ASSERT_TRUE(out);
  EXPECT_EQ(out->version, made.version);
  EXPECT_EQ(out->root, made.root);
  EXPECT_EQ(out->uid_base, made.uid_base);
  EXPECT_EQ(out->max_cells, made.max_cells);
  EXPECT_EQ(out->pool_size, made.pool_size);
  EXPECT_EQ(out->cpu_hundredths, made.cpu_hundredths);
  EXPECT_EQ(out->cpu_weight, made.cpu_weight);
  EXPECT_EQ(out->workspace_bytes, made.workspace_bytes);
  EXPECT_EQ(out->workspace_inodes, made.workspace_inodes);
  EXPECT_EQ(out->cgroup, made.cgroup);
  EXPECT_EQ(out->warm_memory, 12u);
  EXPECT_EQ(out->warm_cells, 3u);
  EXPECT_TRUE(out->private_root);
  EXPECT_TRUE(out->log_refusals);
  EXPECT_EQ(out->rules.Encode(), made.rules.Encode());
}

TEST(JailerSettings, NoCellIsRootNorOutOfTheRangeOfUids) {
  JailerSettings settings = SomeSettings();
  for (const std::uint32_t base : {0u, 0xfff00001u, 0xffffffffu}) {
    settings.uid_base = base;
    EXPECT_FALSE(JailerSettings::Decode(settings.Encode())) << base;
  }
  settings.uid_base = 0xfff00000;
  EXPECT_TRUE(JailerSettings::Decode(settings.Encode()));
}

TEST(JailerSettings, DefaultsAreThoseOfThisBuild) {
  const auto out = JailerSettings::Decode(JailerSettings().Encode());
  ASSERT_TRUE(out);
  EXPECT_EQ(out->version, CODEAPI_VERSION);
}

TEST(RunRequest, KeepsEveryMember) {
  RunRequest made = SomeRun();
  made.early_input = true;
  const auto out = RunRequest::Decode(made.Encode());
  ASSERT_TRUE(out);
  EXPECT_EQ(out->runtime, made.runtime);
  EXPECT_EQ(out->source_name, made.source_name);
  EXPECT_EQ(out->entry, "shop.Till");
  EXPECT_TRUE(out->early_input);
  EXPECT_EQ(out->compile_wall_ms, made.compile_wall_ms);
  EXPECT_EQ(out->compile_cpu_ms, made.compile_cpu_ms);
  EXPECT_EQ(out->compile_memory_bytes, made.compile_memory_bytes);
  EXPECT_EQ(out->args, made.args);
  EXPECT_EQ(out->files, made.files);
  EXPECT_EQ(out->wall_ms, made.wall_ms);
  EXPECT_EQ(out->cpu_ms, made.cpu_ms);
  EXPECT_EQ(out->memory_bytes, made.memory_bytes);
  EXPECT_EQ(out->processes, made.processes);
  EXPECT_EQ(out->open_files, made.open_files);
  EXPECT_EQ(out->file_size, made.file_size);
  EXPECT_EQ(out->output_bytes, made.output_bytes);
}

// Each of these would overflow where limits are added up, and a limit that wraps around is none.
TEST(RunRequest, LimitsBeyondAllReasonAreRefused) {
  const auto refused = [](auto spoil) {
    RunRequest run = SomeRun();
    spoil(run);
    const auto decoded = RunRequest::Decode(run.Encode());
    return decoded ? std::string("accepted") : decoded.error().message;
  };
  constexpr std::uint64_t kMost = ~0ull;
  EXPECT_THAT(refused([](RunRequest& r) { r.wall_ms = kMost; }), HasSubstr("wall_ms"));
  EXPECT_THAT(refused([](RunRequest& r) { r.cpu_ms = kMost / 1000; }), HasSubstr("cpu_ms"));
  EXPECT_THAT(refused([](RunRequest& r) { r.memory_bytes = kMost; }), HasSubstr("memory_bytes"));
  EXPECT_THAT(refused([](RunRequest& r) { r.compile_wall_ms = kMost; }), HasSubstr("compile_wall_ms"));
  EXPECT_THAT(refused([](RunRequest& r) { r.compile_cpu_ms = kMost; }), HasSubstr("compile_cpu_ms"));
  EXPECT_THAT(refused([](RunRequest& r) { r.compile_memory_bytes = kMost; }),
              HasSubstr("compile_memory_bytes"));
  EXPECT_THAT(refused([](RunRequest& r) { r.processes = 0xffffffff; }), HasSubstr("processes"));
  EXPECT_EQ(refused([](RunRequest& r) { r.output_bytes = r.file_size = kMost; }), "accepted");
}

TEST(PoolStates, ComeBackAsTheyWere) {
  EXPECT_TRUE(DecodePoolStates(EncodePoolStates({}))->empty());
  const auto out =
      DecodePoolStates(EncodePoolStates({{"node", 1, 2, 3, 4, 5, 6}, {PoolState::kPlain, 7, 0, 8}}));
  ASSERT_TRUE(out);
  ASSERT_EQ(out->size(), 2u);
  EXPECT_EQ(out->at(0).runtime, "node");
  EXPECT_EQ(out->at(0).ready, 1u);
  EXPECT_EQ(out->at(0).coming, 2u);
  EXPECT_EQ(out->at(0).target, 3u);
  EXPECT_EQ(out->at(0).memory_bytes, 4u);
  EXPECT_EQ(out->at(0).hits, 5u);
  EXPECT_EQ(out->at(0).misses, 6u);
  EXPECT_EQ(out->at(1).runtime, PoolState::kPlain);
  EXPECT_EQ(out->at(1).ready, 7u);
}

TEST(PoolStates, WhatDoesNotAddUpIsRefused) {
  for (const char* text :
       {"", "{}", R"({"runtimes":["a"],"numbers":[1,2,3,4,5]})", R"({"runtimes":[],"numbers":[1]})",
        R"({"runtimes":["a"],"numbers":[-1,2,3,4,5,6]})",
        R"({"runtimes":["a"],"numbers":[99999999999,2,3,4,5,6]})",
        R"({"runtimes":[1],"numbers":[1,2,3,4,5,6]})"}) {
    EXPECT_FALSE(DecodePoolStates(text)) << text;
  }
}

TEST(RunFile, KeepsEveryMember) {
  const auto out = RunFile::Decode(SomeFile().Encode());
  ASSERT_TRUE(out);
  EXPECT_EQ(out->kind, CellFileKind::kStdin);
  EXPECT_EQ(out->name, SomeFile().name);
  EXPECT_EQ(out->index, 42u);
  EXPECT_TRUE(out->read_only);
}

TEST(RunFile, OfAnUnknownKindIsRefused) {
  for (const char* kind : {"4", "255", "256"}) {
    const auto out =
        RunFile::Decode(R"({"kind":)" + std::string(kind) + R"(,"name":"a","index":0,"read_only":false})");
    ASSERT_FALSE(out) << kind;
    EXPECT_THAT(out.error().message, HasSubstr("kind"));
  }
}

TEST(RunOutput, MayBeOfNoInput) {
  const auto changed = RunOutput::Decode(SomeOutput().Encode());
  EXPECT_EQ(changed->input, 3u);
  const auto fresh = RunOutput::Decode(R"({"name":"a","size":0})");
  ASSERT_TRUE(fresh);
  EXPECT_EQ(fresh->input, std::nullopt);
}

TEST(Verdict, KeepsEveryMember) {
  const Verdict made = SomeVerdict();
  const auto out = Verdict::Decode(made.Encode());
  ASSERT_TRUE(out);
  EXPECT_EQ(out->end, made.end);
  EXPECT_TRUE(out->compiling);
  EXPECT_EQ(out->compile_us, made.compile_us);
  EXPECT_EQ(out->code, -1);
  EXPECT_EQ(out->signal, 9);
  EXPECT_EQ(out->wall_us, made.wall_us);
  EXPECT_EQ(out->cpu_us, made.cpu_us);
  EXPECT_EQ(out->memory_peak, made.memory_peak);
  EXPECT_TRUE(out->stderr_truncated);
  EXPECT_EQ(out->harvest.Encode(), made.harvest.Encode());
  EXPECT_EQ(out->setup_us, made.setup_us);
  ASSERT_EQ(out->refused.size(), 2u);
  EXPECT_EQ(out->refused[0].name, "keyctl");
  EXPECT_EQ(out->refused[0].number, 250);
  EXPECT_EQ(out->refused[0].error, "EPERM");
  EXPECT_EQ(out->refused[0].count, 1ull << 40);
  EXPECT_EQ(out->refused[0].argument, std::nullopt);
  EXPECT_EQ(out->refused[1].argument, 0xffffffff);
}

// They are written to the log, so a jailer that was taken over may not fill it.
TEST(Verdict, RefusedCallsAreFewAndShort) {
  Verdict made;
  made.refused.assign(RefusedCall::kMost, {"keyctl", 250, "EPERM", 1, {}});
  EXPECT_TRUE(Verdict::Decode(made.Encode()));
  made.refused.front().name = std::string(65, 'x');
  EXPECT_FALSE(Verdict::Decode(made.Encode()));
  made.refused.assign(RefusedCall::kMost + 1, {"keyctl", 250, "EPERM", 1, {}});
  EXPECT_FALSE(Verdict::Decode(made.Encode()));
  json::object object = json::parse(SomeVerdict().Encode()).as_object();
  for (const char* entry : {"1", "{}", R"({"name":1,"number":1,"error":"","count":1})"}) {
    object["refused"] = json::array{json::parse(entry)};
    EXPECT_FALSE(Verdict::Decode(json::serialize(object))) << entry;
  }
}

TEST(Verdict, EveryEndHasANameThatComesBack) {
  for (int i = 0; i <= static_cast<int>(RunEnd::kCancelled); ++i) {
    Verdict made;
    made.end = static_cast<RunEnd>(i);
    const auto out = Verdict::Decode(made.Encode());
    ASSERT_TRUE(out) << i;
    EXPECT_EQ(out->end, made.end);
    EXPECT_STRNE(RunEndName(made.end), "unknown");
  }
  EXPECT_STREQ(RunEndName(static_cast<RunEnd>(99)), "unknown");
}

TEST(Verdict, UnknownEndsAndBadTimingsAreRefused) {
  json::object object = json::parse(SomeVerdict().Encode()).as_object();
  object["end"] = "unknown";
  EXPECT_THAT(Verdict::Decode(json::serialize(object)).error().message, HasSubstr("end"));
  object["end"] = "exit";
  object["setup_us"] = {{"clone", -1}};
  EXPECT_THAT(Verdict::Decode(json::serialize(object)).error().message, HasSubstr("setup_us"));
  object["setup_us"] = {{"clone", "1"}};
  EXPECT_THAT(Verdict::Decode(json::serialize(object)).error().message, HasSubstr("setup_us"));
}

}  // namespace
}  // namespace codeapi
