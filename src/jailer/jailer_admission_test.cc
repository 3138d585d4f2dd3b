// A hostile worker, and a jailer with keys: what was not signed has no cell, and what was is not changed.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "jailer/jailer_fixture.h"
#include "manifest/testing.h"

namespace codeapi {
namespace {

class JailerAdmissionTest : public JailerTest {
 protected:
  JailerAdmissionTest() { keys_ = testing::TestVerifier(); }

  // Of the run that SendRun() sends, issued now.
  static ExecutionManifest Manifest() {
    ExecutionManifest out = testing::TestManifest("echo");
    out.iat =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    out.exp = out.iat + 600;
    out.input_files.clear();
    out.command_sha256 = CommandDigest("script.sh", "", {});
    const RunRequest run = SomeRun();
    out.wall_ms = run.wall_ms;
    out.cpu_ms = run.cpu_ms;
    out.memory_bytes = run.memory_bytes;
    return out;
  }

  RunRequest Signed(const ExecutionManifest& manifest = Manifest()) {
    RunRequest run = SomeRun();
    run.manifest = *testing::TestSigner().Sign(manifest);
    return run;
  }

  void SendFile(std::uint32_t job, CellFileKind kind, const std::string& name, const std::string& bytes) {
    Send(FrameType::kFileBegin, job, RunFile{kind, name, 0, false}.Encode());
    Send(FrameType::kFileData, job, bytes);
    Send(FrameType::kFileEnd, job, "");
  }

  void SendAll(std::uint32_t job, const RunRequest& run, const std::string& code = "echo") {
    Send(FrameType::kRun, job, run.Encode());
    SendFile(job, CellFileKind::kSource, "script.sh", code);
  }

  void ExpectRefused(std::uint32_t job, const std::string& problem) {
    const auto end = ReceiveEnd(job);
    ASSERT_TRUE(end) << "the jailer is gone";
    ASSERT_EQ(end->type, FrameType::kError) << end->payload;
    const auto failure = RunFailure::Decode(end->payload);
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->code, "not_admitted");
    EXPECT_EQ(failure->message, "Execution manifest " + problem);
  }

  void ExpectVerdict(std::uint32_t job) {
    const auto end = ReceiveEnd(job);
    ASSERT_TRUE(end) << "the jailer is gone";
    EXPECT_EQ(end->type, FrameType::kVerdict) << end->payload;
  }
};

TEST_F(JailerAdmissionTest, RunsWhatWasSignedOnce) {
  StartReady(InitBehaviour::kWellBehaved);
  SendAll(1, Signed());
  ExpectVerdict(1);
  SendAll(2, Signed());
  ExpectRefused(2, "is of an execution that has ended, or is too old");
  ExecutionManifest next = Manifest();
  next.round = 2;
  SendAll(3, Signed(next));
  ExpectVerdict(3);
  EXPECT_EQ(Finish(), 0);
}

TEST_F(JailerAdmissionTest, RefusesARunThatIsUnderWay) {
  StartReady(InitBehaviour::kWellBehaved);
  Send(FrameType::kRun, 1, Signed().Encode());
  SendAll(2, Signed());
  ExpectRefused(2, "is of an execution that runs already");
  SendFile(1, CellFileKind::kSource, "script.sh", "echo");
  ExpectVerdict(1);
  EXPECT_EQ(Finish(), 0);
}

TEST_F(JailerAdmissionTest, RefusesAnotherProgramAndGoesOn) {
  StartReady(InitBehaviour::kWellBehaved);
  SendAll(1, Signed(), "echo; id");
  ExpectRefused(1, "code hash does not match request");
  Send(FrameType::kRun, 2, Signed().Encode());
  SendFile(2, CellFileKind::kSource, "other.sh", "echo");
  ExpectRefused(2, "program does not match request");
  SendAll(3, Signed());
  ExpectVerdict(3);  // the cells of the others are gone, and it was not run yet
  EXPECT_EQ(Finish(), 0);
}

TEST_F(JailerAdmissionTest, RefusesBeforeTheFiles) {
  StartReady(InitBehaviour::kWellBehaved);
  std::uint32_t job = 0;
  const auto refuse = [&](const std::string& problem, auto change) {
    RunRequest run = Signed();
    change(run);
    Send(FrameType::kRun, ++job, run.Encode());
    ExpectRefused(job, problem);
  };
  refuse("is required", [](RunRequest& run) { run.manifest.clear(); });
  refuse("token is malformed", [](RunRequest& run) { run.manifest = "token"; });
  refuse("signature is invalid", [](RunRequest& run) {
    run.manifest = *testing::TestSigner(testing::kOtherManifestKey).Sign(Manifest());
  });
  refuse("is expired", [](RunRequest& run) {
    ExecutionManifest old = Manifest();
    old.iat -= 1000;
    old.exp -= 1000;
    run.manifest = *testing::TestSigner().Sign(old);
  });
  refuse("is not valid yet", [](RunRequest& run) {
    ExecutionManifest early = Manifest();
    early.iat += 300;
    run.manifest = *testing::TestSigner().Sign(early);
  });
  refuse("limits do not match request", [](RunRequest& run) { run.wall_ms *= 2; });
  refuse("limits do not match request", [](RunRequest& run) { run.memory_bytes *= 2; });
  refuse("command does not match request", [](RunRequest& run) { run.args = {"more"}; });
  refuse("tool calls do not match request", [](RunRequest& run) { run.tool_calls = 1; });
  ExpectServing();
  EXPECT_EQ(Finish(), 0);
}

TEST_F(JailerAdmissionTest, RefusesMoreInputsAndSupportFiles) {
  StartReady(InitBehaviour::kWellBehaved);
  RunRequest run = Signed();
  run.files = 2;
  SendAll(1, run);
  SendFile(1, CellFileKind::kInput, "more.txt", "more");
  ExpectRefused(1, "input file scope does not match request");
  SendAll(2, run);
  SendFile(2, CellFileKind::kSupport, "functions.sh", "id");
  ExpectRefused(2, "does not allow for support files");
  EXPECT_EQ(Finish(), 0);
}

// With one cell, which the first run has, the second waits.
TEST_F(JailerAdmissionTest, CancelledBeforeItHadACellIsNoEnd) {
  StartReady(InitBehaviour::kWellBehaved);
  RunRequest first = Signed();
  first.files = 2;  // never complete: standard input is missing
  SendAll(1, first);
  ExecutionManifest other = Manifest();
  other.round = 2;
  SendAll(2, Signed(other));
  Send(FrameType::kCancel, 2, "");
  ExpectVerdict(2);
  Send(FrameType::kCancel, 1, "");
  ExpectVerdict(1);
  SendAll(3, Signed(other));
  ExpectVerdict(3);
  EXPECT_EQ(Finish(), 0);
}

}  // namespace
}  // namespace codeapi
