#include "api/api_fixture.h"

namespace codeapi {
namespace {

using namespace testing;  // NOLINT: the fixture's own names

const char kGone[] = R"({"error":"File not found","details":"The file may have expired or does not exist"})";

std::string Path(const ObjectKey& key) {
  return "/v1/download/" + key.session + "/" + key.id;
}

TEST_F(ApiTest, DownloadGivesTheBytesAndTheirHeaders) {
  RunTest(io, [&]() -> awaitable<void> {
    std::string content;
    for (int i = 0; i < 600'000; ++i) content += static_cast<char>(i * 7);
    const ObjectKey key = co_await StoreObject(*objects, NewId(), "d/data 1.bin", content);
    co_await Own(key.session, kMe);
    const Answer answer = co_await Get(Path(key));
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.body == content);
    EXPECT_EQ(answer.headers.get("Content-Type"), "text/plain");
    EXPECT_EQ(answer.headers.get("Content-Disposition"), "attachment; filename*=UTF-8''d%2Fdata%201.bin");
    EXPECT_EQ(answer.headers.get("X-Content-Type-Options"), "nosniff");
    EXPECT_FALSE(answer.headers.has("X-Read-Only"));
  });
}

TEST_F(ApiTest, DownloadAnnouncesItsLength) {
  RunTest(io, [&]() -> awaitable<void> {
    for (const std::size_t size : {0, 1, 300'000}) {
      const ObjectKey key = co_await StoreObject(*objects, NewId(), "a", std::string(size, 'x'));
      co_await Own(key.session, kMe);
      TextBody body("");
      Request request(body);
      request.params.add("session", key.session);
      request.params.add("file", key.id);
      ApiCall call{request, Principal::Local(), {}};
      const Response response = co_await HandleDownload(context, call);
      EXPECT_EQ(std::get<std::unique_ptr<BodySource>>(response.body)->length(), size);
    }
  });
}

TEST_F(ApiTest, SealedFilesSaySo) {
  RunTest(io, [&]() -> awaitable<void> {
    const ObjectKey key = co_await StoreObject(*objects, NewId(), "a", "x", true);
    co_await Own(key.session, kMe);
    EXPECT_EQ((co_await Get(Path(key))).headers.get("X-Read-Only"), "true");
  });
}

// A name comes from an upload or a program and must stay a name.
TEST_F(ApiTest, NamesCannotInjectHeaders) {
  const std::pair<std::string, const char*> names[] = {
      {"a\"b.txt", "a%22b.txt"},
      {"a\r\nSet-Cookie: x=y\r\n\r\n<script>", "a%0D%0ASet-Cookie%3A%20x%3Dy%0D%0A%0D%0A%3Cscript%3E"},
      {"\xf0\x9f\x98\x80 d\xc3\xa9j\xc3\xa0.csv", "%F0%9F%98%80%20d%C3%A9j%C3%A0.csv"},
      {"a;b,c'd%2e*\\\x7f\t", "a%3Bb%2Cc%27d%252e%2A%5C%7F%09"},
      {"plain-1_2.tar.gz", "plain-1_2.tar.gz"},
  };
  for (const auto& [name, encoded] : names) {
    RunTest(io, [&]() -> awaitable<void> {
      const ObjectKey key = co_await StoreObject(*objects, NewId(), name, "x");
      co_await Own(key.session, kMe);
      const Answer answer = co_await Get(Path(key));
      EXPECT_EQ(answer.status, 200);
      EXPECT_EQ(answer.headers.get("Content-Disposition"),
                std::string("attachment; filename*=UTF-8''") + encoded);
      for (const auto& [header, value] : answer.headers.all()) {
        EXPECT_EQ(value.find_first_of("\r\n"), std::string::npos) << header;
      }
    });
  }
}

TEST_F(ApiTest, OnlyTheOwnerMayDownload) {
  RunTest(io, [&]() -> awaitable<void> {
    const ObjectKey key = co_await StoreObject(*objects, NewId(), "a", "x");
    const std::tuple<const char*, const char*, int> rows[] = {
        {kMe, "", 200},
        {kMe, "?kind=user", 200},
        {kMe, "?kind=user&id=someone-else", 200},  // a user is always the caller
        {kMe, "?kind=agent&id=local-test-user", 403},
        {"local:user:other", "", 403},
        {"local:user:other", "?kind=user&id=other", 403},
        {"other:user:local-test-user", "", 403},
        {"local:agent:helper", "", 403},
        {"local:agent:helper", "?kind=agent&id=helper", 200},
        {"local:agent:helper", "?kind=agent&id=Helper", 403},
        {"local:skill:pdf:v:2", "?kind=skill&id=pdf&version=2", 200},
        {"local:skill:pdf:v:2", "?kind=skill&id=pdf&version=1", 403},
        {"local:skill:pdf:v:2", "?kind=agent&id=pdf%3Av%3A2", 403},
        {"", "", 403},
    };
    for (const auto& [owner, query, status] : rows) {
      co_await Own(key.session, owner);
      const Answer answer = co_await Get(Path(key) + query);
      EXPECT_EQ(answer.status, status) << owner << " " << query;
      if (status == 403) EXPECT_EQ(answer.body, R"({"error":"Unauthorized"})");
    }
  });
}

TEST_F(ApiTest, WhatIsNotThereIsGone) {
  RunTest(io, [&]() -> awaitable<void> {
    const ObjectKey key = co_await StoreObject(*objects, NewId(), "a", "x");
    Answer answer = co_await Get(Path(key));  // the session has expired
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(answer.body, kGone);
    co_await Own(key.session, kMe);
    answer = co_await Get(Path({key.session, NewId()}));
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(answer.body, kGone);
    EXPECT_TRUE(co_await objects->remove(key));
    EXPECT_EQ((co_await Get(Path(key))).status, 404);
  });
}

TEST_F(ApiTest, BadDownloads) {
  RunTest(io, [&]() -> awaitable<void> {
    const ObjectKey key = co_await StoreObject(*objects, NewId(), "a", "x");
    co_await Own(key.session, kMe);
    const std::string bad[] = {
        "/v1/download/short/" + key.id,
        "/v1/download/" + key.session + "/short",
        "/v1/download/" + key.session + "/" + key.id + "x",
        "/v1/download/..%2f..%2f..%2f..%2f..%2fxyz/" + key.id,
        "/v1/download/" + key.session + "/%00aaaaaaaaaaaaaaaaaaaa",
        Path(key) + "?kind=admin",
        Path(key) + "?kind=",
        Path(key) + "?kind=agent",
        Path(key) + "?kind=agent&id=a%20b",
        Path(key) + "?kind=skill&id=pdf",
        Path(key) + "?kind=skill&id=pdf&version=",
        Path(key) + "?kind=skill&id=pdf&version=x",
        Path(key) + "?kind=skill&id=pdf&version=-1",
        Path(key) + "?kind=skill&id=pdf&version=1.5",
        Path(key) + "?kind=skill&id=pdf&version=18446744073709551616",
        Path(key) + "?version=1",
        Path(key) + "?kind=user&kind=user",
        Path(key) + "?id=a&id=a",
    };
    for (const std::string& target : bad) {
      const Answer answer = co_await Get(target);
      EXPECT_EQ(answer.status, 400) << target;
      EXPECT_NE(json::parse(answer.body).at("error").as_string(), "") << target;
    }
    EXPECT_EQ((co_await Get(Path(key) + "?other=1&other=2&kind=user")).status, 200);
  });
}

TEST_F(ApiTest, StoreThatFailsIsOurFault) {
  RunTest(io, [&]() -> awaitable<void> {
    const ObjectKey key = co_await StoreObject(*objects, NewId(), "a", "x");
    co_await Own(key.session, kMe);
    store.failing = {"open"};
    EXPECT_EQ((co_await Get(Path(key))).status, 503);
    store.code = ErrorCode::kInternal;
    const Answer answer = co_await Get(Path(key));
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(answer.body, R"({"error":"Error downloading file"})");
    EXPECT_EQ(log.Count("object store failed"), 2);
    store.failing = {"read"};
    EXPECT_FALSE((co_await Get(Path(key))).whole);  // broken, never short
  });
}

}  // namespace
}  // namespace codeapi
