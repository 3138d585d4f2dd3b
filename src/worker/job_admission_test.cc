#include "worker/job_admission.h"

#include <gtest/gtest.h>

#include "manifest/testing.h"
#include "worker/execution.h"
#include "worker/testing.h"
#include "worker/tool_job.h"

namespace codeapi {
namespace {

using testing::ManifestTime;
using testing::TestManifest;
using testing::TestSigner;
using testing::TestVerifier;

constexpr const char* kText = R"({"id":"abcdefghijklmnopqrstu"})";
const AnswerMac kMac("token");

class JobAdmissionTest : public ::testing::Test {
 protected:
  static JobSpec Job(std::string payload) { return {"the-job", "tenant", std::move(payload), {}}; }
  static JobSpec Signed(const ExecutionManifest& manifest = TestManifest("", kText),
                        std::string_view key = testing::kManifestKey) {
    return Job(SignedJob{*TestSigner(key).Sign(manifest), kText}.Encode());
  }
  JobAdmission With(bool keys, bool mac) {
    return JobAdmission(keys ? std::optional(TestVerifier()) : std::nullopt,
                        mac ? std::optional(kMac) : std::nullopt, log,
                        [this] { return ManifestTime(later); });
  }
  std::int64_t later = 0;
  testing::RecordingLog log;
};

TEST_F(JobAdmissionTest, AdmitsWhatWasSigned) {
  const auto admission = With(true, true);
  const auto admitted = admission.Admit(Signed());
  ASSERT_TRUE(admitted);
  EXPECT_EQ(admitted->text, kText);
  EXPECT_EQ(admitted->manifest, SignedJob::Decode(Signed().payload)->token);
  EXPECT_EQ(kMac.Open(TestManifest().exec_id, 1, admission.Seal(*admitted, "answer")), "answer");
}

TEST_F(JobAdmissionTest, RefusesTheRest) {
  const auto admission = With(true, true);
  const auto refused = [&](const JobSpec& job, const std::string& line) {
    const auto admitted = admission.Admit(job);
    ASSERT_FALSE(admitted);
    const auto open = kMac.Open("the-job", 0, admitted.error());
    ASSERT_TRUE(open) << "the API learns that a worker says so";
    EXPECT_EQ(ExecutionAnswer::Decode(*open)->status, 502);
    EXPECT_EQ(log.Count(line), 1) << line;
  };
  JobSpec other = Signed();
  other.payload += " ";
  refused(other,
          "job refused job=the-job reason=scope_mismatch detail=Execution manifest body hash does not match");
  refused(Signed(TestManifest("", kText), testing::kOtherManifestKey), "reason=invalid_signature");
  later = 1000;
  refused(Signed(), "reason=expired");
  later = -1000;
  refused(Signed(), "reason=not_yet_valid");
  refused(Job(SignedJob{"nonsense", kText}.Encode()),
          "reason=malformed detail=Execution manifest token is malformed");
}

TEST_F(JobAdmissionTest, RefusesWhatIsNotSigned) {
  for (const std::string& payload : {std::string(kText), std::string(), std::string("M")}) {
    const auto admitted = With(true, true).Admit(Job(payload));
    ASSERT_FALSE(admitted);
    // Without a MAC: an API that signs must not take it for an answer to what it sent.
    EXPECT_EQ(ExecutionAnswer::Decode(admitted.error())->status, 502);
  }
  EXPECT_EQ(log.Count("detail=Execution manifest is required"), 3);
}

TEST_F(JobAdmissionTest, RefusesRoundsInTheirOwnForm) {
  ToolJob round;
  round.execution = "one";
  round.kind = ToolJob::Kind::kDrop;
  const auto admitted = With(true, false).Admit(Job(round.Encode()));
  ASSERT_FALSE(admitted);
  const auto answer = RoundAnswer::Decode(admitted.error());
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->state, RoundAnswer::State::kRefused);
  EXPECT_EQ(answer->status, 502);
}

TEST_F(JobAdmissionTest, WithoutKeysManifestsArePassedOn) {
  const auto plain = With(false, true).Admit(Job(kText));
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->text, kText);
  EXPECT_EQ(With(false, true).Seal(*plain, "answer"), "answer");
  const auto admission = With(false, true);
  const auto admitted = admission.Admit(Signed(TestManifest("", kText), testing::kOtherManifestKey));
  ASSERT_TRUE(admitted);
  EXPECT_EQ(kMac.Open(TestManifest().exec_id, 1, admission.Seal(*admitted, "answer")), "answer");
  EXPECT_FALSE(admission.Admit(Job(SignedJob{"nonsense", kText}.Encode())));
}

TEST_F(JobAdmissionTest, WithoutATokenAnswersAreBare) {
  const auto admission = With(true, false);
  EXPECT_EQ(admission.Seal(*admission.Admit(Signed()), "answer"), "answer");
}

}  // namespace
}  // namespace codeapi
