// The inside of JailerClient: one connection, on one strand. See jailer_client.h.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio.hpp>
#include <boost/asio/experimental/channel.hpp>

#include "jailer/protocol.h"
#include "sandbox/jailer_client.h"
#include "sandbox/tool_relay.h"

namespace codeapi {

namespace asio = boost::asio;

using FrameChannel = asio::experimental::channel<void(boost::system::error_code, Frame)>;

// Frames of one run that wait for its coroutine. A jailer that keeps to its credit stays well below both: it
// may overdraw by a tool call and what is in two pipes, and the control frames of all outputs together are
// smaller than the largest one.
inline constexpr std::size_t kMaxQueuedFrames = 8192;
inline constexpr std::size_t kMaxQueuedBytes = 2 * std::size_t{kInitialCredit} + kMaxControlPayload;

class JailerClient::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::any_io_executor executor, UniqueFd stream, PoolObserver on_pool)
      : strand_(asio::make_strand(std::move(executor))),
        socket_(strand_, asio::local::stream_protocol(), stream.release()),
        wake_writer_(strand_),
        on_pool_(std::move(on_pool)) {}

  asio::awaitable<Result<void>> Hello(JailerSettings settings);
  void StartLoops() {
    asio::co_spawn(strand_, [self = shared_from_this()] { return self->ReadLoop(); }, asio::detached);
    asio::co_spawn(strand_, [self = shared_from_this()] { return self->WriteLoop(); }, asio::detached);
  }

  asio::awaitable<Result<Verdict>> Run(RunRequest request, std::vector<RunInput> files, RunSink& sink,
                                       ToolPeer* tools);

  // From any thread.
  void Close() {
    asio::post(strand_, [self = shared_from_this()] { self->Break(); });
  }
  asio::strand<asio::any_io_executor> strand() { return strand_; }
  const JailerInfo& info() const { return info_; }
  bool alive() const { return alive_; }

 private:
  struct Job {
    explicit Job(const asio::strand<asio::any_io_executor>& strand)
        : frames(strand, kMaxQueuedFrames), credit_changed(strand, asio::steady_timer::time_point::max()) {}
    FrameChannel frames;
    asio::steady_timer credit_changed;  // cancelled when credit arrives
    std::int64_t credit = kInitialCredit;
    std::uint32_t unacknowledged = 0;
    std::size_t queued_bytes = 0;  // in `frames`
    bool overrun = false;          // more came than may wait
    bool file_open = false;        // between file-begin and file-end
    std::optional<Error> feed_error;
    std::optional<ToolRelay> tools;
  };

  asio::awaitable<std::optional<Frame>> ReadFrame();
  asio::awaitable<void> ReadLoop();
  asio::awaitable<void> WriteLoop();
  asio::awaitable<bool> WriteOnce();
  asio::awaitable<void> Feed(std::uint32_t id, Job& job, std::vector<RunInput>& files);
  asio::awaitable<Result<void>> FeedFile(std::uint32_t id, Job& job, RunInput& input);
  asio::awaitable<Result<void>> FeedBytes(std::uint32_t id, Job& job, std::string_view bytes);
  asio::awaitable<Result<void>> AwaitCredit(Job& job);
  asio::awaitable<void> RelayAnswers(std::uint32_t id, Job& job);
  asio::awaitable<Result<Verdict>> Receive(std::uint32_t id, Job& job, RunSink& sink);
  asio::awaitable<Result<void>> Deliver(Job& job, const Frame& frame, RunSink& sink);
  void Dispatch(Frame frame);
  void ObservePool(const Frame& frame);
  void Queue(FrameType type, std::uint32_t job, std::string_view payload);
  void Break();

  asio::strand<asio::any_io_executor> strand_;
  asio::local::stream_protocol::socket socket_;
  asio::steady_timer wake_writer_;
  PoolObserver on_pool_;
  std::atomic<bool> alive_{false};
  JailerInfo info_;
  FrameParser parser_;
  std::string read_buffer_ = std::string(256u << 10, '\0');
  std::string queued_, writing_;
  std::uint32_t next_job_ = 1;
  std::unordered_map<std::uint32_t, std::shared_ptr<Job>> jobs_;
};

}  // namespace codeapi
