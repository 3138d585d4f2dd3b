// ObjectDirectory does the work; this puts it on threads of its own and keeps the hops to them few: an object
// of at most kChunk bytes is written with one (at commit) and read with one (at open).
#include "store/directory_object_store.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/ids.h"
#include "store/blocking_pool.h"
#include "store/object_commits.h"
#include "store/object_directory.h"

namespace codeapi {
namespace {

constexpr std::size_t kChunk = 256 * 1024;

}  // namespace

struct DirectoryObjectStore::Core {
  Core(std::unique_ptr<ObjectDirectory> d, std::size_t threads)
      : directory(std::move(d)), commits(*directory), pool(threads) {}

  std::unique_ptr<ObjectDirectory> directory;  // before the pool: its threads use it until the last has ended
  ObjectCommits commits;
  BlockingPool pool;
};

namespace {

using boost::asio::awaitable;
using Core = DirectoryObjectStore::Core;

std::unexpected<Error> Pass(Error& error) {
  return std::unexpected(std::move(error));
}

class Writer final : public ObjectWriter {
 public:
  Writer(std::shared_ptr<Core> core, ObjectKey key, ObjectMeta meta)
      : core_(std::move(core)), key_(std::move(key)), meta_(std::move(meta)) {}

  // Removing a large file takes a while: not on the executor of whoever lets go of us, as long as there are
  // threads.
  ~Writer() override {
    if (draft_ == nullptr) return;
    core_->pool.post([draft = std::move(draft_)]() mutable { draft.reset(); });
  }

  awaitable<Result<void>> write(std::span<const char> data) override {
    if (ended_) co_return Fail(ErrorCode::kInvalid, "write to an object that has ended");
    if (buffer_.size() + data.size() <= kChunk) {
      buffer_.append(data.data(), data.size());
      co_return Result<void>();
    }
    co_return co_await core_->pool.run([this, data] { return flush(data); });
  }

  awaitable<Result<ObjectInfo>> commit() override {
    if (ended_) co_return Fail(ErrorCode::kInvalid, "commit of an object that has ended");
    const auto start = [this](auto handler) {
      // Shared, since a closed pool gives it back.
      const auto waiting = std::make_shared<decltype(handler)>(std::move(handler));
      const auto done = [this, waiting](Result<ObjectInfo> info) {
        end();
        ResumeElsewhere(std::move(*waiting), std::move(info));
      };
      if (!core_->pool.post([this, done] { finish(done); }))
        done(Fail(ErrorCode::kUnavailable, "the store is closed"));
    };
    co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>,
                                                   void(Result<ObjectInfo>)>(start,
                                                                             boost::asio::use_awaitable);
  }

 private:
  // On the pool.
  Result<void> flush(std::span<const char> more) {
    Result<void> done = append(more);
    if (!done) end();
    return done;
  }

  // On the pool.
  void finish(ObjectCommits::Done done) {
    Result<void> ready = append({});
    if (ready) ready = draft_->prepare(meta_);
    if (!ready) return done(Pass(ready.error()));
    core_->commits.Add(*draft_, std::move(done));
  }

  Result<void> append(std::span<const char> more) {
    if (draft_ == nullptr) {
      auto draft = core_->directory->begin(key_);
      if (!draft) return Pass(draft.error());
      draft_ = std::move(*draft);
    }
    if (auto written = draft_->append(buffer_); !written) return written;
    buffer_.clear();
    return draft_->append(more);
  }

  void end() {
    ended_ = true;
    draft_.reset();
    buffer_ = {};
  }

  std::shared_ptr<Core> core_;
  ObjectKey key_;
  ObjectMeta meta_;
  std::string buffer_;
  std::unique_ptr<ObjectDirectory::Draft> draft_;  // once there is more than fits the buffer
  bool ended_ = false;
};

class Reader final : public ObjectReader {
 public:
  Reader(std::shared_ptr<Core> core, ObjectDirectory::Opened opened)
      : core_(std::move(core)), info_(std::move(opened.info)), data_(std::move(opened.data)) {}

  const ObjectInfo& info() const override { return info_; }

  awaitable<Result<std::size_t>> read(std::span<char> buffer) override {
    if (buffer.empty()) co_return 0;
    if (position_ < ahead_.size()) co_return copy(buffer);
    if (offset_ == info_.size) co_return 0;
    co_return co_await core_->pool.run([this, buffer]() -> Result<std::size_t> {
      if (buffer.size() >= kChunk) return readSome(buffer);
      if (auto filled = readAhead(); !filled) return Pass(filled.error());
      return copy(buffer);
    });
  }

  // On the pool: reads up to kChunk bytes ahead. After the last byte the file is closed.
  Result<void> readAhead() {
    ahead_.resize(std::min<std::uint64_t>(kChunk, info_.size - offset_));
    position_ = 0;
    std::size_t size = 0;
    while (size < ahead_.size()) {
      auto n = readSome(std::span(ahead_).subspan(size));
      if (!n) {
        ahead_.clear();
        return Pass(n.error());
      }
      size += *n;
    }
    if (offset_ == info_.size) data_.reset();
    return {};
  }

 private:
  std::size_t copy(std::span<char> buffer) {
    const std::size_t size = std::min(buffer.size(), ahead_.size() - position_);
    std::memcpy(buffer.data(), ahead_.data() + position_, size);
    position_ += size;
    return size;
  }

  Result<std::size_t> readSome(std::span<char> buffer) {
    const std::string name = "object " + info_.key.session + "/" + info_.key.id;
    for (;;) {
      const ssize_t n = ::pread(data_.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset_));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return FailErrno("read " + name, errno, ErrorCode::kUnavailable);
      if (n == 0) return Fail(ErrorCode::kInternal, name + " was cut short");
      // Never more than the metadata promised, whatever somebody appended to the file.
      const auto size = std::min<std::uint64_t>(static_cast<std::uint64_t>(n), info_.size - offset_);
      offset_ += size;
      return static_cast<std::size_t>(size);
    }
  }

  std::shared_ptr<Core> core_;
  ObjectInfo info_;
  UniqueFd data_;
  std::uint64_t offset_ = 0;  // of the next byte to read from the file
  std::string ahead_;         // read, not yet asked for, from position_ on
  std::size_t position_ = 0;
};

}  // namespace

DirectoryObjectStore::DirectoryObjectStore(std::shared_ptr<Core> core) : core_(std::move(core)) {}

DirectoryObjectStore::~DirectoryObjectStore() {
  core_->pool.stop();
}

Result<std::unique_ptr<DirectoryObjectStore>> DirectoryObjectStore::Open(
    const std::string& root, DirectoryObjectStoreOptions options) {
  if (options.threads < 1 || options.threads > 64) {
    return Fail(ErrorCode::kInvalid, "an object store needs 1 to 64 threads");
  }
  auto directory = ObjectDirectory::Open(root, std::move(options.on_step));
  if (!directory) return Pass(directory.error());
  return std::unique_ptr<DirectoryObjectStore>(
      new DirectoryObjectStore(std::make_shared<Core>(std::move(*directory), options.threads)));
}

awaitable<Result<std::unique_ptr<ObjectWriter>>> DirectoryObjectStore::create(ObjectKey key,
                                                                              ObjectMeta meta) {
  if (auto checked = CheckObjectKey(key); !checked) co_return Pass(checked.error());
  if (auto checked = CheckObjectMeta(meta); !checked) co_return Pass(checked.error());
  co_return std::make_unique<Writer>(core_, std::move(key), std::move(meta));
}

awaitable<Result<std::unique_ptr<ObjectReader>>> DirectoryObjectStore::open(ObjectKey key) {
  if (auto checked = CheckObjectKey(key); !checked) co_return Pass(checked.error());
  const std::shared_ptr<Core> core = core_;
  co_return co_await core->pool.run([core, key = std::move(key)]() -> Result<std::unique_ptr<ObjectReader>> {
    auto opened = core->directory->open(key);
    if (!opened) return Pass(opened.error());
    const bool small = opened->info.size <= kChunk;
    auto reader = std::make_unique<Reader>(core, std::move(*opened));
    if (small) {
      if (auto filled = reader->readAhead(); !filled) return Pass(filled.error());
    }
    return reader;
  });
}

awaitable<Result<ObjectInfo>> DirectoryObjectStore::stat(ObjectKey key) {
  if (auto checked = CheckObjectKey(key); !checked) co_return Pass(checked.error());
  co_return co_await core_->pool.run(
      [directory = core_->directory.get(), key = std::move(key)] { return directory->stat(key); });
}

awaitable<Result<std::vector<ObjectInfo>>> DirectoryObjectStore::list(std::string session) {
  if (!IsId(session)) co_return Fail(ErrorCode::kInvalid, "storage session is not an id");
  co_return co_await core_->pool.run([directory = core_->directory.get(), session = std::move(session)] {
    return directory->list(session);
  });
}

awaitable<Result<std::vector<std::string>>> DirectoryObjectStore::sessions(std::string after,
                                                                           std::size_t limit) {
  if (auto checked = CheckSessionPage(after, limit); !checked) co_return Pass(checked.error());
  co_return co_await core_->pool.run([directory = core_->directory.get(), after = std::move(after), limit] {
    return directory->sessions(after, limit);
  });
}

awaitable<Result<void>> DirectoryObjectStore::remove(ObjectKey key) {
  if (auto checked = CheckObjectKey(key); !checked) co_return Pass(checked.error());
  co_return co_await core_->pool.run(
      [directory = core_->directory.get(), key = std::move(key)] { return directory->remove(key); });
}

awaitable<Result<void>> DirectoryObjectStore::check() {
  co_return co_await core_->pool.run([directory = core_->directory.get()] { return directory->check(); });
}

}  // namespace codeapi
