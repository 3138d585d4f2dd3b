// How connections end: clients that leave, servers that stop, limits that are reached.
#include "net/http_connection.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <set>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/http_test_server.h"

namespace codeapi {
namespace {

constexpr auto kLong = std::chrono::minutes(1);
constexpr auto kEver = std::chrono::hours(24);  // a stop that waits for this has failed

// Something to wait for that only the test lets happen; says when a handler has come and when it has left.
class Gate {
 public:
  // Left by a return, an exception or a destroyed coroutine alike.
  struct Visit {
    explicit Visit(Gate& g) : gate(g) { gate.entered_.set_value(); }
    ~Visit() {
      gate.executor_ = {};  // it must not outlive its io_context
      gate.left_.set_value();
    }
    Visit(const Visit&) = delete;
    Gate& gate;
  };

  asio::awaitable<void> wait() {
    asio::steady_timer timer(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    timer_ = &timer;
    executor_ = timer.get_executor();
    const Visit visit(*this);
    boost::system::error_code error;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
    if (!open_) throw boost::system::system_error(error);
  }

  void await_entry() { ASSERT_EQ(entered_.get_future().wait_for(kLong), std::future_status::ready); }
  void await_exit() { ASSERT_EQ(left_.get_future().wait_for(kLong), std::future_status::ready); }

  // On the timer's own executor, so it comes after the wait has begun.
  void open() {
    const asio::any_io_executor executor = executor_;  // forgotten as soon as the handler has left
    asio::post(executor, [this] {
      open_ = true;
      timer_->cancel();
    });
  }

 private:
  std::promise<void> entered_;
  std::promise<void> left_;
  asio::steady_timer* timer_ = nullptr;
  asio::any_io_executor executor_;
  bool open_ = false;
};

Router GateRouter(Gate& gate) {
  Router router = EchoRouter();
  const auto wait = [&gate](Request& request) -> asio::awaitable<Response> {
    (void)co_await request.body.read_all(1000);
    co_await gate.wait();
    co_return TextResponse(200, "let through");
  };
  router.add("GET", "/wait", wait);
  router.add("POST", "/wait", wait);
  return router;
}

constexpr std::string_view kEcho = "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr std::string_view kWait = "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n";

TEST(HangUp, CancelsAHandlerThatWaitsForever) {
  Gate gate;
  TestServer server(GateRouter(gate));
  RawClient client(server.port());
  client.send(kWait);
  gate.await_entry();
  client.close();
  gate.await_exit();
  EXPECT_TRUE(server.log().empty());  // nothing went wrong: the client left
}

TEST(HangUp, IsNoticedAfterABodyWasRead) {
  for (const char* request :
       {"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
        "POST /wait HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"}) {
    Gate gate;
    TestServer server(GateRouter(gate));
    RawClient client(server.port());
    client.send(request);
    gate.await_entry();
    client.close();
    gate.await_exit();
  }
}

TEST(HangUp, IsNoticedOnAConnectionThatWasUsedBefore) {
  Gate gate;
  TestServer server(GateRouter(gate));
  RawClient client(server.port());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.request(kEcho).status, 200);
  client.send(kWait);
  gate.await_entry();
  client.close();
  gate.await_exit();
}

TEST(HangUp, ReachesACoroutineTheHandlerStarted) {
  Gate gate;
  Router router;
  router.add("GET", "/wait", [&gate](Request&) -> asio::awaitable<Response> {
    auto elsewhere = asio::make_strand(co_await asio::this_coro::executor);
    co_await asio::co_spawn(elsewhere, gate.wait(), asio::use_awaitable);
    co_return TextResponse(200, "");
  });
  TestServer server(std::move(router));
  RawClient client(server.port());
  client.send(kWait);
  gate.await_entry();
  client.close();
  gate.await_exit();
}

TEST(HangUp, MidBodyIsAnErrorForTheReader) {
  std::promise<ErrorCode> seen;
  Router router;
  router.add("POST", "/", [&](Request& request) -> asio::awaitable<Response> {
    const auto body = co_await request.body.read_all(1000);
    seen.set_value(body ? ErrorCode::kInternal : body.error().code);
    co_return TextResponse(200, "");
  });
  TestServer server(std::move(router));
  RawClient client(server.port());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  client.close();
  EXPECT_EQ(seen.get_future().get(), ErrorCode::kCancelled);
}

TEST(HangUp, CancelsABodySourceThatWaits) {
  class Waiting : public BodySource {
   public:
    explicit Waiting(Gate& gate) : gate_(gate) {}
    asio::awaitable<Result<std::size_t>> read(std::span<char> into) override {
      if (first_) {
        first_ = false;
        into[0] = 'x';
        co_return 1;
      }
      co_await gate_.wait();
      co_return 0;
    }

   private:
    Gate& gate_;
    bool first_ = true;
  };
  Gate gate;
  Router router;
  router.add("GET", "/wait", [&](Request&) -> asio::awaitable<Response> {
    co_return Response{.body = std::make_unique<Waiting>(gate)};
  });
  TestServer server(std::move(router));
  RawClient client(server.port());
  client.send(kWait);
  gate.await_entry();
  client.close();
  gate.await_exit();
}

TEST(HangUp, APipelinedRequestIsNoHangUp) {
  Gate gate;
  TestServer server(GateRouter(gate));
  RawClient client(server.port());
  client.send(kWait);
  gate.await_entry();
  client.send(kEcho);
  gate.open();
  EXPECT_EQ(client.read_answer().body, "let through");
  EXPECT_EQ(client.read_answer().body, "GET /echo []");
}

TEST(Stop, LetsARunningRequestFinish) {
  Gate gate;
  TestServer server(GateRouter(gate));
  RawClient idle(server.port());
  EXPECT_EQ(idle.request(kEcho).status, 200);
  RawClient busy(server.port());
  busy.send(kWait);
  gate.await_entry();
  auto stopped = server.stop(kEver);
  EXPECT_TRUE(idle.at_end());  // closed at once, and by then nobody listens any more
  EXPECT_FALSE(RawClient().connect(server.port()));
  gate.open();
  const auto answer = busy.read_answer();
  EXPECT_EQ(answer.body, "let through");
  EXPECT_EQ(answer.headers.at("connection"), "close");
  EXPECT_TRUE(busy.at_end());
  stopped.get();
  EXPECT_EQ(server.server().connections(), 0u);
}

TEST(Stop, CancelsWhatOutlivesTheGrace) {
  Gate gate;
  TestServer server(GateRouter(gate));
  RawClient client(server.port());
  client.send(kWait);
  gate.await_entry();
  server.stop(std::chrono::milliseconds(1)).get();
  gate.await_exit();
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(server.server().connections(), 0u);
}

TEST(Stop, MayBeAskedTwiceAndWithNothingToDo) {
  Gate gate;
  TestServer server(GateRouter(gate));
  RawClient client(server.port());
  client.send(kWait);
  gate.await_entry();
  auto one = server.stop(kEver);
  auto two = server.stop(kEver);
  gate.open();
  one.get();
  two.get();
  server.stop(kEver).get();
  EXPECT_EQ(client.read_answer().body, "let through");
}

TEST(Stop, AnUnfinishedHeaderDoesNotOutliveTheGrace) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  EXPECT_EQ(client.request(std::string(kEcho) + "GET /ec").status, 200);
  server.stop(std::chrono::milliseconds(1)).get();
  EXPECT_TRUE(client.at_end());
}

TEST(Stop, DestroyingTheServerCancelsEverything) {
  Gate gate;
  RawClient client;
  {
    TestServer server(GateRouter(gate));
    ASSERT_TRUE(client.connect(server.port()));
    client.send(kWait);
    gate.await_entry();
  }  // joins its threads, which run until the last connection has ended
  gate.await_exit();
  EXPECT_TRUE(client.at_end());
}

TEST(Stop, AnIoContextMayDieUnderARunningServer) {
  Gate gate;
  RawClient client;
  {
    auto io = std::make_unique<asio::io_context>();
    auto server = HttpServer::Start(io->get_executor(), {}, GateRouter(gate));
    ASSERT_TRUE(server.has_value());
    std::thread thread([&] { io->run(); });
    ASSERT_TRUE(client.connect((*server)->port()));
    client.send(kWait);
    gate.await_entry();
    io->stop();
    thread.join();
    server->reset();
  }
  gate.await_exit();
  EXPECT_TRUE(client.at_end());
}

TEST(Limits, OneConnectionTooManyIsTold) {
  ServerOptions options;
  options.max_connections = 1;
  TestServer server(EchoRouter(), options);
  RawClient one(server.port());
  EXPECT_EQ(one.request(kEcho).status, 200);
  RawClient two(server.port());
  const auto answer = two.read_answer();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, R"({"error":"Too many connections"})");
  EXPECT_TRUE(two.at_end());
  EXPECT_EQ(one.request("GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status, 200);
  EXPECT_TRUE(one.at_end());
  RawClient three(server.port());
  EXPECT_EQ(three.request(kEcho).status, 200);
}

TEST(Limits, RunningOutOfDescriptorsIsSurvived) {
  std::string text;
  std::atomic<bool> logged = false;
  ServerOptions options;
  options.log = [&](std::string_view line) {
    text = line;
    logged = true;
    logged.notify_all();
  };
  TestServer server(EchoRouter(), options);
  // Stays connected. When UBSan meets a type for the first time it needs descriptors itself, so that all
  // which is about to run, the server's thread above all, has to have run before.
  RawClient first(server.port());
  EXPECT_EQ(first.request(kEcho).status, 200);
  RawClient client;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = ::fcntl(client.fd(), F_DUPFD_CLOEXEC, 0);
  ::close(next);
  const rlimit none{static_cast<rlim_t>(next), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  EXPECT_TRUE(client.connect(server.port()));
  client.send(kEcho);
  logged.wait(false);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_NE(text.find("cannot accept"), std::string::npos) << text;
  EXPECT_EQ(client.read_answer().body, "GET /echo []");
}

std::set<int> OpenDescriptors() {
  std::set<int> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    all.insert(std::stoi(entry.path().filename().string()));
  }
  return all;
}

TEST(Limits, NoDescriptorIsLeftToPrograms) {
  const std::set<int> before = OpenDescriptors();
  TestServer server(EchoRouter());
  RawClient client(server.port());
  EXPECT_EQ(client.request(kEcho).status, 200);
  int checked = 0;
  for (const int fd : OpenDescriptors()) {
    if (before.contains(fd)) continue;
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags < 0) continue;  // the directory's own
    EXPECT_TRUE(flags & FD_CLOEXEC) << fd;
    ++checked;
  }
  EXPECT_GE(checked, 4);  // listener, connection, client, epoll
}

}  // namespace
}  // namespace codeapi
