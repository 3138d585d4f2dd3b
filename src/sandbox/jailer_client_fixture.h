// A JailerClient whose jailer is the test.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio.hpp>

#include "jailer/protocol.h"
#include "sandbox/jailer_client.h"
#include "sandbox/testing.h"

namespace codeapi::testing {

/// The jailer's end of a connection.
class Peer {
 public:
  Peer(asio::io_context& io, UniqueFd stream)
      : socket_(io, asio::local::stream_protocol(), stream.release()) {}

  /// The next frame; nothing when the client has closed the stream.
  awaitable<std::optional<Frame>> Next() {
    while (true) {
      if (auto frame = parser_.Next()) co_return frame;
      EXPECT_EQ(parser_.error(), "");
      std::string buffer(64u << 10, '\0');
      auto [ec, n] =
          co_await socket_.async_read_some(asio::buffer(buffer), asio::as_tuple(asio::use_awaitable));
      if (ec) co_return std::nullopt;
      parser_.Feed(std::string_view(buffer).substr(0, n));
    }
  }

  /// The next frame of this type; those before it are dropped, their data counted in `data`.
  awaitable<Frame> Expect(FrameType type) {
    while (auto frame = co_await Next()) {
      if (frame->type == type) co_return std::move(*frame);
      if (frame->type == FrameType::kFileData) data += frame->payload.size();
      if (frame->type == FrameType::kCredit) credit += DecodeCredit(frame->payload).value_or(0);
    }
    ADD_FAILURE() << "no frame of type " << static_cast<int>(type);
    co_return Frame{};
  }

  awaitable<void> SendRaw(std::string bytes) {
    co_await asio::async_write(socket_, asio::buffer(bytes), asio::as_tuple(asio::use_awaitable));
  }
  awaitable<void> Send(FrameType type, std::uint32_t job, std::string_view payload) {
    return SendRaw(EncodeFrame(type, job, payload));
  }
  awaitable<void> SendVerdict(std::uint32_t job, int code = 0) {
    Verdict verdict;
    verdict.code = code;
    return Send(FrameType::kVerdict, job, verdict.Encode());
  }
  void Close() { socket_.close(); }

  std::size_t data = 0;    ///< bytes of file data that Expect() went over
  std::size_t credit = 0;  ///< credit that Expect() went over

 private:
  asio::local::stream_protocol::socket socket_;
  FrameParser parser_;
};

class JailerClientTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kCredit = kInitialCredit;

  using Running = std::shared_ptr<Started<Result<Verdict>>>;
  using Connecting = std::shared_ptr<Started<Result<std::shared_ptr<JailerClient>>>>;

  Connecting Connect(JailerSettings settings = {}) {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    peer.emplace(io, UniqueFd(fds[1]));
    return testing::Start(io, JailerClient::Connect(io.get_executor(), UniqueFd(fds[0]), std::move(settings),
                                                    [this](const auto& states) { pools.push_back(states); }));
  }

  /// Connects `client` to `peer`.
  awaitable<void> Greet() {
    const auto connecting = Connect();
    co_await peer->Expect(FrameType::kHello);
    co_await peer->Send(FrameType::kHello, 0, JailerInfo{}.Encode());
    auto connected = co_await connecting->Outcome();
    EXPECT_TRUE(connected) << connected.error().message;
    client = *connected;
  }

  /// Starts a run and takes its run frame; `job` gets its number.
  awaitable<Running> Begin(std::vector<RunInput> files, RunSink& sink, std::uint32_t& job) {
    auto running = testing::Start(io, client->Run({}, std::move(files), sink));
    job = (co_await peer->Expect(FrameType::kRun)).job;
    co_return running;
  }

  /// Returns when the client has taken all that was sent to it, and all that it then could send is counted:
  /// one whole run is behind the former, and the frame of another behind the latter.
  awaitable<void> Barrier() {
    for (int i = 0; i < 2; ++i) {
      RecordingSink sink;
      std::uint32_t job = 0;
      const auto running = co_await Begin({}, sink, job);
      co_await peer->SendVerdict(job);
      EXPECT_TRUE(co_await running->Outcome());
    }
  }

  /// The connection carries on as before: a whole run goes through.
  awaitable<void> ExpectWorks() {
    RecordingSink sink;
    std::uint32_t job = 0;
    const auto running = co_await Begin({}, sink, job);
    co_await peer->Send(FrameType::kStdout, job, "fine");
    co_await peer->SendVerdict(job, 7);
    const auto verdict = co_await running->Outcome();
    EXPECT_TRUE(verdict && verdict->code == 7);
    EXPECT_EQ(sink.calls, std::vector<std::string>{"out fine"});
  }

  static std::vector<RunInput> Files(RunInput file) {
    std::vector<RunInput> files;
    files.push_back(std::move(file));
    return files;
  }
  static RunInput Input(std::variant<std::string, ByteSource> content, std::string name = "in.txt") {
    return {{CellFileKind::kInput, std::move(name), 0, false}, std::move(content)};
  }

  asio::io_context io;
  std::optional<Peer> peer;
  std::shared_ptr<JailerClient> client;
  std::vector<std::vector<PoolState>> pools;  ///< what was told of the pool
};

}  // namespace codeapi::testing
