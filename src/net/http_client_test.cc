#include "net/http_client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <future>
#include <mutex>
#include <set>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "net/http_client_fixture.h"
#include "net/raw_peer.h"

namespace codeapi {
namespace {

using namespace std::chrono_literals;

std::string Url(const TestServer& server, std::string_view path) {
  return "http://127.0.0.1:" + std::to_string(server.port()) + std::string(path);
}

// Answers with the request's line and headers.
asio::awaitable<Response> Mirror(Request& request) {
  const Result<std::string> body = co_await request.body.read_all(1 << 20);
  if (!body) co_return ErrorResponse(400, body.error().message);
  Response response = TextResponse(200, request.method + " " + request.target + "\n");
  for (const auto& [name, value] : request.headers.all()) {
    std::get<std::string>(response.body) += AsciiLower(name) + ": " + value + "\n";
  }
  co_return response;
}

// Takes a body of the pattern and says how much of it came.
asio::awaitable<Response> Swallow(Request& request) {
  std::uint32_t state = 1;
  std::size_t total = 0;
  std::vector<char> buffer(100'000);
  for (;;) {
    const Result<std::size_t> got = co_await request.body.read(buffer);
    if (!got) co_return ErrorResponse(400, got.error().message);
    if (*got == 0) break;
    if (!FollowsPattern(std::span(buffer).first(*got), state)) co_return ErrorResponse(400, "other bytes");
    total += *got;
  }
  const bool announced = request.body.length().has_value();
  co_return TextResponse(200, std::to_string(total) + (announced ? " announced" : " in chunks"));
}

Router Routes() {
  Router router = EchoRouter();
  for (const char* method : {"GET", "POST", "PUT", "DELETE"}) router.add(method, "/mirror", Mirror);
  router.add("PUT", "/swallow", Swallow);
  router.add("GET", "/large", [](Request& request) -> asio::awaitable<Response> {
    const std::uint64_t size = std::strtoull(std::string(request.query.get("size")).c_str(), nullptr, 10);
    Response response;
    response.body = std::make_unique<PatternSource>(
        size, request.query.find("chunks") ? std::nullopt : std::optional<std::uint64_t>(size));
    co_return response;
  });
  router.add("PUT", "/refuse",
             [](Request&) -> asio::awaitable<Response> { co_return ErrorResponse(403, "no"); });
  router.add("GET", "/elsewhere", [](Request&) -> asio::awaitable<Response> {
    Response response;
    response.status = 302;
    response.headers.add("Location", "/echo");
    co_return response;
  });
  return router;
}

TEST(HttpClient, SendsMethodHeadersAndBody) {
  TestServer server(Routes());
  TestClient client;
  auto got = client.fetch({.method = "POST",
                           .url = Url(server, "/mirror?a=%20b&c"),
                           .headers = {{"X-One", "1"}, {"X-Empty", ""}, {"Content-Length", "99"}},
                           .body = "abc"});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->status, 200);
  EXPECT_EQ(got->headers.get("content-type"), "text/plain; charset=utf-8");
  EXPECT_TRUE(got->body.starts_with("POST /mirror?a=%20b&c\n")) << got->body;
  EXPECT_NE(got->body.find("\nx-one: 1\n"), std::string::npos);
  EXPECT_NE(got->body.find("\nx-empty: \n"), std::string::npos);
  EXPECT_NE(got->body.find("\ncontent-length: 3\n"), std::string::npos);
  EXPECT_EQ(got->body.find("expect:"), std::string::npos);
  EXPECT_NE(
      client.fetch({.method = "PUT", .url = Url(server, "/mirror")})->body.find("\ncontent-length: 0\n"),
      std::string::npos);
  for (const std::string method : {"GET", "DELETE"}) {
    got = client.fetch({.method = method, .url = Url(server, "/mirror")});
    EXPECT_TRUE(got && got->body.starts_with(method + " /mirror\n"));
    EXPECT_EQ(got->body.find("content-length:"), std::string::npos);
  }
}

TEST(HttpClient, PathsAreSentAsTheyAre) {
  TestClient client;
  std::promise<std::string> line;
  RawPeer peer([&](RawPeer::Connection& connection) {
    line.set_value(connection.read_until("\r\n"));
    connection.read_until("\r\n\r\n");
    connection.send("HTTP/1.1 204 No Content\r\n\r\n");
  });
  EXPECT_EQ(client.fetch({.url = peer.url("/a/../%2e%2e//b?x=%2F~")})->status, 204);
  EXPECT_EQ(line.get_future().get(), "GET /a/../%2e%2e//b?x=%2F~ HTTP/1.1\r\n");
}

TEST(HttpClient, HeadHasNoBody) {
  TestServer server(Routes());
  TestClient client;
  const auto got = client.fetch({.method = "HEAD", .url = Url(server, "/large?size=1000000")});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->body, "");
  EXPECT_EQ(got->headers.get("content-length"), "1000000");
}

TEST(HttpClient, ErrorsAndRedirectsAreResponses) {
  TestServer server(Routes());
  TestClient client;
  EXPECT_EQ(client.fetch({.url = Url(server, "/nope")})->status, 404);
  const auto moved = client.fetch({.url = Url(server, "/elsewhere")});
  EXPECT_EQ(moved->status, 302);
  EXPECT_EQ(moved->headers.get("Location"), "/echo");
}

TEST(HttpClient, StreamsLargeBodiesBothWays) {
  constexpr std::uint64_t kSize = 20'000'003;
  TestServer server(Routes());
  TestClient client;
  for (const bool known : {true, false}) {
    ClientRequest put{.method = "PUT", .url = Url(server, "/swallow")};
    put.body = std::make_unique<PatternSource>(kSize, known ? std::optional(kSize) : std::nullopt);
    const auto sent = client.fetch(std::move(put));
    ASSERT_TRUE(sent) << sent.error().message;
    EXPECT_EQ(sent->body, std::to_string(kSize) + (known ? " announced" : " in chunks"));
    const auto got =
        client.fetch({.url = Url(server, "/large?size=" + std::to_string(kSize) + (known ? "" : "&chunks"))});
    ASSERT_TRUE(got) << got.error().message;
    std::uint32_t state = 1;
    EXPECT_EQ(got->body.size(), kSize);
    EXPECT_TRUE(FollowsPattern(got->body, state));
  }
}

TEST(HttpClient, AResponseLargerThanAllowedIsTooLarge) {
  TestServer server(Routes());
  TestClient client;
  for (const std::string more : {"", "&chunks"}) {
    const auto got = client.fetch({.url = Url(server, "/large?size=100000" + more)}, 99'999);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, ErrorCode::kTooLarge);
    EXPECT_EQ(client.fetch({.url = Url(server, "/large?size=100000" + more)}, 100'000)->body.size(),
              100'000u);
  }
}

// The server produces as fast as it can, the reader does not read: what is produced must stay bounded.
TEST(HttpClient, AResponseThatNobodyReadsIsNotHeldInMemory) {
  std::atomic<std::size_t> produced = 0;
  std::promise<void> blocked;
  RawPeer peer([&](RawPeer::Connection& connection) {
    connection.read_until("\r\n\r\n");
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    connection.send_until_full(produced);
    blocked.set_value();
    std::string block(100'000, 'x');
    std::size_t left = 1'000'000'000 - produced;
    while (left > 0 && connection.send(std::string_view(block).substr(0, std::min(left, block.size())))) {
      left -= std::min(left, block.size());
    }
  });
  TestClient client;
  auto response = client.await(client->send({.url = peer.url("/")}));
  ASSERT_TRUE(response);
  blocked.get_future().get();
  EXPECT_LT(produced, 100'000'000u);  // kernel buffers and ours
  std::vector<char> buffer(1 << 20);
  std::uint64_t total = 0;
  for (;;) {
    const auto got = client.await(response->body->read(buffer));
    ASSERT_TRUE(got) << got.error().message;
    if (*got == 0) break;
    total += *got;
    if (total > 50'000'000) break;  // enough; the rest is given up
  }
  EXPECT_GT(total, 50'000'000u);
  response->body.reset();
}

TEST(HttpClient, ASourceThatFailsFailsTheRequest) {
  class Broken final : public BodySource {
   public:
    asio::awaitable<Result<std::size_t>> read(std::span<char> into) override {
      if (count_++ < 3) co_return into.size();
      co_return Fail(ErrorCode::kTooLarge, "too much of it");
    }
    int count_ = 0;
  };
  TestServer server(Routes());
  TestClient client;
  ClientRequest put{.method = "POST", .url = Url(server, "/echo")};
  put.body = std::make_unique<Broken>();
  const auto broken = client.fetch(std::move(put));
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, ErrorCode::kTooLarge);
  ClientRequest shorter{.method = "PUT", .url = Url(server, "/swallow")};
  shorter.body = std::make_unique<PatternSource>(1000, 2000);
  EXPECT_EQ(client.fetch(std::move(shorter)).error().code, ErrorCode::kInternal);
  ClientRequest longer{.method = "PUT", .url = Url(server, "/swallow")};
  longer.body = std::make_unique<PatternSource>(2000, 1000);
  EXPECT_EQ(client.fetch(std::move(longer))->body, "1000 announced");
}

TEST(HttpClient, ARefusedUploadIsNotReadOn) {
  class Endless final : public BodySource {
   public:
    asio::awaitable<Result<std::size_t>> read(std::span<char> into) override { co_return into.size(); }
  };
  TestServer server(Routes());
  TestClient client;
  ClientRequest put{.method = "PUT", .url = Url(server, "/refuse")};
  put.body = std::make_unique<Endless>();
  const auto got = client.fetch(std::move(put));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->status, 403);
  EXPECT_EQ(got->body, R"({"error":"no"})");
}

TEST(HttpClient, ManyRequestsShareFewConnections) {
  std::mutex mutex;
  std::set<std::uint16_t> ports;
  Router router;
  router.add("GET", "/", [&](Request& request) -> asio::awaitable<Response> {
    const std::lock_guard lock(mutex);
    ports.insert(request.remote_port);
    co_return TextResponse(200, "ok");
  });
  TestServer server(std::move(router));
  TestClient client({.max_transfers = 8});
  std::vector<std::future<Result<FetchedResponse>>> all;
  for (int i = 0; i < 100; ++i) {
    all.push_back(
        asio::co_spawn(client.io(), client->fetch({.url = Url(server, "/")}, 100), asio::use_future));
  }
  for (auto& one : all) EXPECT_EQ(one.get()->body, "ok");
  EXPECT_LE(ports.size(), 8u);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(client.fetch({.url = Url(server, "/")}));
  EXPECT_LE(ports.size(), 8u);
}

TEST(HttpClient, AHundredAtOnceAllSucceedAndLeaveTheirConnectionsToTheNext) {
  std::mutex mutex;
  std::set<std::uint16_t> ports;
  Router router;
  router.add("GET", "/", [&](Request& request) -> asio::awaitable<Response> {
    {
      const std::lock_guard lock(mutex);
      ports.insert(request.remote_port);
    }
    Response response;
    response.body = std::make_unique<PatternSource>(300'000, std::nullopt);
    co_return response;
  });
  TestServer server(std::move(router));
  TestClient client({.max_idle_connections = 128});
  for (int round = 0; round < 3; ++round) {
    std::vector<std::future<Result<FetchedResponse>>> all;
    for (int i = 0; i < 100; ++i) {
      all.push_back(
          asio::co_spawn(client.io(), client->fetch({.url = Url(server, "/")}, 1 << 20), asio::use_future));
    }
    for (auto& one : all) EXPECT_EQ(one.get()->body.size(), 300'000u);
  }
  EXPECT_LE(ports.size(), 100u);
}

TEST(HttpClient, WhatCannotBeSentIsInvalid) {
  TestClient client;
  const auto code = [&](ClientRequest request) { return client.fetch(std::move(request)).error().code; };
  EXPECT_EQ(code({.url = "ftp://127.0.0.1/"}), ErrorCode::kInvalid);
  EXPECT_EQ(code({.url = "file:///etc/passwd"}), ErrorCode::kInvalid);
  EXPECT_EQ(code({.url = ""}), ErrorCode::kInvalid);
  EXPECT_EQ(code({.url = "http://127.0.0.1:99999999/"}), ErrorCode::kInvalid);
  EXPECT_EQ(code({.method = "GET /x", .url = "http://127.0.0.1/"}), ErrorCode::kInvalid);
  EXPECT_EQ(code({.url = "http://127.0.0.1/", .headers = {{"A", "b\r\nC: d"}}}), ErrorCode::kInvalid);
  EXPECT_EQ(code({.url = "http://127.0.0.1/", .headers = {{"A b", "c"}}}), ErrorCode::kInvalid);
  EXPECT_FALSE(HttpClient::Make(client.io().get_executor(), {.max_transfers = 0}));
}

TEST(HttpClient, IgnoresProxiesOfTheEnvironment) {
  ::setenv("http_proxy", "http://127.0.0.1:9", 1);
  ::setenv("ALL_PROXY", "http://127.0.0.1:9", 1);
  TestServer server(Routes());
  TestClient client;
  EXPECT_TRUE(client.fetch({.url = Url(server, "/echo")}));
  ::unsetenv("http_proxy");
  ::unsetenv("ALL_PROXY");
}

}  // namespace
}  // namespace codeapi
