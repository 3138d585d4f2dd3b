// Bodies that are produced while they are sent.
#include "net/http_response_writer.h"

#include <future>

#include "net/http_test_server.h"

namespace codeapi {
namespace {

// Gives its pieces one after the other, then the end or an error.
class Pieces : public BodySource {
 public:
  Pieces(std::vector<std::string> pieces, std::optional<std::uint64_t> length, bool fails = false)
      : pieces_(std::move(pieces)), length_(length), fails_(fails) {}

  asio::awaitable<Result<std::size_t>> read(std::span<char> into) override {
    if (next_ == pieces_.size() && fails_) co_return Fail(ErrorCode::kInternal, "disk /secret broke");
    if (next_ == pieces_.size()) co_return 0;
    std::string& piece = pieces_[next_];
    const std::size_t size = std::min(into.size(), piece.size());
    std::copy_n(piece.data(), size, into.data());
    piece.erase(0, size);
    if (piece.empty()) ++next_;
    co_return size;
  }
  std::optional<std::uint64_t> length() const override { return length_; }

 private:
  std::vector<std::string> pieces_;
  std::optional<std::uint64_t> length_;
  bool fails_;
  std::size_t next_ = 0;
};

Handler Source(std::vector<std::string> pieces, std::optional<std::uint64_t> length, bool fails = false) {
  return [=](Request&) -> asio::awaitable<Response> {
    Response response;
    response.headers.add("Content-Type", "application/octet-stream");
    response.body = std::make_unique<Pieces>(pieces, length, fails);
    co_return response;
  };
}

class StreamedResponse : public testing::Test {
 protected:
  static Router Routes() {
    Router router;
    router.add("GET", "/known", Source({"hello ", "world"}, 11));
    router.add("GET", "/unknown", Source({"hello ", "world"}, std::nullopt));
    router.add("GET", "/empty", Source({}, std::nullopt));
    router.add("GET", "/none", Source({}, 0));
    router.add("GET", "/big", Source({std::string(1000000, 'a'), std::string(1000000, 'b')}, std::nullopt));
    router.add("GET", "/longer", Source({"hello ", "world"}, 5));
    router.add("GET", "/shorter", Source({"hello ", "world"}, 12));
    router.add("GET", "/never", Source({}, 12));
    router.add("GET", "/fails-known", Source({"hello"}, 11, true));
    router.add("GET", "/fails-unknown", Source({"hello"}, std::nullopt, true));
    router.add("GET", "/fails-first", Source({}, 11, true));
    router.add("GET", "/null", [](Request&) -> asio::awaitable<Response> {
      co_return Response{.body = std::unique_ptr<BodySource>()};
    });
    return router;
  }

  static std::string Get(const std::string& path, const char* version = "1.1") {
    return "GET " + path + " HTTP/" + version + "\r\nHost: x\r\n\r\n";
  }

  TestServer server_{Routes()};
  RawClient client_{server_.port()};
};

TEST_F(StreamedResponse, AKnownLengthIsAnnounced) {
  const auto answer = client_.request(Get("/known"));
  EXPECT_EQ(answer.headers.at("content-length"), "11");
  EXPECT_EQ(answer.body, "hello world");
  EXPECT_EQ(client_.request(Get("/known")).body, "hello world");
}

TEST_F(StreamedResponse, AnUnknownLengthGoesInChunks) {
  const auto answer = client_.request(Get("/unknown"));
  EXPECT_EQ(answer.headers.at("transfer-encoding"), "chunked");
  EXPECT_FALSE(answer.headers.contains("content-length"));
  EXPECT_EQ(answer.body, "hello world");
  EXPECT_TRUE(client_.request(Get("/empty")).whole);
  EXPECT_TRUE(client_.request(Get("/none")).whole);
  EXPECT_EQ(client_.request(Get("/big")).body, std::string(1000000, 'a') + std::string(1000000, 'b'));
}

TEST_F(StreamedResponse, Http10HasNoChunks) {
  const auto answer = client_.request(Get("/unknown", "1.0"));
  EXPECT_FALSE(answer.headers.contains("transfer-encoding"));
  EXPECT_EQ(answer.headers.at("connection"), "close");
  EXPECT_EQ(answer.body, "hello world");
  EXPECT_FALSE(client_.reset());
}

TEST_F(StreamedResponse, HeadAsksForNoBody) {
  client_.send("HEAD /known HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client_.read_answer(true).headers.at("content-length"), "11");
  client_.send("HEAD /fails-unknown HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client_.read_answer(true).headers.at("transfer-encoding"), "chunked");
  EXPECT_EQ(client_.request(Get("/known")).body, "hello world");
}

TEST_F(StreamedResponse, ASourceWithTooMuchIsCutAtItsWord) {
  EXPECT_EQ(client_.request(Get("/longer")).body, "hello");
  EXPECT_EQ(client_.request(Get("/known")).body, "hello world");
}

TEST_F(StreamedResponse, AFailureHalfWayIsNeverAWholeAnswer) {
  for (const char* path : {"/shorter", "/fails-known", "/fails-unknown"}) {
    RawClient client(server_.port());
    const auto answer = client.request(Get(path));
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.body.starts_with("hello")) << path;
    EXPECT_FALSE(answer.whole) << path;
    EXPECT_TRUE(client.at_end());
  }
  EXPECT_EQ(server_.log().size(), 3u);
}

TEST_F(StreamedResponse, AFailureWithoutFramingIsAReset) {
  (void)client_.request(Get("/fails-unknown", "1.0"));
  EXPECT_TRUE(client_.reset());
}

TEST_F(StreamedResponse, AFailureAtTheStartIsA500) {
  for (const char* path : {"/fails-first", "/never", "/null"}) {
    const auto answer = client_.request(Get(path));
    EXPECT_EQ(answer.status, 500) << path;
    EXPECT_EQ(answer.body, R"({"error":"Internal server error"})");
  }
  EXPECT_NE(server_.log()[0].find("/secret"), std::string::npos);
}

// Never ends; tells when it is let go.
class Endless : public BodySource {
 public:
  explicit Endless(std::promise<void>& gone) : gone_(gone) {}
  ~Endless() override { gone_.set_value(); }
  asio::awaitable<Result<std::size_t>> read(std::span<char> into) override {
    std::ranges::fill(into, 'e');
    co_return into.size();
  }

 private:
  std::promise<void>& gone_;
};

TEST(ResponseWriter, AClientThatTakesNothingIsGivenUp) {
  std::promise<void> gone;
  Router router;
  router.add("GET", "/", [&](Request&) -> asio::awaitable<Response> {
    co_return Response{.body = std::make_unique<Endless>(gone)};
  });
  ServerOptions options;
  options.write_timeout = std::chrono::milliseconds(30);
  TestServer server(std::move(router), options);
  RawClient client(server.port());
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(gone.get_future().wait_for(std::chrono::minutes(1)), std::future_status::ready);
  EXPECT_FALSE(client.read_answer().whole);
}

}  // namespace
}  // namespace codeapi
