#include "api/api_fixture.h"
#include "base/media_type.h"

namespace codeapi {
namespace {

using namespace testing;  // NOLINT: the fixture's own names

const char kBoundary[] = "X-x-X";

class UploadTest : public ApiTest {
 protected:
  static std::string Field(const std::string& name, const std::string& value) {
    return std::string("--") + kBoundary + "\r\nContent-Disposition: form-data; name=\"" + name +
           "\"\r\n\r\n" + value + "\r\n";
  }
  static std::string File(const std::string& name, const std::string& content, const std::string& type = "") {
    return std::string("--") + kBoundary + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" +
           name + "\"\r\n" + (type.empty() ? "" : "Content-Type: " + type + "\r\n") + "\r\n" + content +
           "\r\n";
  }
  static std::string End() { return std::string("--") + kBoundary + "--\r\n"; }

  awaitable<Answer> Upload(std::string text, std::string path = "/v1/upload",
                           std::optional<Error> broken = {}) {
    TextBody body(std::move(text), false);
    body.error_at_end = std::move(broken);
    const Headers headers{{"Content-Type", std::string("multipart/form-data; boundary=") + kBoundary}};
    co_return co_await Send("POST", std::move(path), body, headers);
  }

  /// Every object that is stored, whoever's.
  awaitable<std::vector<ObjectInfo>> Everything() {
    std::vector<ObjectInfo> out;
    auto sessions = co_await objects->sessions("", 1000);
    EXPECT_TRUE(sessions);
    for (const std::string& session : *sessions) {
      auto list = co_await objects->list(session);
      EXPECT_TRUE(list);
      out.insert(out.end(), list->begin(), list->end());
    }
    co_return out;
  }

  static json::object Parsed(const Answer& answer) { return json::parse(answer.body).as_object(); }
};

TEST_F(UploadTest, FilesAreStoredAndTheCallers) {
  RunTest(io, [&]() -> awaitable<void> {
    const Answer answer = co_await Upload(Field("kind", "user") + Field("id", "whoever") +
                                          File("a b.csv", "1,2", "text/csv") + File("d/x.bin", "") + End());
    EXPECT_EQ(answer.status, 200);
    const json::object body = Parsed(answer);
    EXPECT_EQ(body.at("message"), "success");
    const std::string session(body.at("storage_session_id").as_string());
    EXPECT_EQ(body.at("session_id"), body.at("storage_session_id"));
    EXPECT_EQ(co_await OwnerOf(session), kMe);
    const json::array& files = body.at("files").as_array();
    EXPECT_EQ(files.size(), 2u);
    const ObjectKey first{session, std::string(files[0].at("fileId").as_string())};
    const auto info = co_await objects->stat(first);
    EXPECT_TRUE(info);
    EXPECT_EQ(info->meta, (ObjectMeta{"a b.csv", "text/csv", false}));
    EXPECT_EQ(co_await ReadObject(*objects, first), "1,2");
    EXPECT_EQ(co_await ReadObject(*objects, {session, std::string(files[1].at("fileId").as_string())}), "");
  });
}

TEST_F(UploadTest, SealedFilesAndForeignTypesAndOwners) {
  RunTest(io, [&]() -> awaitable<void> {
    const Answer answer = co_await Upload(Field("kind", "skill") + Field("id", "s1") + Field("version", "7") +
                                          Field("unknown", "x") + Field("read_only", "TRUE") +
                                          File("run.py", "pass", std::string(256, 'x')) + End());
    EXPECT_EQ(answer.status, 200) << answer.body;
    const std::string session(Parsed(answer).at("storage_session_id").as_string());
    EXPECT_EQ(co_await OwnerOf(session), "local:skill:s1:v:7");
    const auto all = co_await Everything();
    EXPECT_EQ(all.size(), 1u);
    EXPECT_TRUE(all.at(0).meta.read_only);
    EXPECT_EQ(all.at(0).meta.content_type, MediaTypeOf("run.py"));
  });
}

// At each step of the second file.
TEST_F(UploadTest, WhatFailsLeavesNothing) {
  for (const char* step : {"create", "write", "commit"}) {
    for (const ErrorCode code : {ErrorCode::kUnavailable, ErrorCode::kInternal}) {
      SCOPED_TRACE(step);
      store.failing = {step};
      store.code = code;
      store.spare = 1;
      RunTest(io, [&]() -> awaitable<void> {
        const Answer answer = co_await Upload(File("a", "first") + File("b", "second") + End());
        EXPECT_EQ(answer.status, code == ErrorCode::kUnavailable ? 503 : 500);
        EXPECT_EQ(answer.body.find("secret"), std::string::npos) << answer.body;
        EXPECT_EQ((co_await Everything()).size(), 0u);
      });
    }
  }
}

TEST_F(UploadTest, AStreamThatBreaksLeavesNothing) {
  for (const char* path : {"/v1/upload", "/v1/upload/batch"}) {
    for (const auto& [code, status] :
         {std::pair{ErrorCode::kCancelled, 400}, {ErrorCode::kDeadline, 504}, {ErrorCode::kInvalid, 400}}) {
      RunTest(io, [&]() -> awaitable<void> {
        const std::string whole = File("a", "first") + File("b", "second");
        const Answer answer =
            co_await Upload(whole.substr(0, whole.size() - 4), path, Error{code, "the client went away"});
        EXPECT_EQ(answer.status, status);
        EXPECT_EQ((co_await Everything()).size(), 0u);
      });
    }
    RunTest(io, [&]() -> awaitable<void> {
      const Answer answer = co_await Upload(File("a", "first") + File("b", "second"), path);
      EXPECT_EQ(answer.status, 400) << "the closing delimiter is missing";
      EXPECT_EQ((co_await Everything()).size(), 0u);
    });
  }
}

TEST_F(UploadTest, WithoutAnOwnerNothingStays) {
  AwayState away;
  ApiContext blind = ContextOver(away);
  Router routes = MakeApiRouter(blind);
  std::swap(router, routes);
  RunTest(io, [&]() -> awaitable<void> {
    const Answer answer = co_await Upload(File("a", "x") + End());
    EXPECT_EQ(answer.status, 503);
    EXPECT_TRUE(answer.headers.has("Retry-After"));
    EXPECT_EQ((co_await Everything()).size(), 0u);
  });
  std::swap(router, routes);
}

TEST_F(UploadTest, InABatchEachFileIsForItself) {
  store.failing = {"commit"};
  store.spare = 1;
  RunTest(io, [&]() -> awaitable<void> {
    const Answer answer =
        co_await Upload(File("a", "1") + File("../b", "2") + File("c", "3") + End(), "/v1/upload/batch");
    EXPECT_EQ(answer.status, 200);
    const json::object body = Parsed(answer);
    EXPECT_EQ(body.at("message"), "partial_success");
    EXPECT_EQ(body.at("succeeded"), 1);
    EXPECT_EQ(body.at("failed"), 2);
    const json::array& files = body.at("files").as_array();
    EXPECT_EQ(files.at(0).at("status"), "success");
    EXPECT_EQ(files.at(1).at("filename"), "../b");
    EXPECT_EQ(files.at(2).at("error"), "Service is temporarily unavailable");
    EXPECT_EQ((co_await Everything()).size(), 1u);
  });
}

TEST_F(UploadTest, AFileThatTakesTooLongIsGivenUp) {
  settings.upload_timeout = std::chrono::milliseconds(-1);
  RunTest(io, [&]() -> awaitable<void> {
    const Answer answer = co_await Upload(File("a", std::string(100'000, 'x')) + End());
    EXPECT_EQ(answer.status, 504);
    EXPECT_EQ(answer.body, R"({"error":"Upload timeout"})");
    EXPECT_EQ((co_await Everything()).size(), 0u);
  });
}

}  // namespace
}  // namespace codeapi
