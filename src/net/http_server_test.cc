#include "net/http_server.h"

#include <stdexcept>

#include "net/http_test_server.h"

namespace codeapi {
namespace {

constexpr std::string_view kGet = "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n";

TEST(HttpServer, AnswersOverLoopback) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  const auto answer = client.request("GET /echo/a%20b?k=%C3%A9 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "GET /echo/{name} name=a b ?k=\xC3\xA9 []");
  EXPECT_FALSE(answer.headers.contains("server"));
  EXPECT_FALSE(answer.headers.contains("connection"));
  EXPECT_EQ(answer.headers.at("date").size(), 29u);
}

TEST(HttpServer, BadAddressesAndTakenPortsAreErrors) {
  asio::io_context io;
  ServerOptions options;
  options.address = "no-address";
  EXPECT_EQ(HttpServer::Start(io.get_executor(), options, Router()).error().code, ErrorCode::kInvalid);
  TestServer server(EchoRouter());
  options.address = "127.0.0.1";
  options.port = server.port();
  const auto taken = HttpServer::Start(io.get_executor(), options, Router());
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(taken.error().message.find(std::to_string(server.port())), std::string::npos);
}

TEST(HttpServer, TwoRequestsOnOneConnection) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  EXPECT_EQ(client.request(kGet).body, "GET /echo []");
  EXPECT_EQ(client.request("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc").body,
            "POST /echo [abc]");
  EXPECT_EQ(server.server().connections(), 1u);
}

TEST(HttpServer, PipelinedRequestsAreAnsweredInOrder) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  std::string requests;
  for (int i = 0; i < 50; ++i) {
    requests += "GET /echo/" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
    requests += "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nq\r\n0\r\n\r\n";
  }
  client.send(requests);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(client.read_answer().body, "GET /echo/{name} name=" + std::to_string(i) + " []");
    EXPECT_EQ(client.read_answer().body, "POST /echo [q]");
  }
}

TEST(HttpServer, EveryByteMayComeAlone) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  const int on = 1;
  ::setsockopt(client.fd(), IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on);
  const std::string_view request =
      "\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;a=b\r\nabc\r\n0a\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
  for (const char c : request) client.send(std::string_view(&c, 1));
  EXPECT_EQ(client.read_answer().body, "POST /echo [abc0123456789]");
}

TEST(HttpServer, ConnectionCloseIsHonoured) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  const auto answer = client.request("GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(answer.headers.at("connection"), "close");
  EXPECT_TRUE(client.at_end());
}

TEST(HttpServer, Http10ClosesUnlessAskedNotTo) {
  TestServer server(EchoRouter());
  RawClient one(server.port());
  EXPECT_EQ(one.request("GET /echo HTTP/1.0\r\n\r\n").body, "GET /echo []");
  EXPECT_TRUE(one.at_end());
  RawClient two(server.port());
  const auto answer = two.request("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(answer.headers.at("connection"), "keep-alive");
  EXPECT_EQ(two.request("GET /echo HTTP/1.0\r\n\r\n").status, 200);
}

TEST(HttpServer, HeadHasTheHeadersOfGetAndNoBody) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  client.send("HEAD /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto answer = client.read_answer(true);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("content-length"), "13");  // "HEAD /echo []"
  EXPECT_EQ(client.request(kGet).body, "GET /echo []");
}

TEST(HttpServer, UnknownPathsAndMethods) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  const auto missing = client.request("GET /nope HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.body, R"({"error":"Not found"})");
  const auto wrong = client.request("BREW /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.at("allow"), "GET, POST, HEAD");
}

TEST(HttpServer, AbsoluteTargetsAreUnderstood) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  EXPECT_EQ(client.request("GET http://h:1/echo?a=1 HTTP/1.1\r\nHost: h\r\n\r\n").body, "GET /echo ?a=1 []");
  EXPECT_EQ(client.request("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n").status, 404);
}

TEST(HttpServer, AThrowingHandlerIsA500ThatSaysNothing) {
  Router router;
  router.add("GET", "/later", [](Request& request) -> asio::awaitable<Response> {
    (void)co_await request.body.read_all(0);
    throw std::runtime_error("secret /path");
  });
  router.add("GET", "/at-once",
             [](Request&) -> asio::awaitable<Response> { throw std::logic_error("secret"); });
  TestServer server(std::move(router));
  RawClient client(server.port());
  for (const std::string path : {"/later", "/at-once"}) {
    const auto answer = client.request("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(answer.body, R"({"error":"Internal server error"})");
  }
  ASSERT_EQ(server.log().size(), 2u);
  EXPECT_NE(server.log()[0].find("secret /path"), std::string::npos);
}

TEST(HttpServer, ARequestKnowsItsPeerAndTime) {
  Router router;
  router.add("GET", "/", [](Request& request) -> asio::awaitable<Response> {
    const bool sane = request.started <= std::chrono::steady_clock::now();
    co_return TextResponse(
        200, request.remote_address + (sane ? " ok " : " bad ") + std::string(request.header("x-thing")));
  });
  TestServer server(std::move(router));
  RawClient client(server.port());
  EXPECT_EQ(client.request("GET / HTTP/1.1\r\nhOST: x\r\nX-Thing:  v \r\n\r\n").body, "127.0.0.1 ok v");
}

TEST(HttpServer, AHeaderThatWouldSplitTheResponseIsA500) {
  Router router;
  router.add("GET", "/value", [](Request& request) -> asio::awaitable<Response> {
    Response response = TextResponse(200, "x");
    response.headers.add("X-Name", std::string(request.query.get("v")));
    response.headers.add("Content-Length", "999");  // not the handler's business
    co_return response;
  });
  router.add("GET", "/status",
             [](Request&) -> asio::awaitable<Response> { co_return TextResponse(100, ""); });
  TestServer server(std::move(router));
  RawClient client(server.port());
  EXPECT_EQ(client.request("GET /value?v=a%0d%0aSet-Cookie:b HTTP/1.1\r\nHost: x\r\n\r\n").status, 500);
  EXPECT_EQ(client.request("GET /status HTTP/1.1\r\nHost: x\r\n\r\n").status, 500);
  const auto fine = client.request("GET /value?v=%C3%A9 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(fine.headers.at("x-name"), "\xC3\xA9");
  EXPECT_EQ(fine.headers.at("content-length"), "1");
}

TEST(HttpServer, NoContentHasNoLength) {
  Router router;
  router.add("DELETE", "/",
             [](Request&) -> asio::awaitable<Response> { co_return Response{204, {}, "ignored"}; });
  TestServer server(std::move(router));
  RawClient client(server.port());
  for (int i = 0; i < 2; ++i) {
    const auto answer = client.request("DELETE / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(answer.status, 204);
    EXPECT_FALSE(answer.headers.contains("content-length"));
  }
}

TEST(HttpServer, ManyClientsAtOnce) {
  TestServer server(EchoRouter());
  std::vector<std::thread> clients;
  for (int id = 0; id < 8; ++id) {
    clients.emplace_back([&, id] {
      RawClient client(server.port());
      for (int i = 0; i < 100; ++i) {
        const std::string name = std::to_string(id) + "-" + std::to_string(i);
        const auto answer = client.request("GET /echo/" + name + " HTTP/1.1\r\nHost: x\r\n\r\n");
        ASSERT_EQ(answer.body, "GET /echo/{name} name=" + name + " []");
      }
    });
  }
  for (std::thread& client : clients) client.join();
}

TEST(HttpServer, EveryAnswerNamesItsRequest) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  const auto named = client.request("GET /echo HTTP/1.1\r\nHost: x\r\nX-Request-ID: trace-1.a:b/c\r\n\r\n");
  EXPECT_EQ(named.headers.at("x-request-id"), "trace-1.a:b/c");
  const auto made = client.request(kGet);
  EXPECT_EQ(made.headers.at("x-request-id").size(), 21u);
  EXPECT_NE(client.request(kGet).headers.at("x-request-id"), made.headers.at("x-request-id"));
  const auto unusable = client.request("GET /nowhere HTTP/1.1\r\nHost: x\r\nX-Request-ID: a b\r\n\r\n");
  EXPECT_EQ(unusable.status, 404);
  EXPECT_EQ(unusable.headers.at("x-request-id").size(), 21u);
  const auto endless =
      client.request("GET /echo HTTP/1.1\r\nHost: x\r\nX-Request-ID: " + std::string(129, 'a') + "\r\n\r\n");
  EXPECT_EQ(endless.headers.at("x-request-id").size(), 21u);
  const auto malformed = client.request("GET /echo HTTP/1.1\r\n\r\n");
  EXPECT_EQ(malformed.status, 400);
  EXPECT_EQ(malformed.headers.at("x-request-id").size(), 21u);
}

}  // namespace
}  // namespace codeapi
