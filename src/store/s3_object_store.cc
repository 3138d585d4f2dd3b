#include "store/s3_object_store.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>

#include "base/ids.h"
#include "net/wake.h"
#include "store/s3_client.h"
#include "store/s3_listing.h"
#include "store/s3_object.h"
#include "store/s3_upload.h"
#include "store/shielded.h"
#include "store/xml.h"

namespace codeapi {
namespace {

using asio::awaitable;

std::unexpected<Error> Pass(Error& error) {
  return std::unexpected(std::move(error));
}

S3Call CallFor(const ObjectKey& key, std::string method, std::string verb) {
  return {.what = std::move(verb) + " " + S3Key(key), .method = std::move(method), .key = S3Key(key)};
}

class Reader final : public ObjectReader {
 public:
  Reader(std::shared_ptr<S3Core> core, ObjectInfo info, std::unique_ptr<BodyReader> body)
      : core_(std::move(core)), info_(std::move(info)), body_(std::move(body)) {}

  const ObjectInfo& info() const override { return info_; }

  awaitable<Result<std::size_t>> read(std::span<char> buffer) override {
    if (core_->closed) co_return Fail(ErrorCode::kUnavailable, "the store is closed");
    if (buffer.empty() || (left() == 0 && !failed_)) co_return 0;
    if (failed_) co_return std::unexpected(*failed_);
    Result<std::size_t> got = co_await Shielded(body_->read(buffer));
    if (got && *got > 0) {
      read_ += *got;
      co_return got;
    }
    const std::string what = "S3: object " + S3Key(info_.key) + " was cut short";
    if (got) {
      failed_ = Error{ErrorCode::kInternal, what};
    } else {
      const bool slow = got.error().code == ErrorCode::kDeadline;
      failed_ =
          Error{slow ? ErrorCode::kUnavailable : ErrorCode::kInternal, what + ": " + got.error().message};
    }
    body_.reset();
    co_return std::unexpected(*failed_);
  }

 private:
  std::uint64_t left() const { return info_.size - read_; }

  std::shared_ptr<S3Core> core_;
  ObjectInfo info_;
  std::unique_ptr<BodyReader> body_;
  std::uint64_t read_ = 0;
  std::optional<Error> failed_;
};

awaitable<Result<ObjectInfo>> Stat(std::shared_ptr<S3Core> core, ObjectKey key) {
  S3Call head = CallFor(key, "HEAD", "look at");
  const std::string what = head.what;
  auto answer = co_await core->client->call(std::move(head));
  if (!answer) co_return Pass(answer.error());
  if (!answer->ok()) co_return std::unexpected(S3Client::Failure(what, *answer));
  co_return ParseS3Object(key, answer->headers);
}

awaitable<Result<std::unique_ptr<ObjectReader>>> OpenObject(std::shared_ptr<S3Core> core, ObjectKey key) {
  auto response = co_await core->client->open(CallFor(key, "GET", "get"));
  if (!response) co_return Pass(response.error());
  auto info = ParseS3Object(key, response->headers);
  if (!info) co_return Pass(info.error());
  co_return std::make_unique<Reader>(core, std::move(*info), std::move(response->body));
}

// The objects of a list: some coroutines take the next id each until there are none, all on one strand.
struct Stats {
  std::shared_ptr<S3Core> core;
  std::string session;
  std::vector<std::string> ids;
  std::vector<std::optional<ObjectInfo>> found;
  std::size_t next = 0;
  std::size_t running = 0;
  std::optional<Error> failed;
  Wake wake;
};

awaitable<void> TakeStats(std::shared_ptr<Stats> stats) {
  while (stats->next < stats->ids.size() && !stats->failed) {
    const std::size_t mine = stats->next++;
    auto info = co_await Stat(stats->core, {stats->session, stats->ids[mine]});
    if (info) {
      stats->found[mine] = std::move(*info);
    } else if (info.error().code == ErrorCode::kUnavailable) {
      stats->failed = std::move(info.error());
    }
    // One that was removed meanwhile, or that makes no sense, is not in the list.
  }
}

awaitable<Result<std::vector<ObjectInfo>>> List(std::shared_ptr<S3Core> core, std::string session) {
  auto ids = co_await ListS3Ids(*core->client, session);
  if (!ids) co_return Pass(ids.error());
  const auto stats = std::make_shared<Stats>(core, session, std::move(*ids));
  stats->found.resize(stats->ids.size());
  stats->running = std::min(stats->ids.size(), core->client->options().parallel_stats);
  const auto strand = co_await asio::this_coro::executor;
  for (std::size_t i = stats->running; i > 0; --i) {
    asio::co_spawn(strand, TakeStats(stats), [stats](const std::exception_ptr& failure) {
      if (failure) stats->failed = Error{ErrorCode::kInternal, "S3: listing failed"};
      if (--stats->running == 0) stats->wake.notify();
    });
  }
  while (stats->running > 0) co_await stats->wake.wait();
  if (stats->failed) co_return Pass(*stats->failed);
  std::vector<ObjectInfo> list;
  for (auto& info : stats->found) {
    if (info) list.push_back(std::move(*info));
  }
  co_return list;
}

awaitable<Result<std::vector<std::string>>> Sessions(std::shared_ptr<S3Core> core, std::string after,
                                                     std::size_t limit) {
  co_return co_await ListS3Sessions(*core->client, std::move(after), limit);
}

// S3 itself answers the same whether or not there was something.
awaitable<Result<void>> Remove(std::shared_ptr<S3Core> core, ObjectKey key) {
  S3Call head = CallFor(key, "HEAD", "look for");
  auto there = co_await core->client->call(head);
  if (!there) co_return Pass(there.error());
  if (!there->ok()) co_return std::unexpected(S3Client::Failure(head.what, *there));
  S3Call remove = CallFor(key, "DELETE", "remove");
  auto gone = co_await core->client->call(remove);
  if (!gone) co_return Pass(gone.error());
  // Of the second of two attempts, when the first one's answer was lost.
  if (gone->ok() || gone->status == 404) co_return Result<void>();
  co_return std::unexpected(S3Client::Failure(remove.what, *gone));
}

awaitable<Result<S3Answer>> LookForBucket(S3Client& client, bool once) {
  co_return co_await client.call({.what = "look for the bucket", .method = "HEAD", .once = once});
}

std::unexpected<Error> BucketFailure(const std::string& what, const S3Answer& answer) {
  return Fail(ErrorCode::kUnavailable, S3Client::Failure(what, answer).message);
}

awaitable<Result<void>> CreateBucket(S3Client& client) {
  S3Call create{.what = "create the bucket", .method = "PUT"};
  if (client.options().region != "us-east-1") {
    create.body = std::make_shared<const std::string>(
        "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>" +
        XmlEscape(client.options().region) + "</LocationConstraint></CreateBucketConfiguration>");
  }
  auto made = co_await client.call(create);
  if (!made) co_return Pass(made.error());
  // Another process may have been quicker.
  if (made->ok() || made->code == "BucketAlreadyOwnedByYou") co_return Result<void>();
  if (made->status == 409) {
    auto there = co_await LookForBucket(client, false);
    if (there && there->ok()) co_return Result<void>();
  }
  co_return BucketFailure(create.what, *made);
}

awaitable<Result<void>> FindBucket(std::shared_ptr<S3Core> core) {
  auto there = co_await LookForBucket(*core->client, false);
  if (!there) co_return Pass(there.error());
  if (there->ok()) co_return Result<void>();
  if (there->status != 404) co_return BucketFailure("look for the bucket", *there);
  if (core->client->options().create_bucket) co_return co_await CreateBucket(*core->client);
  co_return Fail(ErrorCode::kUnavailable, "S3: there is no bucket " + core->client->options().bucket);
}

awaitable<Result<void>> Check(std::shared_ptr<S3Core> core) {
  auto there = co_await LookForBucket(*core->client, true);
  if (!there) co_return Pass(there.error());
  if (there->ok()) co_return Result<void>();
  co_return BucketFailure("look for the bucket", *there);
}

}  // namespace

S3ObjectStore::S3ObjectStore(std::shared_ptr<S3Core> core) : core_(std::move(core)) {}

S3ObjectStore::~S3ObjectStore() {
  core_->closed = true;
  core_->client->stop();
}

awaitable<Result<std::unique_ptr<S3ObjectStore>>> S3ObjectStore::Open(asio::any_io_executor executor,
                                                                      S3Options options) {
  auto client = S3Client::Make(executor, std::move(options));
  if (!client) co_return Pass(client.error());
  auto core = std::make_shared<S3Core>(std::move(*client), executor);
  auto found = co_await Shielded(FindBucket(core));
  if (!found) co_return Pass(found.error());
  co_return std::unique_ptr<S3ObjectStore>(new S3ObjectStore(std::move(core)));
}

awaitable<Result<std::unique_ptr<ObjectWriter>>> S3ObjectStore::create(ObjectKey key, ObjectMeta meta) {
  if (auto checked = CheckObjectKey(key); !checked) co_return Pass(checked.error());
  if (auto checked = CheckObjectMeta(meta); !checked) co_return Pass(checked.error());
  co_return std::make_unique<S3Writer>(core_, std::move(key), std::move(meta));
}

awaitable<Result<std::unique_ptr<ObjectReader>>> S3ObjectStore::open(ObjectKey key) {
  if (auto checked = CheckObjectKey(key); !checked) co_return Pass(checked.error());
  co_return co_await Shielded(OpenObject(core_, std::move(key)));
}

awaitable<Result<ObjectInfo>> S3ObjectStore::stat(ObjectKey key) {
  if (auto checked = CheckObjectKey(key); !checked) co_return Pass(checked.error());
  co_return co_await Shielded(Stat(core_, std::move(key)));
}

awaitable<Result<std::vector<ObjectInfo>>> S3ObjectStore::list(std::string session) {
  if (!IsId(session)) co_return Fail(ErrorCode::kInvalid, "storage session is not an id");
  co_return co_await Shielded(List(core_, std::move(session)));
}

awaitable<Result<std::vector<std::string>>> S3ObjectStore::sessions(std::string after, std::size_t limit) {
  if (auto checked = CheckSessionPage(after, limit); !checked) co_return Pass(checked.error());
  co_return co_await Shielded(Sessions(core_, std::move(after), limit));
}

awaitable<Result<void>> S3ObjectStore::remove(ObjectKey key) {
  if (auto checked = CheckObjectKey(key); !checked) co_return Pass(checked.error());
  co_return co_await Shielded(Remove(core_, std::move(key)));
}

awaitable<Result<void>> S3ObjectStore::check() {
  co_return co_await Shielded(Check(core_));
}

}  // namespace codeapi
