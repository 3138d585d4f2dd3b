// How a large object travels. The HTTP client asks for a body when the server can take more; a writer is told
// bytes when its caller has some. Between them stands a pipe with room for one piece: the writer waits until
// it is empty, the request until it is full. The request runs as a coroutine of its own on the store's
// executor and leaves its outcome in the pipe. A writer that goes without a commit makes the request's body
// fail, so that the server sees a request cut short and stores nothing.
#include "files/remote_upload.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <boost/json/parse.hpp>

#include "net/wake.h"
#include "store/shielded.h"

namespace codeapi {

struct UploadPipe {
  std::mutex mutex;  // guards what follows, up to the wakes
  std::string piece;
  bool finished = false;   // no more pieces will come
  bool abandoned = false;  // the writer is gone
  std::optional<Result<FetchedResponse>> outcome;
  Wake to_request;
  Wake to_writer;
};

namespace {

constexpr std::size_t kPiece = 256uz * 1024;
constexpr std::size_t kLargestAnswer = 64uz * 1024;

std::unexpected<Error> Closed() {
  return Fail(ErrorCode::kUnavailable, "the store is closed");
}

class PipeBody final : public BodySource {
 public:
  explicit PipeBody(std::shared_ptr<UploadPipe> pipe) : pipe_(std::move(pipe)) {}

  asio::awaitable<Result<std::size_t>> read(std::span<char> into) override {
    while (at_ == piece_.size()) {
      if (auto ended = take()) co_return *ended;
      if (at_ == piece_.size()) co_await pipe_->to_request.wait();
    }
    const std::size_t size = std::min(into.size(), piece_.size() - at_);
    std::memcpy(into.data(), piece_.data() + at_, size);
    at_ += size;
    co_return size;
  }

 private:
  // Takes the next piece, if there is one. What read() is to return when none will come.
  std::optional<Result<std::size_t>> take() {
    {
      const std::lock_guard lock(pipe_->mutex);
      if (pipe_->abandoned) return Fail(ErrorCode::kCancelled, "the object was given up");
      if (pipe_->piece.empty())
        return pipe_->finished ? std::optional<Result<std::size_t>>(0uz) : std::nullopt;
      piece_.clear();
      at_ = 0;
      std::swap(piece_, pipe_->piece);
    }
    pipe_->to_writer.notify();
    return std::nullopt;
  }

  std::shared_ptr<UploadPipe> pipe_;
  std::string piece_;
  std::size_t at_ = 0;
};

asio::awaitable<void> Send(std::shared_ptr<RemoteFiles> files, std::shared_ptr<UploadPipe> pipe,
                           ClientRequest request) {
  request.body = std::make_unique<PipeBody>(pipe);
  auto outcome = co_await files->client->fetch(std::move(request), kLargestAnswer);
  {
    const std::lock_guard lock(pipe->mutex);
    pipe->outcome = std::move(outcome);
  }
  pipe->to_writer.notify();
}

Result<ObjectInfo> InfoOf(const RemoteFiles& files, const ObjectKey& key, const FetchedResponse& answer) {
  const std::string what = "PUT " + ObjectPath(key);
  if (answer.status != 200) return std::unexpected(files.answer_error(what, answer.status, answer.headers));
  boost::system::error_code bad;
  auto info = ParseObjectJson(boost::json::parse(answer.body, bad));
  if (info && info->key != key) return Senseless(what);
  return info;
}

}  // namespace

RemoteWriter::RemoteWriter(std::shared_ptr<RemoteFiles> files, ObjectKey key, ObjectMeta meta,
                           ClientRequest put)
    : files_(std::move(files)), key_(std::move(key)), meta_(std::move(meta)), put_(std::move(put)) {}

RemoteWriter::~RemoteWriter() {
  end();
}

void RemoteWriter::end() {
  ended_ = true;
  if (!pipe_) return;
  {
    const std::lock_guard lock(pipe_->mutex);
    pipe_->abandoned = true;
  }
  pipe_->to_request.notify();
  pipe_.reset();
}

void RemoteWriter::start() {
  pipe_ = std::make_shared<UploadPipe>();
  asio::co_spawn(asio::make_strand(files_->executor), Send(files_, pipe_, std::move(put_)),
                 [pipe = pipe_](const std::exception_ptr& failure) {
                   if (!failure) return;
                   {
                     const std::lock_guard lock(pipe->mutex);
                     pipe->outcome = Fail(ErrorCode::kUnavailable, "an upload failed by an exception");
                   }
                   pipe->to_writer.notify();
                 });
}

asio::awaitable<Result<void>> RemoteWriter::write(std::span<const char> data) {
  if (ended_) co_return Fail(ErrorCode::kInvalid, "write to an object that has ended");
  Result<void> done;
  if (*files_->closed) {
    done = Closed();
  } else if (data.size() <= kPiece - kept_.size()) {
    kept_.append(data.data(), data.size());
    size_ += data.size();
  } else {
    done = co_await Shielded(push(data));
  }
  if (!done) end();
  co_return done;
}

// Passes on whole pieces and keeps the rest.
asio::awaitable<Result<void>> RemoteWriter::push(std::span<const char> data) {
  if (!pipe_) start();
  while (!data.empty()) {
    const std::size_t size = std::min(data.size(), kPiece - kept_.size());
    kept_.append(data.data(), size);
    size_ += size;
    data = data.subspan(size);
    while (kept_.size() == kPiece) {
      {
        const std::lock_guard lock(pipe_->mutex);
        if (pipe_->outcome) {
          // An answer before the end is a refusal; whatever else it may be, the object is not stored.
          const Result<FetchedResponse>& outcome = *pipe_->outcome;
          if (!outcome) co_return std::unexpected(files_->connection_error(outcome.error()));
          co_return std::unexpected(
              files_->answer_error("PUT " + ObjectPath(key_), outcome->status, outcome->headers));
        }
        if (pipe_->piece.empty()) std::swap(pipe_->piece, kept_);
      }
      if (kept_.empty()) {
        pipe_->to_request.notify();
      } else {
        co_await pipe_->to_writer.wait();
      }
    }
  }
  co_return Result<void>{};
}

asio::awaitable<Result<ObjectInfo>> RemoteWriter::commit() {
  if (ended_) co_return Fail(ErrorCode::kInvalid, "commit of an object that has ended");
  Result<ObjectInfo> done = *files_->closed ? Result<ObjectInfo>(Closed()) : co_await Shielded(finish());
  end();
  co_return done;
}

asio::awaitable<Result<ObjectInfo>> RemoteWriter::finish() {
  std::optional<Result<FetchedResponse>> outcome;
  if (!pipe_) {
    ClientRequest request = std::move(put_);
    request.body = std::move(kept_);
    outcome = co_await files_->client->fetch(std::move(request), kLargestAnswer);
  }
  while (!outcome) {
    {
      const std::lock_guard lock(pipe_->mutex);
      outcome = std::move(pipe_->outcome);
      if (pipe_->piece.empty() && !pipe_->finished) {
        std::swap(pipe_->piece, kept_);
        pipe_->finished = true;
      }
    }
    pipe_->to_request.notify();
    if (!outcome) co_await pipe_->to_writer.wait();
  }
  if (*outcome) co_return InfoOf(*files_, key_, **outcome);
  const auto found = co_await files_->stat(key_);
  if (found && found->size == size_ && found->meta == meta_) co_return found;
  co_return std::unexpected(files_->connection_error(outcome->error()));
}

}  // namespace codeapi
