#include "net/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/http_test_server.h"

namespace codeapi {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Metrics, CountersGaugesAndHistograms) {
  Metrics metrics;
  metrics.counter("codeapi_uploads_total", "Uploads").Increment();
  metrics.counter("codeapi_uploads_total", "Uploads").Increment(2);
  prometheus::Gauge& gauge = metrics.gauge("codeapi_jobs", "Jobs", {{"state", "a \"quoted\"\\\nstate"}});
  metrics.on_scrape([&] { gauge.Set(7); });
  metrics.histogram("codeapi_size", "Sizes", {1, 10}).Observe(5);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("# TYPE codeapi_uploads_total counter\ncodeapi_uploads_total 3\n"));
  EXPECT_THAT(text, HasSubstr("codeapi_jobs{state=\"a \\\"quoted\\\"\\\\\\nstate\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("codeapi_size_bucket{le=\"1\"} 0\ncodeapi_size_bucket{le=\"10\"} 1\n"));
}

TEST(Metrics, ANameHasOneKind) {
  Metrics metrics;
  metrics.counter("codeapi_x", "X");
  EXPECT_THROW(metrics.gauge("codeapi_x", "X"), std::exception);
  EXPECT_THROW(metrics.counter("not a name", "X"), std::exception);
}

// A server that counts, and what its counting says; `count` waits until a response has been counted, which
// happens after the client has it.
class Counted {
 public:
  explicit Counted(Router router, ServerOptions options = {})
      : server_(AddMetrics(router), Observe(options)) {}

  std::uint16_t port() const { return server_.port(); }
  TestServer& server() { return server_; }
  Metrics& metrics() { return metrics_; }

  std::string text_after(int responses) {
    for (int seen = count_.load(); seen < responses; seen = count_.load()) count_.wait(seen);
    return metrics_.text();
  }

 private:
  Router AddMetrics(Router& router) {
    router.add("GET", "/metrics", metrics_.handler());
    return std::move(router);
  }
  ServerOptions Observe(ServerOptions options) {
    options.observe = [this, observe = metrics_.http_observer()](const Request& request, int status) {
      observe(request, status);
      ++count_;
      count_.notify_all();
    };
    return options;
  }

  Metrics metrics_;
  std::atomic<int> count_ = 0;
  TestServer server_;
};

std::string Total(std::string_view method, std::string_view route, int status, int count) {
  return "codeapi_http_requests_total{method=\"" + std::string(method) + "\",route=\"" + std::string(route) +
         "\",status_code=\"" + std::to_string(status) + "\"} " + std::to_string(count) + "\n";
}

TEST(HttpMetrics, CountRoutesNeverPaths) {
  Counted counted(EchoRouter());
  RawClient client(counted.port());
  const std::string rest = " HTTP/1.1\r\nHost: x\r\n\r\n";
  client.request("GET /echo/secret-id-1" + rest);
  client.request("GET /echo/secret-id-2" + rest);
  client.request("GET /secret/path" + rest);
  client.request("BREW /echo" + rest);
  EXPECT_EQ(client.request("nonsense\r\n\r\n").status, 400);
  const std::string text = counted.text_after(5);
  EXPECT_THAT(text, HasSubstr(Total("GET", "/echo/{name}", 200, 2)));
  EXPECT_THAT(text, HasSubstr(Total("GET", "unmatched", 404, 1)));
  EXPECT_THAT(text, HasSubstr(Total("other", "/echo", 405, 1)));
  EXPECT_THAT(text, HasSubstr(Total("other", "unmatched", 400, 1)));
  EXPECT_THAT(text, Not(HasSubstr("secret")));
  EXPECT_THAT(text,
              HasSubstr("codeapi_http_request_duration_seconds_bucket{method=\"GET\",route=\"/echo/{name}\","
                        "status_code=\"200\",le=\"10\"} 2\n"));
}

TEST(HttpMetrics, AreServed) {
  Counted counted(EchoRouter());
  RawClient client(counted.port());
  client.request("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  counted.text_after(1);
  const auto answer = client.request("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(answer.headers.at("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(answer.body, HasSubstr(Total("GET", "/metrics", 200, 1)));
}

TEST(HttpMetrics, AClientThatLeavesIs499) {
  Router router;
  std::atomic<bool> waiting = false;
  router.add("GET", "/wait", [&](Request&) -> asio::awaitable<Response> {
    asio::steady_timer timer(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    waiting = true;
    waiting.notify_all();
    co_await timer.async_wait(asio::use_awaitable);
    co_return TextResponse(200, "never");
  });
  Counted counted(std::move(router));
  RawClient client(counted.port());
  client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  waiting.wait(false);
  client.close();
  EXPECT_THAT(counted.text_after(1), HasSubstr(Total("GET", "/wait", 499, 1)));
}

TEST(HttpMetrics, AClientThatLeavesInTheMiddleOfItsBodyIs499) {
  Counted counted(EchoRouter());
  RawClient client(counted.port());
  client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nstart");
  client.close();
  EXPECT_THAT(counted.text_after(1), HasSubstr(Total("POST", "/echo", 499, 1)));
}

// Gives `pieces` pieces and then ends, fails, or goes on for ever.
class Source final : public BodySource {
 public:
  explicit Source(int pieces, bool fails) : pieces_(pieces), fails_(fails) {}
  asio::awaitable<Result<std::size_t>> read(std::span<char> into) override {
    if (pieces_ == 0) {
      if (fails_) co_return Fail(ErrorCode::kInternal, "the disk is gone");
      co_return 0uz;
    }
    --pieces_;
    std::ranges::fill(into, 's');
    co_return into.size();
  }

 private:
  int pieces_;
  bool fails_;
};

TEST(HttpMetrics, ABodyIsPartOfTheResponse) {
  Router router;
  const auto add = [&](const char* path, int pieces, bool fails) {
    router.add("GET", path, [=](Request&) -> asio::awaitable<Response> {
      Response response;
      response.body = std::make_unique<Source>(pieces, fails);
      co_return response;
    });
  };
  add("/whole", 3, false);
  add("/failing", 3, true);
  add("/endless", -1, false);
  Counted counted(std::move(router));
  const auto get = [&](const std::string& path) {
    RawClient client(counted.port());
    return client.request("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
  };
  EXPECT_TRUE(get("/whole").whole);
  EXPECT_FALSE(get("/failing").whole);
  RawClient leaving(counted.port());
  leaving.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
  char byte = 0;
  EXPECT_EQ(::recv(leaving.fd(), &byte, 1, 0), 1);
  leaving.close();
  const std::string text = counted.text_after(3);
  EXPECT_THAT(text, HasSubstr(Total("GET", "/whole", 200, 1)));
  // The status line said 200 before the source failed; whoever looks at the counter should see the failure.
  EXPECT_THAT(text, HasSubstr(Total("GET", "/failing", 500, 1)));
  EXPECT_THAT(text, HasSubstr(Total("GET", "/endless", 499, 1)));
}

TEST(HttpMetrics, AreSafeFromManyThreads) {
  Metrics metrics;
  const auto observe = metrics.http_observer();
  class NoBody final : public BodyReader {
    asio::awaitable<Result<std::size_t>> read(std::span<char>) override { co_return 0uz; }
    std::optional<std::uint64_t> length() const override { return 0; }
  } body;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      Request request(body);
      request.method = "GET";
      request.route = "/r";
      for (int n = 0; n < 1000; ++n) observe(request, 200 + n % 3);
      (void)metrics.text();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(metrics.text(), HasSubstr(Total("GET", "/r", 200, 4 * 334)));
}

}  // namespace
}  // namespace codeapi
