#include "api/api_fixture.h"

namespace codeapi {
namespace {

using namespace testing;  // NOLINT: the fixture's own names

const char kHello[] = R"j({"lang":"py","code":"print('hello')"})j";

std::string WithFile(const std::string& session, const std::string& more = "") {
  return R"({"lang":"py","code":"","files":[{"id":"aaaaaaaaaaaaaaaaaaaa1","name":"in.txt","storage_session_id":")" +
         session + "\"" + more + "}]}";
}

TEST_F(ApiTest, ExecGoesThroughTheQueueAndBack) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto answering = testing::Start(io, Exec(kHello));
    const ExecutionRequest seen = co_await Serve({200, false, R"({"stdout":"hello\n"})"});
    const Answer answer = co_await answering->Outcome();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, R"({"stdout":"hello\n"})");
    EXPECT_EQ(answer.headers.get("Content-Type"), "application/json; charset=utf-8");
    EXPECT_FALSE(answer.headers.has("Retry-After"));
    EXPECT_TRUE(IsId(seen.id));
    EXPECT_EQ(seen.runtime, "py");
    EXPECT_EQ(seen.code, "print('hello')");
    EXPECT_EQ(co_await OwnerOf(seen.id), std::nullopt);
  });
}

TEST_F(ApiTest, ExecutionsHaveIdsOfTheirOwn) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto first = testing::Start(io, Exec(kHello)), second = testing::Start(io, Exec(kHello));
    const std::string one = (co_await Serve({})).id, two = (co_await Serve({})).id;
    EXPECT_NE(one, two);
    co_await first->Outcome();
    co_await second->Outcome();
  });
}

TEST_F(ApiTest, OutputsBelongToTheCaller) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto answering = testing::Start(io, Exec(kHello));
    const ExecutionRequest seen = co_await Serve({200, true, "{}"});
    EXPECT_EQ((co_await answering->Outcome()).status, 200);
    EXPECT_EQ(co_await OwnerOf(seen.id), kMe);
  });
}

TEST_F(ApiTest, OwnerIsForgottenWithTheFiles) {
  settings.file_ttl = std::chrono::milliseconds(1);
  RunTest(io, [&]() -> awaitable<void> {
    const auto answering = testing::Start(io, Exec(kHello));
    const ExecutionRequest seen = co_await Serve({200, true, "{}"});
    EXPECT_EQ((co_await answering->Outcome()).status, 200);
    while (co_await OwnerOf(seen.id)) {
    }
  });
}

TEST_F(ApiTest, ContentTypeMustBeJson) {
  RunTest(io, [&]() -> awaitable<void> {
    for (const char* type :
         {"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
          "application/jsonx", "text/json;application/json", "json"}) {
      TextBody body(kHello);
      const Headers headers{{"Content-Type", type}};
      const Answer answer = co_await Send("POST", "/v1/exec", body, headers);
      EXPECT_EQ(answer.status, 415) << type;
      EXPECT_EQ(body.reads, 0);
    }
    TextBody no_header(kHello);
    EXPECT_EQ((co_await Send("POST", "/v1/exec", no_header)).status, 415);
    for (const char* type :
         {"application/json", "APPLICATION/JSON ; charset=utf-8", "application/vnd.api+json"}) {
      TextBody body("{}");
      const Headers headers{{"Content-Type", type}};
      EXPECT_EQ((co_await Send("POST", "/v1/exec", body, headers)).status, 400) << type;
    }
  });
}

TEST_F(ApiTest, BodyOverTheLimit) {
  settings.http_json_limit = 1500;
  RunTest(io, [&]() -> awaitable<void> {
    for (const bool announced : {true, false}) {
      for (const std::size_t size : {1500, 1501}) {
        std::string text = R"({"lang":"cobol","code":")";
        text += std::string(size - text.size() - 2, 'x') + "\"}";
        TextBody body(text, announced);
        const Headers headers{{"Content-Type", "application/json"}};
        const Answer answer = co_await Send("POST", "/v1/exec", body, headers);
        EXPECT_EQ(answer.status, size > 1500 ? 413 : 400);
        if (size > 1500) EXPECT_EQ(answer.body, R"({"error":"request entity too large"})");
        if (size > 1500 && announced) EXPECT_EQ(body.reads, 0);
      }
    }
  });
}

TEST_F(ApiTest, BodyThatBreaksOff) {
  RunTest(io, [&]() -> awaitable<void> {
    for (const ErrorCode code : {ErrorCode::kInvalid, ErrorCode::kDeadline, ErrorCode::kCancelled}) {
      TextBody body(kHello);
      body.error = Error{code, "gone"};
      const Headers headers{{"Content-Type", "application/json"}};
      EXPECT_EQ((co_await Send("POST", "/v1/exec", body, headers)).status, 400);
    }
    EXPECT_EQ(*co_await queue->depth(), 0u);
  });
}

TEST_F(ApiTest, BadRequestsAreNamed) {
  RunTest(io, [&]() -> awaitable<void> {
    Answer answer = co_await Exec(R"({"lang":"cobol","code":"x"})");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.body, R"({"error":"Unsupported language: cobol"})");
    answer = co_await Exec(R"({"lang":"py"})");
    EXPECT_EQ(answer.body, R"({"error":"Missing required field: code"})");
    answer = co_await Exec("{");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(*co_await queue->depth(), 0u);
  });
}

TEST_F(ApiTest, FilesOfSomebodyElse) {
  RunTest(io, [&]() -> awaitable<void> {
    const std::string mine = NewId(), theirs = NewId(), agents = NewId(), skills = NewId();
    co_await Own(mine, kMe);
    co_await Own(theirs, "local:user:somebody");
    co_await Own(agents, "local:agent:helper");
    co_await Own(skills, "local:skill:pdf:v:2");
    const std::string refused[] = {
        WithFile(NewId()),  // unknown or expired
        WithFile(theirs),
        WithFile(theirs, R"(,"kind":"user","resource_id":"somebody")"),  // asking does not help
        WithFile(agents),
        WithFile(agents, R"(,"kind":"agent","resource_id":"other")"),
        WithFile(mine, R"(,"kind":"agent","resource_id":"local-test-user")"),
        WithFile(skills, R"(,"kind":"skill","resource_id":"pdf","version":1)"),
        WithFile(skills, R"(,"kind":"agent","resource_id":"pdf:v:2")"),
    };
    for (const std::string& body : refused) {
      const Answer answer = co_await Exec(body);
      EXPECT_EQ(answer.status, 403) << body;
      EXPECT_EQ(answer.body, R"({"error":"Unauthorized file reference"})");
    }
    EXPECT_EQ(*co_await queue->depth(), 0u);
    const std::string allowed[] = {WithFile(mine), WithFile(mine, R"(,"resource_id":"anything")"),
                                   WithFile(agents, R"(,"kind":"agent","resource_id":"helper")"),
                                   WithFile(skills, R"(,"kind":"skill","resource_id":"pdf","version":2)")};
    for (const std::string& body : allowed) {
      const auto answering = testing::Start(io, Exec(body));
      const ExecutionRequest seen = co_await Serve({200, false, "{}"});
      EXPECT_EQ((co_await answering->Outcome()).status, 200) << body;
      CO_ASSERT(seen.files.size() == 1);
      EXPECT_EQ(seen.files[0].name, "in.txt");
    }
  });
}

TEST_F(ApiTest, OneForeignFileSpoilsTheRequest) {
  RunTest(io, [&]() -> awaitable<void> {
    const std::string mine = NewId();
    co_await Own(mine, kMe);
    const std::string file = R"({"id":"aaaaaaaaaaaaaaaaaaaa1","name":"a","storage_session_id":")";
    const std::string foreign = R"({"id":"aaaaaaaaaaaaaaaaaaaa1","name":"b","storage_session_id":")";
    const Answer answer = co_await Exec(R"({"lang":"py","code":"","files":[)" + file + mine + "\"}," +
                                        foreign + NewId() + "\"}]}");
    EXPECT_EQ(answer.status, 403);
  });
}

TEST_F(ApiTest, FullQueue) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto first = testing::Start(io, Exec(kHello)), second = testing::Start(io, Exec(kHello));
    while (*co_await queue->depth() < 2) co_await asio::post(io, asio::use_awaitable);
    const Answer answer = co_await Exec(kHello);
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.body, R"({"error":"queue_full"})");
    EXPECT_NE(answer.headers.get("Retry-After"), "");
    queue->stop();
    for (const auto& waiting : {first, second}) {
      const Answer refused = co_await waiting->Outcome();
      EXPECT_EQ(refused.status, 503);
      EXPECT_EQ(refused.body, R"({"error":"Service is shutting down"})");
      EXPECT_NE(refused.headers.get("Retry-After"), "");
    }
  });
}

TEST_F(ApiTest, DeadlineWhileWaiting) {
  settings.job_timeout = std::chrono::milliseconds(1);
  RunTest(io, [&]() -> awaitable<void> {
    const Answer answer = co_await Exec(kHello);
    EXPECT_EQ(answer.status, 504);
    EXPECT_EQ(answer.body, R"({"error":"execution_timeout","message":"Execution timed out"})");
  });
}

TEST_F(ApiTest, AnswersOfTheWorkerPass) {
  RunTest(io, [&]() -> awaitable<void> {
    for (const int status : {400, 403, 413, 502, 503}) {
      const auto answering = testing::Start(io, Exec(kHello));
      co_await Serve({status, false, R"({"error":"why"})"});
      const Answer answer = co_await answering->Outcome();
      EXPECT_EQ(answer.status, status);
      EXPECT_EQ(answer.body, R"({"error":"why"})");
      EXPECT_EQ(answer.headers.has("Retry-After"), status == 503);
    }
  });
}

TEST_F(ApiTest, WorkerThatFails) {
  RunTest(io, [&]() -> awaitable<void> {
    auto answering = testing::Start(io, Exec(kHello));
    {
      auto lease = co_await queue->take();
      CO_ASSERT(lease);
      EXPECT_TRUE(co_await lease->complete("no answer"));
    }
    Answer answer = co_await answering->Outcome();
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(answer.body, R"({"error":"Internal server error"})");

    answering = testing::Start(io, Exec(kHello));
    {
      const auto abandoned = co_await queue->take();
    }
    answer = co_await answering->Outcome();
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(log.Count("execution not answered"), 2);
  });
}

TEST_F(ApiTest, ClientThatHangsUpTakesItsJobWithIt) {
  RunTest(io, [&]() -> awaitable<void> {
    const auto waiting = testing::Start(io, Exec(kHello));
    while (*co_await queue->depth() < 1) co_await asio::post(io, asio::use_awaitable);
    waiting->Cancel();
    while (!waiting->finished()) co_await asio::post(io, asio::use_awaitable);
    EXPECT_EQ(*co_await queue->depth(), 0u);

    const auto running = testing::Start(io, Exec(kHello));
    auto lease = co_await queue->take();
    CO_ASSERT(lease);
    running->Cancel();
    co_await lease->wait_cancelled();
    EXPECT_TRUE(lease->cancelled());
  });
}

TEST_F(ApiTest, StateThatIsAwayIsTemporary) {
  AwayState away;
  const ApiContext broken = ContextOver(away);
  router = MakeApiRouter(broken);
  RunTest(io, [&]() -> awaitable<void> {
    const Answer answer = co_await Exec(WithFile(NewId()));
    EXPECT_EQ(answer.status, 503);
    EXPECT_NE(answer.headers.get("Retry-After"), "");
    EXPECT_EQ(answer.body.find("secret"), std::string::npos);
    EXPECT_EQ((co_await Get("/v1/download/" + NewId() + "/" + NewId())).status, 503);
    // Files that would have no owner are not promised.
    const auto answering = testing::Start(io, Exec(kHello));
    co_await Serve({200, true, "{}"});
    const Answer unowned = co_await answering->Outcome();
    EXPECT_EQ(unowned.status, 503);
    EXPECT_EQ(unowned.body, R"({"error":"Service is temporarily unavailable"})");
  });
}

TEST_F(ApiTest, Health) {
  RunTest(io, [&]() -> awaitable<void> {
    EXPECT_EQ((co_await Get("/v1/health")).status, 200);
    healthy = false;
    EXPECT_EQ((co_await Get("/v1/health")).status, 503);
  });
}

TEST_F(ApiTest, OtherMethodsAndPaths) {
  RunTest(io, [&]() -> awaitable<void> {
    EXPECT_EQ((co_await Get("/v1/exec")).status, 405);
    EXPECT_EQ((co_await Get("/v1/nothing")).status, 404);
    EXPECT_EQ((co_await Get("/exec")).status, 404);
  });
}

}  // namespace
}  // namespace codeapi
