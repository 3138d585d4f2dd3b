#include "sandbox/jailer_client.h"

#include <sys/socket.h>

#include <utility>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "jailer/protocol.h"
#include "sandbox/jailer_connection.h"

namespace codeapi {
namespace {

using asio::as_tuple;
using asio::use_awaitable;
using namespace asio::experimental::awaitable_operators;  // NOLINT: the only way to get operator||

constexpr auto kHelloTimeout = std::chrono::seconds(30);
// Credit is given back in lumps: often enough to keep the jailer busy, seldom enough to cost nothing.
constexpr std::uint32_t kCreditLump = kInitialCredit / 8;

ErrorCode CodeOf(const std::string& code) {
  if (code == "input_too_large") return ErrorCode::kTooLarge;
  if (code == "input_invalid") return ErrorCode::kInvalid;
  if (code == "not_admitted") return ErrorCode::kConflict;
  return ErrorCode::kSetupFailed;
}

// What cannot be read is the jailer's fault, not the request's, whatever the decoder calls it.
template <typename T>
Result<T> FromJailer(Result<T> decoded) {
  if (decoded) return decoded;
  return Fail(ErrorCode::kSetupFailed, decoded.error().message);
}

Result<Verdict> DecodeVerdict(std::string_view payload) {
  auto verdict = FromJailer(Verdict::Decode(payload));
  if (!verdict) return verdict;
  if (verdict->code < 0 || verdict->code > 255 || verdict->signal < 0 || verdict->signal > 64) {
    return Fail(ErrorCode::kSetupFailed, "the jailer sent a verdict that no program can earn");
  }
  return verdict;
}

// A cancellation that came while nothing could be interrupted is not told to what is started later: whoever
// is about to wait asks first.
asio::awaitable<bool> Cancelled() {
  co_return (co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none;
}

}  // namespace

asio::awaitable<Result<void>> JailerClient::Connection::Hello(JailerSettings settings) {
  asio::steady_timer timeout(strand_, kHelloTimeout);
  Queue(FrameType::kHello, 0, settings.Encode());
  if (!co_await WriteOnce()) co_return Fail(ErrorCode::kUnavailable, "the jailer did not take the greeting");
  auto answer = co_await (ReadFrame() || timeout.async_wait(as_tuple(use_awaitable)));
  if (answer.index() == 1) co_return Fail(ErrorCode::kUnavailable, "the jailer did not answer in time");
  const std::optional<Frame>& frame = std::get<0>(answer);
  if (!frame || frame->type != FrameType::kHello) {
    co_return Fail(ErrorCode::kUnavailable, "the jailer ended before it was ready");
  }
  auto info = JailerInfo::Decode(frame->payload);
  if (!info) co_return Fail(ErrorCode::kUnavailable, info.error().message);
  if (!info->error.empty()) co_return Fail(ErrorCode::kSetupFailed, info->error);
  info_ = std::move(*info);
  alive_ = true;
  co_return Result<void>();
}

asio::awaitable<std::optional<Frame>> JailerClient::Connection::ReadFrame() {
  while (true) {
    if (auto frame = parser_.Next()) co_return frame;
    if (!parser_.error().empty()) co_return std::nullopt;
    auto [ec, n] = co_await socket_.async_read_some(asio::buffer(read_buffer_), as_tuple(use_awaitable));
    if (ec) co_return std::nullopt;
    parser_.Feed({read_buffer_.data(), n});
  }
}

asio::awaitable<void> JailerClient::Connection::ReadLoop() {
  while (auto frame = co_await ReadFrame()) Dispatch(std::move(*frame));
  Break();
}

void JailerClient::Connection::Dispatch(Frame frame) {
  const auto it = jobs_.find(frame.job);
  if (it == jobs_.end()) return;  // a run that was given up; the jailer is still telling of it
  const std::shared_ptr<Job> job = it->second;
  if (frame.type == FrameType::kCredit) {
    if (const auto bytes = DecodeCredit(frame.payload)) {
      job->credit = std::min<std::int64_t>(job->credit + *bytes, kInitialCredit);
      job->credit_changed.cancel();
    }
    return;
  }
  job->queued_bytes += kFrameHeaderSize + frame.payload.size();
  if (job->queued_bytes > kMaxQueuedBytes ||
      !job->frames.try_send(boost::system::error_code(), std::move(frame))) {
    job->overrun = true;
    job->frames.close();
  }
}

void JailerClient::Connection::Queue(FrameType type, std::uint32_t job, std::string_view payload) {
  AppendFrame(queued_, type, job, payload);
  wake_writer_.cancel();
}

asio::awaitable<bool> JailerClient::Connection::WriteOnce() {
  writing_.clear();
  std::swap(writing_, queued_);
  auto [ec, n] = co_await asio::async_write(socket_, asio::buffer(writing_), as_tuple(use_awaitable));
  co_return !ec;
}

asio::awaitable<void> JailerClient::Connection::WriteLoop() {
  while (socket_.is_open()) {
    if (!queued_.empty()) {
      if (!co_await WriteOnce()) co_return Break();
      continue;
    }
    wake_writer_.expires_at(asio::steady_timer::time_point::max());
    co_await wake_writer_.async_wait(as_tuple(use_awaitable));
  }
}

void JailerClient::Connection::Break() {
  alive_ = false;
  boost::system::error_code ignored;
  socket_.close(ignored);
  wake_writer_.cancel();
  for (auto& [id, job] : jobs_) {
    job->frames.close();
    job->credit_changed.cancel();
  }
}

asio::awaitable<Result<void>> JailerClient::Connection::AwaitCredit(Job& job) {
  while (job.credit <= 0) {
    if (!socket_.is_open()) co_return Fail(ErrorCode::kSetupFailed, "the jailer ended");
    if (co_await Cancelled()) co_return Fail(ErrorCode::kCancelled, "cancelled");
    job.credit_changed.expires_at(asio::steady_timer::time_point::max());
    co_await job.credit_changed.async_wait(as_tuple(use_awaitable));
  }
  co_return Result<void>();
}

asio::awaitable<Result<void>> JailerClient::Connection::FeedBytes(std::uint32_t id, Job& job,
                                                                  std::string_view bytes) {
  while (!bytes.empty()) {
    if (auto credit = co_await AwaitCredit(job); !credit) co_return credit;
    const std::string_view part =
        bytes.substr(0, std::min<std::size_t>(kMaxDataPayload, static_cast<std::size_t>(job.credit)));
    Queue(FrameType::kFileData, id, part);
    job.credit -= static_cast<std::int64_t>(part.size());
    bytes.remove_prefix(part.size());
  }
  co_return Result<void>();
}

asio::awaitable<Result<void>> JailerClient::Connection::FeedFile(std::uint32_t id, Job& job,
                                                                 RunInput& input) {
  if (input.ready) {
    if (co_await Cancelled()) co_return Fail(ErrorCode::kCancelled, "cancelled");
    if (auto ready = co_await input.ready(input.file); !ready) co_return ready;
  }
  Queue(FrameType::kFileBegin, id, input.file.Encode());
  if (const auto* text = std::get_if<std::string>(&input.content)) {
    if (auto fed = co_await FeedBytes(id, job, *text); !fed) co_return fed;
  } else {
    while (true) {
      if (co_await Cancelled()) co_return Fail(ErrorCode::kCancelled, "cancelled");
      auto piece = co_await std::get<ByteSource>(input.content)();
      if (!piece) co_return std::unexpected(piece.error());
      if (piece->empty()) break;
      if (auto fed = co_await FeedBytes(id, job, *piece); !fed) co_return fed;
    }
  }
  Queue(FrameType::kFileEnd, id, {});
  co_return Result<void>();
}

// Runs beside Receive() and is cancelled when that has its verdict, so it never ends by itself.
asio::awaitable<void> JailerClient::Connection::Feed(std::uint32_t id, Job& job,
                                                     std::vector<RunInput>& files) {
  co_await asio::this_coro::throw_if_cancelled(false);
  for (RunInput& input : files) {
    if (auto fed = co_await FeedFile(id, job, input); !fed) {
      if (co_await Cancelled()) break;  // Receive() knows why
      // The program must not start on half of its inputs. The verdict that follows ends Receive().
      job.feed_error = fed.error();
      Queue(FrameType::kCancel, id, {});
      break;
    }
  }
  asio::steady_timer forever(strand_, asio::steady_timer::time_point::max());
  if (!co_await Cancelled()) co_await forever.async_wait(as_tuple(use_awaitable));
}

// As Feed(): cancelled at the run's end, and never over before.
asio::awaitable<void> JailerClient::Connection::RelayAnswers(std::uint32_t id, Job& job) {
  co_await asio::this_coro::throw_if_cancelled(false);
  bool going = job.tools.has_value();
  while (going && !co_await Cancelled()) {
    for (const std::string& part : co_await job.tools->NextParts()) {
      if (!going) break;
      going = (co_await AwaitCredit(job)).has_value();
      if (!going) break;
      Queue(FrameType::kToolResult, id, part);
      job.credit -= static_cast<std::int64_t>(part.size());
    }
  }
  asio::steady_timer forever(strand_, asio::steady_timer::time_point::max());
  if (!co_await Cancelled()) co_await forever.async_wait(as_tuple(use_awaitable));
}

asio::awaitable<Result<void>> JailerClient::Connection::Deliver(Job& job, const Frame& frame, RunSink& sink) {
  const bool of_file = frame.type == FrameType::kFileData || frame.type == FrameType::kFileEnd;
  if (job.file_open ? frame.type == FrameType::kFileBegin : of_file) {
    co_return Fail(ErrorCode::kSetupFailed, "the jailer sent the frames of a file out of order");
  }
  switch (frame.type) {
    case FrameType::kStdout:
      co_return co_await sink.Stdout(frame.payload);
    case FrameType::kStderr:
      co_return co_await sink.Stderr(frame.payload);
    case FrameType::kFileBegin: {
      auto output = FromJailer(RunOutput::Decode(frame.payload));
      if (!output) co_return std::unexpected(output.error());
      job.file_open = true;
      co_return co_await sink.FileBegin(*output);
    }
    case FrameType::kFileData:
      co_return co_await sink.FileData(frame.payload);
    case FrameType::kFileEnd:
      job.file_open = false;
      co_return co_await sink.FileEnd(frame.payload == R"({"ok":true})");
    case FrameType::kToolCall:
    case FrameType::kToolWait:
      if (job.tools) {
        co_return co_await (frame.type == FrameType::kToolCall ? job.tools->OnCall(frame.payload)
                                                               : job.tools->OnWait(frame.payload));
      }
      [[fallthrough]];
    default:
      co_return Fail(ErrorCode::kSetupFailed, "the jailer sent a frame that has no place here");
  }
}

asio::awaitable<Result<Verdict>> JailerClient::Connection::Receive(std::uint32_t id, Job& job,
                                                                   RunSink& sink) {
  co_await asio::this_coro::throw_if_cancelled(false);
  while (true) {
    if (co_await Cancelled()) co_return Fail(ErrorCode::kCancelled, "cancelled");
    auto [ec, frame] = co_await job.frames.async_receive(as_tuple(use_awaitable));
    if (co_await Cancelled()) co_return Fail(ErrorCode::kCancelled, "cancelled");
    if (ec) {
      co_return Fail(ErrorCode::kSetupFailed,
                     job.overrun ? "the jailer sent more than it was granted" : "the jailer ended");
    }
    job.queued_bytes -= kFrameHeaderSize + frame.payload.size();
    if (frame.type == FrameType::kVerdict) co_return DecodeVerdict(frame.payload);
    if (frame.type == FrameType::kError) {
      auto failure = FromJailer(RunFailure::Decode(frame.payload));
      if (!failure) co_return std::unexpected(failure.error());
      co_return Fail(CodeOf(failure->code), failure->message);
    }
    if (auto delivered = co_await Deliver(job, frame, sink); !delivered)
      co_return std::unexpected(delivered.error());
    if (TakesCredit(frame.type)) {
      job.unacknowledged += static_cast<std::uint32_t>(frame.payload.size());
      if (job.unacknowledged >= kCreditLump) {
        Queue(FrameType::kCredit, id, EncodeCredit(std::exchange(job.unacknowledged, 0)));
      }
    }
  }
}

asio::awaitable<Result<Verdict>> JailerClient::Connection::Run(RunRequest request,
                                                               std::vector<RunInput> files, RunSink& sink,
                                                               ToolPeer* tools) {
  co_await asio::this_coro::throw_if_cancelled(false);
  if (request.tool_calls > 0 && tools == nullptr)
    co_return Fail(ErrorCode::kInvalid, "tools that nobody answers for");
  if (!socket_.is_open()) co_return Fail(ErrorCode::kSetupFailed, "the jailer ended");
  request.files = static_cast<std::uint32_t>(files.size());
  const std::string encoded = request.Encode();
  // The jailer would take a larger frame for a broken stream, and end with everybody's runs.
  if (encoded.size() > kMaxControlPayload) co_return Fail(ErrorCode::kInvalid, "the arguments are too long");
  const std::uint32_t id = next_job_++;
  const auto job = std::make_shared<Job>(strand_);
  if (request.tool_calls > 0) job->tools.emplace(*tools, request.tool_calls);
  jobs_.emplace(id, job);
  Queue(FrameType::kRun, id, encoded);
  auto outcome = co_await (Receive(id, *job, sink) || Feed(id, *job, files) || RelayAnswers(id, *job));
  jobs_.erase(id);
  Result<Verdict> verdict = outcome.index() == 0 ? std::move(std::get<0>(outcome))
                                                 : Result<Verdict>(Fail(ErrorCode::kCancelled, "cancelled"));
  // Whatever ended it early on our side, the cell must go; for a run that is over this does nothing.
  if (!verdict) Queue(FrameType::kCancel, id, {});
  if (job->feed_error) co_return std::unexpected(*job->feed_error);
  if (verdict && verdict->end == RunEnd::kCancelled) co_return Fail(ErrorCode::kCancelled, "cancelled");
  co_return verdict;
}

JailerClient::JailerClient(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}

JailerClient::~JailerClient() {
  Close();
}

asio::awaitable<Result<std::shared_ptr<JailerClient>>> JailerClient::Connect(asio::any_io_executor executor,
                                                                             UniqueFd stream,
                                                                             JailerSettings settings) {
  auto connection = std::make_shared<Connection>(std::move(executor), std::move(stream));
  auto greeted =
      co_await asio::co_spawn(connection->strand(), connection->Hello(std::move(settings)), use_awaitable);
  if (!greeted) co_return std::unexpected(greeted.error());
  connection->StartLoops();
  co_return std::shared_ptr<JailerClient>(new JailerClient(std::move(connection)));
}

asio::awaitable<Result<Verdict>> JailerClient::Run(RunRequest request, std::vector<RunInput> files,
                                                   RunSink& sink, ToolPeer* tools) {
  const auto connection = connection_;
  co_return co_await asio::co_spawn(connection->strand(),
                                    connection->Run(std::move(request), std::move(files), sink, tools),
                                    use_awaitable);
}

const JailerInfo& JailerClient::info() const {
  return connection_->info();
}
bool JailerClient::alive() const {
  return connection_->alive();
}
void JailerClient::Close() {
  connection_->Close();
}

}  // namespace codeapi
