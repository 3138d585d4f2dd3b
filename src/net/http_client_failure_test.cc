// Servers that vanish, dawdle, lie or babble, and callers that give up.
#include <gtest/gtest.h>

#include <future>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "net/http_client.h"
#include "net/http_client_fixture.h"
#include "net/raw_peer.h"

namespace codeapi {
namespace {

using namespace std::chrono_literals;

// Answers every request with `bytes` and closes.
RawPeer Saying(std::string bytes) {
  return RawPeer([bytes = std::move(bytes)](RawPeer::Connection& connection) {
    connection.read_until("\r\n\r\n");
    connection.send(bytes);
  });
}

std::optional<ErrorCode> CodeOf(const Result<FetchedResponse>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

TEST(HttpClientFailure, NobodyListens) {
  std::uint16_t port = 0;
  {
    TestServer gone(EchoRouter());
    port = gone.port();
  }
  TestClient client;
  const auto got = client.fetch({.url = "http://127.0.0.1:" + std::to_string(port) + "/path?secret=1"});
  ASSERT_EQ(CodeOf(got), ErrorCode::kUnavailable);
  EXPECT_NE(got.error().message.find("GET http://127.0.0.1:"), std::string::npos) << got.error().message;
  EXPECT_EQ(got.error().message.find("secret"), std::string::npos) << got.error().message;
}

TEST(HttpClientFailure, TruncatedAndSenselessAnswersAreErrors) {
  TestClient client;
  for (const std::string& bytes :
       {std::string(), std::string("HTTP/1.1 200 OK\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 5"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcd"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabcde\r\n0\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\n\r\nwhole or not?"), std::string("SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        std::string("HTTP/1.1 100 Continue\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x') + "\r\nContent-Length: 1\r\n\r\na"}) {
    RawPeer peer = Saying(bytes);
    const auto got = client.fetch({.url = peer.url("/")});
    EXPECT_EQ(CodeOf(got), ErrorCode::kUnavailable) << bytes.substr(0, 100) << (got ? got->body : "");
  }
}

TEST(HttpClientFailure, InterimAnswersAreSkipped) {
  TestClient client;
  RawPeer peer = Saying(
      "HTTP/1.1 102 Processing\r\nX: a\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n");
  const auto got = client.fetch({.url = peer.url("/")});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->body, "abc");
  EXPECT_FALSE(got->headers.has("X"));
  EXPECT_FALSE(got->headers.has("Trailer"));
}

TEST(HttpClientFailure, AResetInTheMiddleIsAnError) {
  TestClient client;
  RawPeer peer([](RawPeer::Connection& connection) {
    connection.read_until("\r\n\r\n");
    connection.reset_on_close();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n" + std::string(1000, 'a'));
  });
  EXPECT_EQ(CodeOf(client.fetch({.url = peer.url("/")})), ErrorCode::kUnavailable);
}

TEST(HttpClientFailure, AServerThatVanishesDuringTheUploadIsAnError) {
  TestClient client;
  RawPeer peer([](RawPeer::Connection& connection) {
    connection.read_until("\r\n\r\n");
    connection.reset_on_close();
  });
  ClientRequest put{.method = "PUT", .url = peer.url("/")};
  put.body = std::make_unique<PatternSource>(100'000'000, std::nullopt);
  EXPECT_EQ(CodeOf(client.fetch(std::move(put))), ErrorCode::kUnavailable);
}

TEST(HttpClientFailure, SilenceEndsAtTheIdleTimeout) {
  TestClient client({.idle_timeout = 200ms});
  RawPeer peer([](RawPeer::Connection& connection) { connection.drain(); });
  const auto silent = client.fetch({.url = peer.url("/x?secret")});
  ASSERT_EQ(CodeOf(silent), ErrorCode::kDeadline);
  EXPECT_NE(silent.error().message.find("/x: the server makes no progress"), std::string::npos);
  RawPeer half([](RawPeer::Connection& connection) {
    connection.read_until("\r\n\r\n");
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc");
    connection.drain();
  });
  EXPECT_EQ(CodeOf(client.fetch({.url = half.url("/")})), ErrorCode::kDeadline);
  std::promise<void> over;
  RawPeer deaf([&, wait = over.get_future().share()](RawPeer::Connection&) { wait.wait(); });
  ClientRequest put{.method = "PUT", .url = deaf.url("/")};
  put.body = std::make_unique<PatternSource>(100'000'000, std::nullopt);
  EXPECT_EQ(CodeOf(client.fetch(std::move(put))), ErrorCode::kDeadline);
  over.set_value();
}

TEST(HttpClientFailure, WaitingForTheReaderIsNotIdleness) {
  TestServer server([] {
    Router router;
    router.add("GET", "/", [](Request&) -> asio::awaitable<Response> {
      Response response;
      response.body = std::make_unique<PatternSource>(20'000'000, std::nullopt);
      co_return response;
    });
    return router;
  }());
  TestClient client({.idle_timeout = 40ms});
  auto response =
      client.await(client->send({.url = "http://127.0.0.1:" + std::to_string(server.port()) + "/"}));
  ASSERT_TRUE(response);
  // Another request's idle timeout shows that as much time has passed.
  RawPeer silent([](RawPeer::Connection& connection) { connection.drain(); });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(CodeOf(client.fetch({.url = silent.url("/")})), ErrorCode::kDeadline);
  const auto body = client.await(response->body->read_all(30'000'000));
  ASSERT_TRUE(body) << body.error().message;
  EXPECT_EQ(body->size(), 20'000'000u);
}

TEST(HttpClientFailure, TheTotalTimeoutEndsEvenAServerThatDrips) {
  TestClient client;
  RawPeer peer([](RawPeer::Connection& connection) {
    connection.read_until("\r\n\r\n");
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    while (connection.send("x")) std::this_thread::sleep_for(1ms);
  });
  EXPECT_EQ(CodeOf(client.fetch({.url = peer.url("/"), .total_timeout = 100ms})), ErrorCode::kDeadline);
}

TEST(HttpClientFailure, AReusedConnectionThatWasClosedIsReplaced) {
  TestClient client;
  RawPeer peer([](RawPeer::Connection& connection) {  // keeps the connection's promise for one request only
    connection.read_until("\r\n\r\n");
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  for (int i = 0; i < 20; ++i) {
    const auto got = client.fetch({.method = "POST", .url = peer.url("/"), .body = "x"});
    EXPECT_TRUE(got) << got.error().message;
  }
  EXPECT_EQ(peer.accepted(), 20);
}

// Cancels `work` once `reached` says that it is where it should be, and returns what it returned.
template <typename T>
T CancelAt(TestClient& client, asio::awaitable<T> work, std::future<void> reached) {
  asio::cancellation_signal signal;
  const auto strand = asio::make_strand(client.io());
  auto guarded = [](asio::awaitable<T> inner) -> asio::awaitable<T> {
    co_await asio::this_coro::throw_if_cancelled(false);
    co_return co_await std::move(inner);
  };
  auto result = asio::co_spawn(strand, guarded(std::move(work)),
                               asio::bind_cancellation_slot(signal.slot(), asio::use_future));
  reached.get();
  asio::post(strand, [&] { signal.emit(asio::cancellation_type::terminal); });
  return result.get();
}

TEST(HttpClientFailure, CancellationEndsTheTransferWhileTheServerIsSilent) {
  TestClient client;
  std::promise<void> asked;
  std::promise<void> left;
  RawPeer peer([&](RawPeer::Connection& connection) {
    connection.read_until("\r\n\r\n");
    asked.set_value();
    connection.drain();  // returns when the client has closed
    left.set_value();
  });
  const auto got = CancelAt(client, client->fetch({.url = peer.url("/")}, 100), asked.get_future());
  EXPECT_EQ(CodeOf(got), ErrorCode::kCancelled);
  left.get_future().get();
}

TEST(HttpClientFailure, CancellationEndsTheReadingOfABody) {
  TestClient client;
  std::promise<void> asked;
  std::promise<void> left;
  RawPeer peer([&](RawPeer::Connection& connection) {
    connection.read_until("\r\n\r\n");
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc");
    asked.set_value();
    connection.drain();
    left.set_value();
  });
  EXPECT_EQ(CodeOf(CancelAt(client, client->fetch({.url = peer.url("/")}, 100), asked.get_future())),
            ErrorCode::kCancelled);
  left.get_future().get();
}

TEST(HttpClientFailure, ClosingTheClientEndsItsTransfers) {
  TestClient client;
  std::promise<void> asked;
  RawPeer peer([&](RawPeer::Connection& connection) {
    connection.read_until("\r\n\r\n");
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc");
    asked.set_value();
    connection.drain();
  });
  auto response = client.await(client->send({.url = peer.url("/")}));
  ASSERT_TRUE(response);
  auto rest = asio::co_spawn(client.io(), response->body->read_all(100), asio::use_future);
  client.destroy();
  EXPECT_EQ(rest.get().error().code, ErrorCode::kUnavailable);
}

// A client's context may be thrown away with everything in flight; sanitizers watch.
TEST(HttpClientFailure, AContextMayGoWithTransfersUnderWay) {
  std::promise<void> asked;
  RawPeer peer([&](RawPeer::Connection& connection) {
    connection.read_until("\r\n\r\n");
    asked.set_value();
    connection.drain();
  });
  asio::io_context io;
  auto client = HttpClient::Make(io.get_executor());
  ASSERT_TRUE(client);
  asio::co_spawn(io, (*client)->fetch({.url = peer.url("/")}, 100), asio::detached);
  auto reached = asked.get_future();
  while (reached.wait_for(0s) != std::future_status::ready) io.run_one_for(10ms);
  client->reset();
}

TEST(HttpClientFailure, CertificatesAreVerified) {
  // A server that does not speak TLS at all is the same error to a caller as one with a bad certificate.
  TestServer server(EchoRouter());
  TestClient client({.ca_file = "/nonexistent/ca.pem"});
  const std::string url = "https://127.0.0.1:" + std::to_string(server.port()) + "/echo";
  EXPECT_EQ(CodeOf(client.fetch({.url = url})), ErrorCode::kUnavailable);
  TestClient plain;
  EXPECT_EQ(CodeOf(plain.fetch({.url = url})), ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace codeapi
