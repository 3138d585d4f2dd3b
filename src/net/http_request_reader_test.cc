// How requests are framed: what is accepted, what is refused, and how long it may take.
#include "net/http_request_reader.h"

#include <atomic>

#include "net/http_test_server.h"

namespace codeapi {
namespace {

TEST(RequestBody, ContentLengthAndChunked) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  const std::string big(300000, 'b');
  EXPECT_EQ(client.request("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + big).body,
            "POST /echo [" + big + "]");
  EXPECT_EQ(client
                .request("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n493e0\r\n" +
                         big + "\r\n3\r\nend\r\n0\r\n\r\n")
                .body,
            "POST /echo [" + big + "end]");
  EXPECT_EQ(client.request("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").body,
            "POST /echo []");
}

TEST(RequestBody, IsStreamedWhileItArrives) {
  Router router;
  router.add("POST", "/", [](Request& request) -> asio::awaitable<Response> {
    std::string piece(4, '\0');
    std::size_t total = 0;
    while (true) {
      const auto got = co_await request.body.read(piece);
      if (!got) co_return ErrorResponse(400, got.error().message);
      if (*got == 0) break;
      total += *got;
    }
    const auto after = co_await request.body.read(piece);
    co_return TextResponse(200, std::to_string(total) + (after && *after == 0 ? " end" : " more"));
  });
  TestServer server(std::move(router));
  RawClient client(server.port());
  EXPECT_EQ(client.request("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789").body,
            "10 end");
  EXPECT_EQ(client
                .request("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "5\r\nabcde\r\n1\r\nf\r\n0\r\n\r\n")
                .body,
            "6 end");
}

TEST(RequestBody, TooLargeIsAnsweredBeforeItIsRead) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  // The body never comes; the answer must not wait for it.
  const auto answer = client.request("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n");
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.headers.at("connection"), "close");
}

TEST(RequestBody, TheAnswerSurvivesAClientThatGoesOnSending) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  client.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "10000\r\n" + std::string(65536, 'c') + "\r\n";
  for (int i = 0; i < 64; ++i) EXPECT_TRUE(client.send(chunk));
  EXPECT_EQ(client.read_answer().status, 413);
}

TEST(RequestBody, ASmallUnreadBodyIsThrownAwayAndTheConnectionLives) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  EXPECT_EQ(client.request("POST /nope HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /").status, 404);
  EXPECT_EQ(client.request("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n").body, "GET /echo []");
}

TEST(RequestBody, AnUnreadBodyOfUnknownSizeEndsTheConnection) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  const auto answer =
      client.request("POST /nope HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.headers.at("connection"), "close");
  EXPECT_TRUE(client.at_end());
}

TEST(RequestBody, ContinueIsSentWhenTheBodyIsWanted) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  EXPECT_EQ(
      client.request("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n")
          .status,
      100);
  EXPECT_EQ(client.request("ok").body, "POST /echo [ok]");
}

TEST(RequestBody, ContinueIsNotSentForABodyThatIsRefused) {
  TestServer server(EchoRouter());
  RawClient one(server.port());
  const auto answer =
      one.request("POST /nope HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.headers.at("connection"),
            "close");  // the body may come or not: the next bytes have no meaning
  RawClient two(server.port());
  EXPECT_EQ(
      two.request("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: a-pony\r\nContent-Length: 2\r\n\r\n").status,
      417);
}

TEST(RequestBody, AStalledBodyIsGivenUp) {
  ServerOptions options;
  options.body_timeout = std::chrono::milliseconds(30);
  TestServer server(EchoRouter(), options);
  RawClient plain(server.port());
  const auto answer = plain.request("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body, R"({"error":"the body made no progress"})");
  EXPECT_EQ(answer.headers.at("connection"), "close");
  RawClient chunked(server.port());
  EXPECT_EQ(
      chunked.request("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab").body,
      R"({"error":"the body made no progress"})");
}

TEST(RequestHeader, TooLargeIs431) {
  ServerOptions options;
  options.max_header_bytes = 1000;
  TestServer server(EchoRouter(), options);
  const std::string filler(400, 'f');
  RawClient fits(server.port());
  EXPECT_EQ(
      fits.request("GET /echo HTTP/1.1\r\nHost: x\r\nA: " + filler + "\r\nB: " + filler + "\r\n\r\n").status,
      200);
  RawClient many(server.port());
  const auto answer = many.request("GET /echo HTTP/1.1\r\nHost: x\r\nA: " + filler + "\r\nB: " + filler +
                                   "\r\nC: " + filler + "\r\n\r\n");
  EXPECT_EQ(answer.status, 431);
  EXPECT_TRUE(many.at_end());
  RawClient endless(server.port());  // no line end ever comes
  EXPECT_EQ(endless.request("GET /echo/" + filler + filler + filler).status, 431);
  RawClient split(server.port());  // neither part alone is too large
  EXPECT_EQ(
      split.request("GET /echo?" + filler + filler + " HTTP/1.1\r\nHost: x\r\nA: " + filler + "\r\n\r\n")
          .status,
      431);
}

TEST(RequestHeader, TheDefaultLimitTakesLargeTokens) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  const std::string token(60000, 't');
  EXPECT_EQ(
      client.request("GET /echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\n\r\n").status,
      200);
}

TEST(RequestHeader, SlowIs408) {
  ServerOptions options;
  options.header_timeout = std::chrono::milliseconds(30);
  TestServer server(EchoRouter(), options);
  RawClient fresh(server.port());
  EXPECT_EQ(fresh.request("GET /echo HTTP/1.1\r\nHo").status, 408);
  EXPECT_TRUE(fresh.at_end());
  RawClient used(server.port());
  EXPECT_EQ(used.request("GET /echo HTTP/1.1\r\nHost: x\r\n\r\nGET /ec").status, 200);
  EXPECT_EQ(used.read_answer().status, 408);
  RawClient silent(server.port());
  EXPECT_TRUE(silent.at_end());  // said nothing, is told nothing
}

TEST(RequestHeader, AnIdleConnectionIsClosedQuietly) {
  ServerOptions options;
  options.keep_alive_timeout = std::chrono::milliseconds(30);
  TestServer server(EchoRouter(), options);
  RawClient client(server.port());
  EXPECT_EQ(client.request("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
  EXPECT_TRUE(client.at_end());
}

struct BadRequest {
  const char* what;
  const char* bytes;
  int status;

  friend void PrintTo(const BadRequest& bad, std::ostream* out) { *out << bad.what; }
};

// Each ends in what would be a second request if the first were framed the way a lenient peer might.
class BadRequests : public testing::TestWithParam<BadRequest> {};

TEST_P(BadRequests, AreRefusedAndNothingBehindThemIsRun) {
  std::atomic<int> smuggled = 0;
  Router router = EchoRouter();
  router.add("GET", "/smuggled", [&](Request&) -> asio::awaitable<Response> {
    ++smuggled;
    co_return TextResponse(200, "");
  });
  TestServer server(std::move(router));
  RawClient client(server.port());
  const auto answer =
      client.request(std::string(GetParam().bytes) + "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(answer.status, GetParam().status);
  EXPECT_TRUE(answer.body.starts_with(R"({"error":")")) << answer.body;
  EXPECT_EQ(answer.headers.at("connection"), "close");
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(smuggled, 0);
}

#define POST_ECHO "POST /echo HTTP/1.1\r\nHost: x\r\n"
#define CHUNKED POST_ECHO "Transfer-Encoding: chunked\r\n\r\n"

INSTANTIATE_TEST_SUITE_P(
    Framing, BadRequests,
    testing::Values(
        BadRequest{"LengthThenChunked",
                   POST_ECHO "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        BadRequest{"ChunkedThenLength",
                   POST_ECHO "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400},
        BadRequest{"OtherEncodingAndLength", POST_ECHO "Transfer-Encoding: gzip\r\nContent-Length: 0\r\n\r\n",
                   400},
        BadRequest{"TwoLengths", POST_ECHO "Content-Length: 0\r\nContent-Length: 5\r\n\r\n", 400},
        BadRequest{"TheSameLengthTwice", POST_ECHO "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400},
        BadRequest{"LengthList", POST_ECHO "Content-Length: 0, 0\r\n\r\n", 400},
        BadRequest{"NegativeLength", POST_ECHO "Content-Length: -1\r\n\r\n", 400},
        BadRequest{"SignedLength", POST_ECHO "Content-Length: +0\r\n\r\n", 400},
        BadRequest{"HexLength", POST_ECHO "Content-Length: 0x0\r\n\r\n", 400},
        BadRequest{"EmptyLength", POST_ECHO "Content-Length: \r\n\r\n", 400},
        BadRequest{"HugeLength", POST_ECHO "Content-Length: 18446744073709551616\r\n\r\n", 400},
        BadRequest{"OtherEncoding", POST_ECHO "Transfer-Encoding: gzip\r\n\r\n", 501},
        BadRequest{"EncodingList", POST_ECHO "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
        BadRequest{"ChunkedNotLast", POST_ECHO "Transfer-Encoding: chunked, identity\r\n\r\n", 501},
        BadRequest{"ChunkedLookalike", POST_ECHO "Transfer-Encoding: xchunked\r\n\r\n", 501},
        BadRequest{"TwoEncodings",
                   POST_ECHO "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                   400},
        BadRequest{"ChunkedTwice",
                   POST_ECHO "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                   400},
        BadRequest{"ChunkedInHttp10", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                   400},
        BadRequest{"SpaceBeforeColon", POST_ECHO "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
        BadRequest{"BareLineFeeds", "GET /echo HTTP/1.1\nHost: x\n\n", 400},
        BadRequest{"BareCarriageReturn", "GET /echo HTTP/1.1\r\nHost: x\rA: b\r\n\r\n", 400},
        BadRequest{"Fold", "GET /echo HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400},
        BadRequest{"FoldByTab", "GET /echo HTTP/1.1\r\nHost: x\r\nA: b\r\n\tc\r\n\r\n", 400},
        BadRequest{"FoldedEncoding", POST_ECHO "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400},
        BadRequest{"FoldedLength", POST_ECHO "Content-Length:\r\n 0\r\n\r\n", 400},
        BadRequest{"HostList", "GET /echo HTTP/1.1\r\nHost: x,y\r\n\r\n", 400},
        BadRequest{"HostWithUser", "GET /echo HTTP/1.1\r\nHost: y@x\r\n\r\n", 400},
        BadRequest{"HostWithPath", "GET /echo HTTP/1.1\r\nHost: x/y\r\n\r\n", 400},
        BadRequest{"HostWithSpace", "GET /echo HTTP/1.1\r\nHost: x y\r\n\r\n", 400},
        BadRequest{"HostNotAscii", "GET /echo HTTP/1.1\r\nHost: \xff\r\n\r\n", 400},
        BadRequest{"TargetWithFragment", "GET /echo#a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        BadRequest{"TargetNotAscii", "GET /ech\xc3\xb6 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        BadRequest{"TargetWithUser", "GET http://y@x/echo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        BadRequest{"TargetWithoutHost", "GET http:///echo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        BadRequest{"FoldBeforeAnyField", "GET /echo HTTP/1.1\r\n Host: x\r\n\r\n", 400},
        BadRequest{"NoHost", "GET /echo HTTP/1.1\r\n\r\n", 400},
        BadRequest{"TwoHosts", "GET /echo HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
        BadRequest{"NoVersion", "GET /echo\r\n\r\n", 400},
        BadRequest{"Http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
        BadRequest{"NoPath", "GET echo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        BadRequest{"Authority", "CONNECT h:1 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        BadRequest{"Tls", "\x16\x03\x01\x02", 400},
        BadRequest{"BlankLines", "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n", 400},
        BadRequest{"ChunkSizeNotHex", CHUNKED "g\r\n\r\n0\r\n\r\n", 400},
        BadRequest{"ChunkSizeEmpty", CHUNKED "\r\n0\r\n\r\n", 400},
        BadRequest{"ChunkSizeNegative", CHUNKED "-1\r\n\r\n0\r\n\r\n", 400},
        BadRequest{"ChunkSizePrefixed", CHUNKED "0x1\r\na\r\n0\r\n\r\n", 400},
        BadRequest{"ChunkSizeSpaced", CHUNKED " 1\r\na\r\n0\r\n\r\n", 400},
        BadRequest{"ChunkSizeHuge", CHUNKED "10000000000000000\r\na\r\n0\r\n\r\n", 400},
        BadRequest{"ChunkSizeOverflow", CHUNKED "ffffffffffffffff\r\na\r\n0\r\n\r\n", 400},
        BadRequest{"LengthOverflow", POST_ECHO "Content-Length: 18446744073709551615\r\n\r\n", 400},
        BadRequest{"ChunkSizeLineFeed", CHUNKED "1\na\n0\n\n", 400},
        BadRequest{"ChunkTooLong", CHUNKED "1\r\nab\r\n0\r\n\r\n", 400},
        BadRequest{"ChunkExtensionLineFeed", CHUNKED "1;\na\r\na\r\n0\r\n\r\n", 400},
        BadRequest{"TrailerLength", CHUNKED "0\r\nContent-Length: 5\r\n\r\n", 400},
        BadRequest{"TrailerMalformed", CHUNKED "0\r\nA b\r\n\r\n", 400}),
    [](const auto& test) { return test.param.what; });

TEST(RequestHeader, TooManyFieldsAre431) {
  TestServer server(EchoRouter());
  const auto with = [](std::size_t fields) {
    std::string text = "POST /echo HTTP/1.1\r\nHost: x\r\n";
    for (std::size_t i = 1; i < fields; ++i) text += "A:\r\n";
    return text + "\r\n";
  };
  RawClient client(server.port());
  EXPECT_EQ(client.request(with(256)).status, 200);
  EXPECT_EQ(client.request(with(257)).status, 431);
  EXPECT_TRUE(client.at_end());
}

// A folded line is looked for in the header, not in what follows it.
TEST(RequestHeader, ABodyMayLookLikeAFoldedLine) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  EXPECT_EQ(client.request(POST_ECHO "Content-Length: 6\r\n\r\na\r\n b\r").body, "POST /echo [a\r\n b\r]");
}

TEST(RequestBody, ChunksThatAreMostlyNotBodyAreRefused) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  const auto chunks = [](std::size_t count, std::size_t extension) {
    std::string text = CHUNKED;
    for (std::size_t i = 0; i < count; ++i) text += "1;" + std::string(extension, 'e') + "\r\nb\r\n";
    return text + "0\r\n\r\n";
  };
  // As many bytes, each in a chunk of its own, as somebody wants, and one large extension.
  EXPECT_EQ(client.request(chunks(20'000, 1)).body, "POST /echo [" + std::string(20'000, 'b') + "]");
  EXPECT_EQ(client.request(chunks(1, 10'000)).body, "POST /echo [b]");
  EXPECT_EQ(client.request(chunks(100, 1'000)).status, 400);
}

TEST(RequestBody, TrailersWithoutEndAreRefused) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  std::string trailers = CHUNKED "0\r\n";
  for (int i = 0; i < 5'000; ++i) trailers += "A: b\r\n";
  EXPECT_EQ(client.request(trailers + "\r\n").status, 400);
}

TEST(RequestBody, AnEndlessChunkExtensionIsRefused) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  client.send(CHUNKED "1;");
  const std::string filler(300000, 'e');
  client.send(filler);
  EXPECT_EQ(client.read_answer().status, 400);
}

}  // namespace
}  // namespace codeapi
