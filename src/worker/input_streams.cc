#include "worker/input_streams.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <boost/asio.hpp>

#include "net/wake.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;

// Inputs that are opened and read ahead at once; each has one piece of this size in memory, and one on its
// way.
constexpr std::size_t kAtOnce = 8;
constexpr std::size_t kPiece = 256u << 10;

// What a coroutine hands over: a piece, with what was found out about the object, or why there is none.
struct InputPiece {
  std::optional<Error> error;
  bool read_only = false;
  bool last = false;
  std::string bytes;
  InputCache::Content whole;  // instead of the bytes

  static InputPiece Failed(const Error& error) {
    InputPiece out;
    out.error = error;
    return out;
  }
  static InputPiece Whole(InputCache::Content content, bool read_only) {
    InputPiece out;
    out.whole = std::move(content);
    out.read_only = read_only;
    out.last = true;
    return out;
  }

  std::string_view piece() const { return whole ? std::string_view(*whole) : std::string_view(bytes); }
};

// From one coroutine to another, one event at a time: it waits with whoever gives it.
class Handover {
 public:
  // False when nobody will take it.
  asio::awaitable<bool> Give(InputPiece event) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) co_return false;
      event_ = std::move(event);
    }
    given_.notify();
    while (Waits()) co_await taken_.wait();
    co_return !closed_;
  }

  // Nothing when the run is over.
  asio::awaitable<std::optional<InputPiece>> Take() {
    while (true) {
      if (auto event = Taken()) {
        taken_.notify();
        co_return event;
      }
      const auto cancelled = (co_await asio::this_coro::cancellation_state).cancelled();
      if (closed_ || cancelled != asio::cancellation_type::none) co_return std::nullopt;
      co_await given_.wait();
    }
  }

  // From any thread.
  void Close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    given_.notify();
    taken_.notify();
  }

 private:
  bool Waits() {
    const std::lock_guard lock(mutex_);
    return event_ && !closed_;
  }
  std::optional<InputPiece> Taken() {
    const std::lock_guard lock(mutex_);
    return std::exchange(event_, std::nullopt);
  }

  std::mutex mutex_;
  std::optional<InputPiece> event_;   // guarded by mutex_
  std::atomic<bool> closed_ = false;  // changes under mutex_
  Wake given_, taken_;
};

// As much as there is, up to `size`.
asio::awaitable<InputPiece> ReadPiece(ObjectReader& reader, std::size_t size) {
  InputPiece out;
  out.bytes.resize(size);
  std::size_t filled = 0;
  while (filled < size && !out.last) {
    const auto n = co_await reader.read(std::span(out.bytes).subspan(filled));
    if (!n) co_return InputPiece::Failed(n.error());
    out.last = *n == 0;
    filled += *n;
  }
  out.bytes.resize(filled);
  co_return out;
}

}  // namespace

struct InputStreams::Stream {
  explicit Stream(const InputRef& file) : key{file.session, file.id}, name(file.name) {}

  ObjectKey key;
  std::string name;
  Handover handover;
  InputPiece current;  // the taker's
  bool fresh = false;  // `current` has not been given on yet
};

struct InputStreams::Shared {
  Shared(asio::any_io_executor e, ObjectStore& o, InputCache* c, const ExecutionRequest& request)
      : executor(std::move(e)), objects(o), cache(c), tenant(request.log_tenant) {
    for (const InputRef& file : request.files) streams.push_back(std::make_unique<Stream>(file));
  }

  asio::any_io_executor executor;
  ObjectStore& objects;
  InputCache* cache;
  const std::string tenant;
  std::vector<std::unique_ptr<Stream>> streams;
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> stopped = false;
  std::atomic<std::size_t> pumps = 0;  // that have not ended
  Wake ended;
};

InputStreams::InputStreams(asio::any_io_executor executor, ObjectStore& objects, InputCache* cache,
                           const ExecutionRequest& request)
    : shared_(std::make_shared<Shared>(std::move(executor), objects, cache, request)) {}

void InputStreams::Start() {
  shared_->pumps = std::min(kAtOnce, shared_->streams.size());
  for (std::size_t i = 0; i < shared_->pumps; ++i) {
    asio::co_spawn(shared_->executor, Pump(shared_), asio::detached);
  }
}

asio::awaitable<void> InputStreams::Stop() {
  shared_->stopped = true;
  for (const auto& stream : shared_->streams) stream->handover.Close();
  while (shared_->pumps > 0) co_await shared_->ended.wait();
}

asio::awaitable<void> InputStreams::Pump(std::shared_ptr<Shared> shared) {
  for (std::size_t i; !shared->stopped && (i = shared->next++) < shared->streams.size();) {
    co_await Carry(*shared, *shared->streams[i]);
  }
  if (--shared->pumps == 0) shared->ended.notify();
}

asio::awaitable<void> InputStreams::Carry(Shared& shared, Stream& stream) {
  InputCache* const cache = shared.cache;
  if (cache != nullptr && cache->Has(shared.tenant, stream.key)) {
    const auto now = co_await shared.objects.stat(stream.key);
    if (!now) {
      if (now.error().code == ErrorCode::kNotFound) cache->Drop(shared.tenant, stream.key);
      co_await stream.handover.Give(InputPiece::Failed(now.error()));
      co_return;
    }
    if (auto whole = cache->Find(shared.tenant, *now)) {
      co_await stream.handover.Give(InputPiece::Whole(std::move(whole), now->meta.read_only));
      co_return;
    }
  } else if (cache != nullptr) {
    cache->Missed();
  }
  auto reader = co_await shared.objects.open(stream.key);
  if (!reader) {
    co_await stream.handover.Give(InputPiece::Failed(reader.error()));
    co_return;
  }
  co_await Read(shared, stream, **reader);
}

asio::awaitable<void> InputStreams::Read(Shared& shared, Stream& stream, ObjectReader& reader) {
  const ObjectInfo& info = reader.info();
  const bool keep = shared.cache != nullptr && shared.cache->Takes(info.size);
  std::string to_keep;
  std::uint64_t left = info.size;
  for (bool more = true; more && !shared.stopped;) {
    // One byte more than there should be, so that the end is seen with the last piece.
    InputPiece event = co_await ReadPiece(reader, std::min<std::uint64_t>(kPiece, left + 1));
    event.read_only = info.meta.read_only;
    left -= std::min<std::uint64_t>(left, event.bytes.size());
    if (keep) to_keep += event.bytes;
    if (keep && event.last) shared.cache->Put(shared.tenant, info, std::exchange(to_keep, {}));
    more = !event.last && !event.error;
    if (!co_await stream.handover.Give(std::move(event))) break;
  }
}

RunInput InputStreams::Input(std::size_t i) const {
  Stream* const stream = shared_->streams[i].get();
  const auto take = [shared = shared_, stream]() -> asio::awaitable<Result<void>> {
    auto event = co_await stream->handover.Take();
    if (!event) co_return Fail(ErrorCode::kCancelled, "cancelled");
    stream->current = std::move(*event);
    stream->fresh = true;
    if (stream->current.error) co_return std::unexpected(*stream->current.error);
    co_return Result<void>();
  };
  const auto ready = [stream, take](RunFile& file) -> asio::awaitable<Result<void>> {
    if (auto taken = co_await take(); !taken) co_return taken;
    file.read_only = stream->current.read_only;
    co_return Result<void>();
  };
  const auto source = [stream, take]() -> asio::awaitable<Result<std::string_view>> {
    if (!stream->fresh) {
      if (stream->current.last) co_return std::string_view();
      if (auto taken = co_await take(); !taken) co_return std::unexpected(taken.error());
    }
    stream->fresh = false;
    co_return stream->current.piece();
  };
  return {{CellFileKind::kInput, stream->name, static_cast<std::uint32_t>(i), false}, source, ready};
}

}  // namespace codeapi
