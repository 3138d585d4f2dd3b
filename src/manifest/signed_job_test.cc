#include "manifest/signed_job.h"

#include <gtest/gtest.h>

#include "manifest/testing.h"

namespace codeapi {
namespace {

using testing::ManifestTime;
using testing::TestManifest;
using testing::TestSigner;
using testing::TestVerifier;

SignedJob Job(const std::string& text = "{\"a\":\n1}") {
  return {*TestSigner().Sign(TestManifest("code", text)), text};
}

TEST(SignedJob, CarriesTokenAndText) {
  const auto read = SignedJob::Decode(Job().Encode());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->token, Job().token);
  EXPECT_EQ(read->text, Job().text);
  EXPECT_TRUE(Open(*read, TestVerifier(), ManifestTime()));
}

TEST(SignedJob, JobsWithoutAManifestAreNone) {
  for (const char* text : {"", "{\"id\":1}", "T{}", "M", "Mtoken"})
    EXPECT_FALSE(SignedJob::Decode(text)) << text;
}

TEST(SignedJob, BindsTheWholeText) {
  for (const char* other : {"{\"a\":\n2}", "{\"a\":\n1} ", "", "\n{\"a\":\n1}"}) {
    SignedJob job = Job();
    job.text = other;
    const auto claims = Open(job, TestVerifier(), ManifestTime());
    ASSERT_FALSE(claims) << other;
    EXPECT_EQ(claims.error().reason, ManifestProblem::Reason::kScopeMismatch);
    EXPECT_EQ(claims.error().message, "Execution manifest body hash does not match request");
  }
}

TEST(SignedJob, TellsWhatIsWrongWithTheManifestFirst) {
  SignedJob job = Job();
  job.text = "other";
  EXPECT_EQ(Open(job, TestVerifier(), ManifestTime(1000)).error().reason, ManifestProblem::Reason::kExpired);
  EXPECT_EQ(Open(job, TestVerifier(testing::kOtherManifestKey), ManifestTime()).error().reason,
            ManifestProblem::Reason::kInvalidSignature);
}

}  // namespace
}  // namespace codeapi
