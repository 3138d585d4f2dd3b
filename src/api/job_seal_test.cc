#include "api/job_seal.h"

#include "api/api_fixture.h"
#include "manifest/testing.h"
#include "worker/executor.h"
#include "worker/tool_support.h"

namespace codeapi::testing {
namespace {

constexpr const char* kTools = R"([{"name":"echo","description":"","parameters":{"type":"object"}}])";

class JobSealTest : public ::testing::Test {
 protected:
  JobSealTest() {
    settings.manifest_private_key = kManifestKey;
    settings.internal_service_token = "token";
    request.id = "abcdefghijklmnopqrstu";
    request.runtime = "py";
    request.code = "print(1)";
    request.args = {"a"};
    request.files = {{"session-b", "1", "x.txt"}, {"session-a", "2", "y.txt"}, {"session-a", "3", "z.txt"}};
    request.wall_ms = 1000;
    request.cpu_ms = 2000;
    request.memory_bytes = 1 << 20;
  }
  std::unique_ptr<JobSeal> Make() {
    auto made = JobSeal::Make(settings, [] { return ManifestTime(); });
    EXPECT_TRUE(made) << made.error().message;
    return std::move(*made);
  }
  ExecutionManifest Claims(const RoundToSign& what, const Principal& who = Principal::Local()) {
    const auto payload = Make()->Sign(who, what, "the text");
    EXPECT_TRUE(payload) << payload.error().message;
    const auto job = SignedJob::Decode(*payload);
    EXPECT_EQ(job->text, "the text");
    const auto claims = Open(*job, TestVerifier(), ManifestTime());
    EXPECT_TRUE(claims) << claims.error().message;
    return *claims;
  }
  Settings settings;
  ExecutionRequest request;
};

TEST_F(JobSealTest, SignsAllThatTheJailerAndTheGatewayAsk) {
  Principal who{
      .tenant = "t", .user = "u", .source = PrincipalSource::kLibreChatJwt, .auth_context_hash = "hash"};
  const ExecutionManifest claims = Claims({.request = request, .round = 3}, who);
  EXPECT_EQ(claims.exec_id, request.id);
  EXPECT_EQ(claims.round, 3u);
  EXPECT_EQ(claims.session_key, "t:user:u");
  EXPECT_EQ(claims.principal_source, "librechat_jwt");
  EXPECT_EQ(claims.auth_context_hash, "hash");
  EXPECT_EQ(claims.input_files,
            (std::vector<ManifestFile>{
                {"1", "session-b", "x.txt"}, {"2", "session-a", "y.txt"}, {"3", "session-a", "z.txt"}}));
  EXPECT_EQ(claims.read_sessions, (std::vector<std::string>{"session-a", "session-b"}));
  EXPECT_EQ(claims.output_session_id, request.id);
  EXPECT_EQ(claims.iat, kManifestTime);
  EXPECT_EQ(claims.exp, kManifestTime + 300 + 60);
  EXPECT_EQ(claims.runtime, "py");
  EXPECT_EQ(claims.code_sha256, ContentDigest::Of("print(1)"));
  EXPECT_EQ(claims.command_sha256, CommandDigest("main.py", "", {"a"}));
  EXPECT_EQ(claims.wall_ms, 1000u);
  EXPECT_EQ(claims.cpu_ms, 2000u);
  EXPECT_EQ(claims.memory_bytes, 1u << 20);
  EXPECT_EQ(claims.tool_calls, 0u);
  EXPECT_FALSE(claims.tool_call_socket);
}

TEST_F(JobSealTest, SignsWhatAProgramWithToolsGetsBesides) {
  const ExecutionManifest claims = Claims({.request = request, .tools = kTools});
  EXPECT_TRUE(claims.tool_call_socket);
  EXPECT_EQ(claims.tool_calls, 200u);
  const auto files = ToolSupport("py", kTools);
  SupportDigest support;
  for (const RunInput& file : *files)
    support.Add(file.file.name, ContentDigest::Of(std::get<std::string>(file.content)));
  EXPECT_EQ(claims.support_sha256, support.Finish());
}

TEST_F(JobSealTest, ARoundThatGoesOnStartsNothing) {
  const ExecutionManifest claims = Claims({.request = request, .round = 2, .tools = kTools, .starts = false});
  EXPECT_EQ(claims.code_sha256, "");
  EXPECT_EQ(claims.command_sha256, "");
  EXPECT_EQ(claims.support_sha256, "");
  EXPECT_EQ(claims.input_files.size(), 3u);
}

TEST_F(JobSealTest, BelievesWorkersAnswersOnly) {
  const auto seal = Make();
  const AnswerMac mac("token"), other("other");
  EXPECT_EQ(*seal->Open("job", "exec", 2, mac.Seal("exec", 2, "answer")), "answer");
  EXPECT_EQ(*seal->Open("job", "exec", 2, mac.Seal("job", 0, "refusal")), "refusal");
  for (const std::string& bad : {std::string("200 0 {}"), std::string(), mac.Seal("exec", 1, "answer"),
                                 mac.Seal("other", 2, "answer"), other.Seal("exec", 2, "answer")}) {
    const auto open = seal->Open("job", "exec", 2, bad);
    ASSERT_FALSE(open);
    EXPECT_EQ(open.error().code, ErrorCode::kForbidden);
  }
  settings.internal_service_token.clear();
  EXPECT_EQ(*Make()->Open("job", "exec", 2, "200 0 {}"), "200 0 {}");
}

TEST_F(JobSealTest, NamesTheSettingThatIsWrong) {
  const auto problem = [&] { return JobSeal::Make(settings).error().message; };
  settings.manifest_public_keys = TestSigner(kOtherManifestKey).PublicKey();
  EXPECT_EQ(
      problem(),
      "SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY does not belong to CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY");
  settings.manifest_public_keys = "x";
  EXPECT_TRUE(problem().starts_with("SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY is neither"));
  settings.manifest_private_key = "x";
  EXPECT_TRUE(problem().starts_with("CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY is neither"));
  settings.manifest_private_key.clear();
  EXPECT_EQ(*JobSeal::Make(settings), nullptr);
}

class SignedExecTest : public ApiTest {
 protected:
  SignedExecTest() {
    settings.manifest_private_key = kManifestKey;
    settings.internal_service_token = "token";
    seal = std::move(*JobSeal::Make(settings));
    context.seal = seal.get();
  }
  // Plays a worker that answers with `answer`, of which it may know the manifest.
  Answer Play(const std::function<std::string(const ExecutionManifest&)>& answer) {
    Answer out;
    RunTest(io, [&]() -> awaitable<void> {
      const auto answering = testing::Start(io, Exec(R"({"lang":"bash","code":"echo"})"));
      auto lease = co_await queue->take();
      const auto job = SignedJob::Decode(lease->job().payload);
      const auto claims = Open(*job, TestVerifier(), std::chrono::system_clock::now());
      EXPECT_TRUE(claims);
      EXPECT_TRUE(co_await lease->complete(answer(*claims)));
      out = co_await answering->Outcome();
    });
    return out;
  }
  std::unique_ptr<JobSeal> seal;
  const AnswerMac mac{"token"};
  const std::string body = ExecutionAnswer{200, false, R"({"stdout":""})"}.Encode();
};

TEST_F(SignedExecTest, AnswersWithAMacGoThrough) {
  EXPECT_EQ(Play([&](const ExecutionManifest& m) { return mac.Seal(m.exec_id, m.round, body); }).status, 200);
}

TEST_F(SignedExecTest, OthersAreNoAnswer) {
  const Answer forged = Play([&](const ExecutionManifest&) { return body; });
  EXPECT_EQ(forged.status, 502);
  EXPECT_EQ(forged.body, R"({"error":"sandbox_execution_failed","message":"Sandbox execution failed"})");
  EXPECT_EQ(Play([&](const ExecutionManifest& m) { return mac.Seal(m.exec_id, 2, body); }).status, 502);
  EXPECT_EQ(log.Count("the answer to the job carries no valid MAC"), 2);
}

}  // namespace
}  // namespace codeapi::testing
