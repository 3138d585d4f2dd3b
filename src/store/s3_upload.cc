#include "store/s3_upload.h"

#include <algorithm>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/ids.h"
#include "store/http_time.h"
#include "store/s3_object.h"
#include "store/shielded.h"
#include "store/xml.h"

namespace codeapi {
namespace {

using asio::awaitable;

constexpr int kMaxParts = 10'000;
constexpr int kPartsOfOneSize = 76;

std::unexpected<Error> Closed() {
  return Fail(ErrorCode::kUnavailable, "the store is closed");
}

// Removes what an unlucky writer may have left. Failures are nobody's business: there is no one left to tell.
awaitable<void> CleanUp(std::shared_ptr<S3Core> core, ObjectKey key, std::string upload, std::string mark) {
  if (!upload.empty()) {
    (void)co_await core->client->call({.what = "abort upload of " + S3Key(key),
                                       .method = "DELETE",
                                       .key = S3Key(key),
                                       .query = {{"uploadId", upload}}});
  }
  if (mark.empty()) co_return;
  const S3Call look{.what = "look at " + S3Key(key), .method = "HEAD", .key = S3Key(key)};
  const auto found = co_await core->client->call(look);
  if (!found || !found->ok() || S3MarkOf(found->headers) != mark) co_return;
  (void)co_await core->client->call({.what = "remove " + S3Key(key), .method = "DELETE", .key = S3Key(key)});
}

}  // namespace

std::size_t S3PartSize(std::size_t first, int number) {
  return first * static_cast<std::size_t>(1 + (number - 1) / kPartsOfOneSize);
}

S3Writer::S3Writer(std::shared_ptr<S3Core> core, ObjectKey key, ObjectMeta meta)
    : core_(std::move(core)), key_(std::move(key)), meta_(std::move(meta)), mark_(NewId()) {}

S3Writer::~S3Writer() {
  if (!ended_) end(false);
}

awaitable<Result<void>> S3Writer::write(std::span<const char> data) {
  if (ended_) co_return Fail(ErrorCode::kInvalid, "write to an object that has ended");
  if (core_->closed) co_return Closed();
  Result<void> done;
  // Most writes are small and only fill the buffer.
  const std::size_t room =
      S3PartSize(core_->client->options().part_size, static_cast<int>(parts_.size()) + 1) - buffer_.size();
  if (data.size() <= room) {
    buffer_.append(data.data(), data.size());
    hash_.update(data);
    co_return done;
  }
  done = co_await Shielded(append(data));
  if (!done) end(false);
  co_return done;
}

awaitable<Result<ObjectInfo>> S3Writer::commit() {
  if (ended_) co_return Fail(ErrorCode::kInvalid, "commit of an object that has ended");
  if (core_->closed) co_return Closed();
  Result<ObjectInfo> done = co_await Shielded(finish());
  end(done.has_value());
  co_return done;
}

// A full part waits in the buffer until there is more, since the last one is sent by commit().
awaitable<Result<void>> S3Writer::append(std::span<const char> data) {
  while (!data.empty()) {
    const std::size_t full =
        S3PartSize(core_->client->options().part_size, static_cast<int>(parts_.size()) + 1);
    if (buffer_.size() == full) {
      if (auto sent = co_await send_part(); !sent) co_return sent;
      continue;
    }
    const auto piece = data.first(std::min(data.size(), full - buffer_.size()));
    buffer_.append(piece.data(), piece.size());
    hash_.update(piece);
    data = data.subspan(piece.size());
  }
  co_return Result<void>();
}

awaitable<Result<ObjectInfo>> S3Writer::finish() {
  if (auto free = co_await refuse_existing(); !free) co_return std::unexpected(free.error());
  if (!upload_.empty()) {
    if (auto sent = co_await send_part(); !sent) co_return std::unexpected(sent.error());
  } else {
    size_ = buffer_.size();
  }
  auto sealed = co_await seal();
  if (!sealed) co_return std::unexpected(sealed.error());
  co_return co_await look(*sealed);
}

// For servers that ignore If-None-Match. Amazon's own does not.
awaitable<Result<void>> S3Writer::refuse_existing() {
  if (core_->client->amazon()) co_return Result<void>();
  auto found = co_await core_->client->call(call("HEAD", "look for"));
  if (!found) co_return std::unexpected(found.error());
  if (found->status == 404) co_return Result<void>();
  if (found->ok()) co_return Fail(ErrorCode::kConflict, "object " + S3Key(key_) + " exists already");
  co_return std::unexpected(S3Client::Failure("look for " + S3Key(key_), *found));
}

awaitable<Result<void>> S3Writer::begin() {
  S3Call start = call("POST", "begin upload of");
  start.query = {{"uploads", ""}};
  start.headers = S3ObjectHeaders(meta_, mark_);
  start.may_hold_error = true;
  const std::string what = start.what;
  auto answer = co_await core_->client->call(std::move(start));
  if (!answer) co_return std::unexpected(answer.error());
  if (!answer->ok()) co_return std::unexpected(S3Client::Failure(what, *answer));
  const auto root = ParseXml(answer->body);
  upload_ = root ? root->get("UploadId") : "";
  if (upload_.empty() || upload_.size() > 4096) {
    upload_.clear();
    co_return Fail(ErrorCode::kUnavailable, "S3: " + what + ": the answer has no UploadId");
  }
  co_return Result<void>();
}

awaitable<Result<void>> S3Writer::send_part() {
  if (upload_.empty()) {
    if (auto begun = co_await begin(); !begun) co_return begun;
  }
  if (parts_.size() >= kMaxParts)
    co_return Fail(ErrorCode::kTooLarge, "object " + S3Key(key_) + " is too large for S3");
  S3Call put = call("PUT", "upload part of");
  put.query = {{"partNumber", std::to_string(parts_.size() + 1)}, {"uploadId", upload_}};
  size_ += buffer_.size();
  put.payload_hash = std::exchange(hash_, Sha256()).finish();
  put.body = std::make_shared<const std::string>(std::exchange(buffer_, {}));
  const std::string what = put.what;
  auto answer = co_await core_->client->call(std::move(put));
  if (!answer) co_return std::unexpected(answer.error());
  if (!answer->ok()) {
    // An upload that is gone is no missing object.
    Error error = S3Client::Failure(what, *answer);
    if (error.code == ErrorCode::kNotFound || error.code == ErrorCode::kConflict)
      error.code = ErrorCode::kUnavailable;
    co_return std::unexpected(std::move(error));
  }
  const std::string etag = ParseEtag(answer->headers.get("ETag"));
  if (etag.empty()) co_return Fail(ErrorCode::kUnavailable, "S3: " + what + ": the answer has no ETag");
  parts_.push_back(etag);
  co_return Result<void>();
}

S3Call S3Writer::call(std::string method, std::string verb) const {
  return {.what = std::move(verb) + " " + S3Key(key_), .method = std::move(method), .key = S3Key(key_)};
}

S3Call S3Writer::put_call() {
  S3Call put = call("PUT", "put");
  put.headers = S3ObjectHeaders(meta_, mark_);
  put.payload_hash = std::exchange(hash_, Sha256()).finish();
  put.body = std::make_shared<const std::string>(std::exchange(buffer_, {}));
  return put;
}

S3Call S3Writer::complete_call() const {
  std::string body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    body += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>&quot;" +
            XmlEscape(parts_[i]) + "&quot;</ETag></Part>";
  }
  S3Call complete = call("POST", "complete upload of");
  complete.query = {{"uploadId", upload_}};
  complete.headers.add("Content-Type", "application/xml");
  complete.body = std::make_shared<const std::string>(body + "</CompleteMultipartUpload>");
  complete.may_hold_error = true;
  return complete;
}

// Makes the object appear. An answer here means that it may be there; look() finds out whose it is.
awaitable<Result<S3Answer>> S3Writer::seal() {
  S3Call last = upload_.empty() ? put_call() : complete_call();
  if (!core_->no_conditions) last.headers.add("If-None-Match", "*");
  sealing_ = true;
  auto answer = co_await core_->client->call(last);
  if (answer && answer->code == "NotImplemented" && last.headers.has("If-None-Match")) {
    core_->no_conditions = true;
    last.headers =
        upload_.empty() ? S3ObjectHeaders(meta_, mark_) : Headers{{"Content-Type", "application/xml"}};
    answer = co_await core_->client->call(last);
  }
  if (!answer) co_return answer;
  const bool lost =
      answer->repeated && (answer->status == 412 || answer->status == 409 || answer->status == 404);
  if (answer->ok() || lost) co_return answer;
  Error error = S3Client::Failure(last.what, *answer);
  if (error.code == ErrorCode::kNotFound) error.code = ErrorCode::kUnavailable;
  sealing_ = answer->status < 300 || answer->status >= 500;
  co_return std::unexpected(std::move(error));
}

awaitable<Result<ObjectInfo>> S3Writer::look(const S3Answer& sealed) {
  auto found = co_await core_->client->call(call("HEAD", "look at"));
  if (found && found->ok()) {
    if (S3MarkOf(found->headers) != mark_)
      co_return Fail(ErrorCode::kConflict, "object " + S3Key(key_) + " exists already");
    auto info = ParseS3Object(key_, found->headers);
    if (info && info->size == size_) co_return info;
    co_return Fail(ErrorCode::kInternal, "S3: object " + S3Key(key_) + " is not what was sent");
  }
  if (!sealed.ok()) {  // and nobody can say what became of it
    co_return Fail(ErrorCode::kUnavailable, "S3: nothing is known of " + S3Key(key_) + " after an error");
  }
  if (found && found->status == 404)
    co_return Fail(ErrorCode::kUnavailable, "S3: " + S3Key(key_) + " is gone again");
  // It is stored; only its time comes from another clock reading.
  ObjectInfo info{.key = key_, .meta = meta_, .size = size_};
  info.last_modified = ParseHttpDate(sealed.headers.get("Date")).value_or(std::chrono::system_clock::now());
  const auto root = upload_.empty() ? Result<XmlElement>() : ParseXml(sealed.body);
  info.etag = ParseEtag(upload_.empty() ? std::string(sealed.headers.get("ETag"))
                        : root          ? root->get("ETag")
                                        : "");
  co_return info;
}

void S3Writer::end(bool stored) {
  ended_ = true;
  buffer_ = {};
  if (stored || (upload_.empty() && !sealing_)) return;
  asio::co_spawn(core_->executor, CleanUp(core_, key_, upload_, sealing_ ? mark_ : ""), asio::detached);
}

}  // namespace codeapi
