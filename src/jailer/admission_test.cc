#include "jailer/admission.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "jailer/canary.h"
#include "manifest/testing.h"

namespace codeapi {
namespace {

using testing::ManifestTime;
using testing::TestManifest;
using testing::TestSigner;
using testing::TestVerifier;

constexpr const char* kCode = "echo 1";

struct SentFile {
  RunFile file;
  std::string bytes;
};

SentFile Source(std::string code = kCode, std::string name = "main.sh") {
  return {{CellFileKind::kSource, std::move(name), 0, false}, std::move(code)};
}
SentFile Input(std::string name, std::uint32_t index) {
  return {{CellFileKind::kInput, std::move(name), index, false}, "whatever it holds"};
}
SentFile Support(std::string name, std::string bytes) {
  return {{CellFileKind::kSupport, std::move(name), 0, false}, std::move(bytes)};
}
const SentFile kStdin{{CellFileKind::kStdin, {}, 0, false}, "input"};

// A run that is what `manifest` says.
RunRequest RunOf(const ExecutionManifest& manifest, std::uint32_t files = 3) {
  RunRequest run;
  run.runtime = manifest.runtime;
  run.source_name = "main.sh";
  run.files = files;
  run.wall_ms = manifest.wall_ms;
  run.cpu_ms = manifest.cpu_ms;
  run.memory_bytes = manifest.memory_bytes;
  run.tool_calls = manifest.tool_calls;
  run.manifest = *TestSigner().Sign(manifest);
  return run;
}

class AdmissionTest : public ::testing::Test {
 protected:
  // Sends files as a worker does, in pieces. The first problem, or "admitted" when the program would start.
  std::string Send(std::uint32_t job, const std::vector<SentFile>& files) {
    for (const SentFile& sent : files) {
      auto passes = admission_.File(job, FrameType::kFileBegin, sent.file.Encode());
      for (const char byte : sent.bytes) {
        if (passes) passes = admission_.File(job, FrameType::kFileData, {&byte, 1});
      }
      if (passes) passes = admission_.File(job, FrameType::kFileEnd, "");
      if (!passes) return passes.error().message;
    }
    return "admitted";
  }

  std::string Try(const RunRequest& run, const std::vector<SentFile>& files, std::uint32_t job = 1) {
    if (auto begun = admission_.Begin(job, run); !begun) return begun.error().message;
    const std::string out = Send(job, files);
    admission_.End(job, false);
    return out;
  }

  const std::vector<SentFile> files_{Source(), Input("a.txt", 0), Input("dir/b.txt", 1)};
  std::int64_t later_ = 0;
  Admission admission_{TestVerifier(), [this] { return ManifestTime(later_); }, 4};
};

TEST_F(AdmissionTest, WhatWasSignedRuns) {
  EXPECT_EQ(Try(RunOf(TestManifest()), files_), "admitted");
  EXPECT_EQ(Try(RunOf(TestManifest()), {files_[2], files_[0], files_[1]}), "admitted") << "in any order";
  EXPECT_EQ(Try(RunOf(TestManifest(), 4), {files_[0], kStdin, files_[1], files_[2]}), "admitted");
}

TEST_F(AdmissionTest, WithoutKeysEverythingDoes) {
  Admission open(std::nullopt);
  RunRequest run;
  run.runtime = "bash";
  EXPECT_TRUE(open.Begin(1, run));
  EXPECT_TRUE(open.File(1, FrameType::kFileBegin, "?"));
}

TEST_F(AdmissionTest, AnotherRequestDoesNot) {
  const std::vector<std::pair<const char*, std::function<void(RunRequest&)>>> kChanges = {
      {"is required", [](RunRequest& run) { run.manifest.clear(); }},
      {"signature is invalid",
       [](RunRequest& run) { run.manifest = *TestSigner(testing::kOtherManifestKey).Sign(TestManifest()); }},
      {"runtime does not match request", [](RunRequest& run) { run.runtime = "py"; }},
      {"limits do not match request", [](RunRequest& run) { ++run.wall_ms; }},
      {"limits do not match request", [](RunRequest& run) { ++run.cpu_ms; }},
      {"limits do not match request", [](RunRequest& run) { ++run.memory_bytes; }},
      {"tool calls do not match request", [](RunRequest& run) { run.tool_calls = 1; }},
      {"command does not match request", [](RunRequest& run) { run.args = {"-x"}; }},
      {"command does not match request", [](RunRequest& run) { run.entry = "Other"; }},
      {"command does not match request", [](RunRequest& run) { run.source_name = "a.txt"; }},
  };
  for (const auto& [problem, change] : kChanges) {
    RunRequest run = RunOf(TestManifest());
    change(run);
    EXPECT_EQ(Try(run, files_), std::string("Execution manifest ") + problem);
  }
}

TEST_F(AdmissionTest, OtherFilesDoNot) {
  const auto with = [&](const std::vector<SentFile>& files, std::uint32_t count) {
    return Try(RunOf(TestManifest(), count), files);
  };
  const std::string scope = "Execution manifest input file scope does not match request";
  EXPECT_EQ(with({Source("echo 2"), files_[1], files_[2]}, 3),
            "Execution manifest code hash does not match request");
  EXPECT_EQ(with({Source("echo 1 "), files_[1], files_[2]}, 3),
            "Execution manifest code hash does not match request");
  EXPECT_EQ(with({Source(kCode, "a.txt"), files_[1], files_[2]}, 3),
            "Execution manifest program does not match request");
  EXPECT_EQ(with({files_[0], files_[0], files_[1], files_[2]}, 4),
            "Execution manifest program does not match request");
  EXPECT_EQ(with({files_[0], files_[1]}, 2), scope) << "one less";
  EXPECT_EQ(with({files_[0], files_[1], files_[2], Input("c.txt", 2)}, 4), scope) << "one more";
  EXPECT_EQ(with({files_[0], files_[1], files_[1]}, 3), scope) << "one twice";
  EXPECT_EQ(with({files_[0], Input("a.txt", 1), Input("dir/b.txt", 0)}, 3), scope) << "names changed about";
  EXPECT_EQ(with({files_[0], Input("main.sh", 0), files_[2]}, 3), scope);
  EXPECT_EQ(with({kStdin, kStdin, files_[0], files_[1], files_[2]}, 5),
            "Execution manifest does not allow for another file");
  EXPECT_EQ(with({files_[1], files_[2], kStdin}, 3), "Execution manifest program does not match request");
  EXPECT_EQ(with({files_[0], files_[1], files_[2], kStdin}, 3),
            "Execution manifest does not allow for another file");
  EXPECT_EQ(with({Support("run.py", "x")}, 4), "Execution manifest does not allow for support files");
}

TEST_F(AdmissionTest, FramesOutOfOrderDoNot) {
  ASSERT_TRUE(admission_.Begin(1, RunOf(TestManifest())));
  EXPECT_FALSE(admission_.File(1, FrameType::kFileEnd, ""));
  EXPECT_FALSE(admission_.File(1, FrameType::kFileBegin, Source().file.Encode())) << "it is over by now";
  admission_.End(1, false);
  ASSERT_TRUE(admission_.Begin(2, RunOf(TestManifest())));
  EXPECT_TRUE(admission_.File(2, FrameType::kFileBegin, Source().file.Encode()));
  EXPECT_FALSE(admission_.File(2, FrameType::kFileBegin, files_[1].file.Encode())) << "inside another file";
  admission_.End(2, false);
  EXPECT_FALSE(admission_.File(2, FrameType::kFileData, "x")) << "no run";
  ASSERT_TRUE(admission_.Begin(3, RunOf(TestManifest())));
  EXPECT_FALSE(admission_.File(3, FrameType::kFileBegin, "no JSON"));
}

TEST_F(AdmissionTest, SupportFilesAreThoseOfTheManifest) {
  ExecutionManifest manifest = TestManifest();
  manifest.input_files.clear();
  manifest.tool_calls = 200;
  manifest.tool_call_socket = true;
  SupportDigest support;
  support.Add("run.py", ContentDigest::Of("run"));
  support.Add("tools.json", ContentDigest::Of("[]"));
  manifest.support_sha256 = support.Finish();
  const SentFile run = Support("run.py", "run"), tools = Support("tools.json", "[]");
  const std::string other = "Execution manifest support files do not match request";
  EXPECT_EQ(Try(RunOf(manifest), {Source(), run, tools}), "admitted");
  EXPECT_EQ(Try(RunOf(manifest), {Source(), run, Support("tools.json", "[1]")}), other);
  EXPECT_EQ(Try(RunOf(manifest), {Source(), tools, run}), other);
  EXPECT_EQ(Try(RunOf(manifest, 2), {Source(), run}), other);
  EXPECT_EQ(Try(RunOf(manifest, 1), {Source()}), other);
}

TEST_F(AdmissionTest, ARoundThatOnlyGoesOnStartsNothing) {
  ExecutionManifest manifest = TestManifest();
  manifest.code_sha256 = manifest.command_sha256 = "";
  EXPECT_EQ(Try(RunOf(manifest), files_), "Execution manifest starts no program");
}

TEST_F(AdmissionTest, NothingRunsTwice) {
  const std::string running = "Execution manifest is of an execution that runs already";
  const std::string ended = "Execution manifest is of an execution that has ended, or is too old";
  ASSERT_TRUE(admission_.Begin(1, RunOf(TestManifest())));
  EXPECT_EQ(Try(RunOf(TestManifest()), files_, 2), running);
  admission_.End(1, false);
  ASSERT_TRUE(admission_.Begin(3, RunOf(TestManifest()))) << "it had no end";
  admission_.End(3, true);
  EXPECT_EQ(Try(RunOf(TestManifest()), files_, 4), ended);
  ExecutionManifest again = TestManifest();
  again.iat += 1;
  EXPECT_EQ(Try(RunOf(again), files_, 4), ended) << "signed anew";
  ExecutionManifest next = TestManifest();
  next.round = 2;
  EXPECT_EQ(Try(RunOf(next), files_, 5), "admitted");
  later_ = 360 + 29;
  EXPECT_EQ(Try(RunOf(TestManifest()), files_, 6), ended) << "until nobody takes the manifest";
  later_ = 360 + 30;
  EXPECT_EQ(Try(RunOf(TestManifest()), files_, 6), "Execution manifest is expired");
}

TEST_F(AdmissionTest, TheCanaryNeedsNoManifest) {
  RunRequest canary;
  canary.runtime = kCanaryRuntime;
  canary.source_name = kCanaryName;
  canary.files = 1;
  canary.wall_ms = canary.cpu_ms = kCanaryMillis;
  canary.memory_bytes = kCanaryMemory;
  const SentFile code = Source(std::string(kCanaryCode), std::string(kCanaryName));
  EXPECT_EQ(Try(canary, {code}), "admitted");
  EXPECT_EQ(Try(canary, {code}), "admitted") << "as often as it likes";
  EXPECT_EQ(Try(canary, {Source("echo dead\n", std::string(kCanaryName))}),
            "Execution manifest code hash does not match request");
  RunRequest more = canary;
  more.files = 2;
  EXPECT_EQ(Try(more, {code}), "Execution manifest is required");
  more = canary;
  more.wall_ms += 1;
  EXPECT_EQ(Try(more, {code}), "Execution manifest is required");
  more = canary;
  more.args = {"x"};
  EXPECT_EQ(Try(more, {code}), "Execution manifest is required");
}

TEST(EndedRounds, AreLetGoOfWhenTheyHaveExpired) {
  EndedRounds ended(10);
  ended.Add({"a", 1}, 100, 200);
  ended.Add({"b", 1}, 100, 300);
  ended.Expire(200);
  EXPECT_EQ(ended.size(), 2u);
  ended.Expire(201);
  EXPECT_EQ(ended.size(), 1u);
  EXPECT_TRUE(ended.MayContain({"b", 1}, 100));
  EXPECT_FALSE(ended.MayContain({"b", 2}, 100));
}

TEST(EndedRounds, AreBoundedAndForgetNothingThatCouldComeBack) {
  EndedRounds ended(3);
  for (int i = 0; i < 10; ++i) ended.Add({"e" + std::to_string(i), 1}, 100 + i, 1000);
  EXPECT_EQ(ended.size(), 3u);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(ended.MayContain({"e" + std::to_string(i), 1}, 100 + i)) << i;
  EXPECT_FALSE(ended.MayContain({"new", 1}, 107)) << "newer than all that was let go of";
  EXPECT_TRUE(ended.MayContain({"new", 1}, 106)) << "might be one of those";
}

}  // namespace
}  // namespace codeapi
