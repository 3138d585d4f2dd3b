// Stored files: what users upload and what programs make. One interface over a directory or an S3 bucket.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"

namespace codeapi {

inline constexpr std::size_t kMaxObjectFilename = 1024;    ///< bytes of ObjectMeta::filename
inline constexpr std::size_t kMaxObjectContentType = 255;  ///< bytes of ObjectMeta::content_type

/// Where an object lives. Both parts have the shape of an id (base/ids.h); anything else is kInvalid.
struct ObjectKey {
  std::string session;  ///< the storage session: the bucket of files
  std::string id;       ///< the object within it

  friend bool operator==(const ObjectKey&, const ObjectKey&) = default;
};

/// What the writer says of an object. Fixed once it is committed.
struct ObjectMeta {
  std::string filename;  ///< well-formed UTF-8 without NUL, at most kMaxObjectFilename bytes; may contain '/'
  std::string content_type;  ///< printable ASCII, at most kMaxObjectContentType bytes
  bool read_only = false;    ///< a sealed input: programs may change their copy, but it is never harvested

  friend bool operator==(const ObjectMeta&, const ObjectMeta&) = default;
};

/// What the store knows of a committed object.
struct ObjectInfo {
  ObjectKey key;
  ObjectMeta meta;
  std::uint64_t size = 0;                               ///< bytes
  std::chrono::system_clock::time_point last_modified;  ///< when it was committed, to the millisecond
  std::string
      etag;  ///< names the content: other data, another tag. No quotes, at most 128 printable characters

  friend bool operator==(const ObjectInfo&, const ObjectInfo&) = default;
};

/// `kInvalid` unless both parts of the key are ids.
Result<void> CheckObjectKey(const ObjectKey& key);

/// `kInvalid` if `meta` breaks a rule written beside its fields.
Result<void> CheckObjectMeta(const ObjectMeta& meta);

/// `kInvalid` unless these can be the arguments of ObjectStore::sessions().
Result<void> CheckSessionPage(const std::string& after, std::size_t limit);

/// Writes one object. Not thread-safe: one call at a time, and it must not be destroyed while one is pending.
/// Destroying it without a successful commit leaves nothing visible and removes what was written.
class ObjectWriter {
 public:
  virtual ~ObjectWriter() = default;

  /// Appends `data`, which must stay valid until the call returns. kUnavailable when the store is full or
  /// away. After an error every further call fails, with kInvalid.
  virtual boost::asio::awaitable<Result<void>> write(std::span<const char> data) = 0;

  /// Makes the object durable and visible, all at once; when this returns a value, a crash no longer loses
  /// it. At most one call. kConflict if an object of this key exists already (an id names one content for
  /// ever), kUnavailable when the store is full or away; after an error nothing is visible.
  virtual boost::asio::awaitable<Result<ObjectInfo>> commit() = 0;
};

/// Reads one object from start to end. Not thread-safe: one call at a time, and it must not be destroyed
/// while one is pending. A reader opened before the object was removed still reads all of it.
class ObjectReader {
 public:
  virtual ~ObjectReader() = default;

  /// What is being read. Valid as long as the reader.
  virtual const ObjectInfo& info() const = 0;

  /// Fills the front of `buffer` and returns how many bytes; 0 means the end (or an empty buffer). May return
  /// fewer than fit before the end. `buffer` must stay valid until the call returns. An object cut short
  /// underneath is kInternal, never a short success.
  virtual boost::asio::awaitable<Result<std::size_t>> read(std::span<char> buffer) = 0;
};

/// The store itself. Thread-safe: any number of calls from any executors at once; each completes on the
/// executor of the coroutine that made it. Calls are not interrupted by cancellation: they finish and report.
/// The store must outlive its pending calls, and when the process ends be destroyed before their execution
/// contexts. Readers and writers may outlive it, and then fail with kUnavailable.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// Starts an object. Nothing is visible before commit(). kInvalid for a bad key or meta.
  virtual boost::asio::awaitable<Result<std::unique_ptr<ObjectWriter>>> create(ObjectKey key,
                                                                               ObjectMeta meta) = 0;

  /// Opens a committed object. kNotFound if there is none, kInvalid for a bad key.
  virtual boost::asio::awaitable<Result<std::unique_ptr<ObjectReader>>> open(ObjectKey key) = 0;

  /// Like open(), without the data.
  virtual boost::asio::awaitable<Result<ObjectInfo>> stat(ObjectKey key) = 0;

  /// Every committed object of exactly this session (never of one whose id merely begins the same), sorted by
  /// id. An unknown session is an empty list. kInvalid unless `session` is an id.
  virtual boost::asio::awaitable<Result<std::vector<ObjectInfo>>> list(std::string session) = 0;

  /// Up to `limit` (1 to 1000) sessions that hold objects and come after `after` in byte order, sorted; fewer
  /// only when there are no more. One that is emptied or filled meanwhile may be missed. `after` is an id or
  /// empty, else kInvalid.
  virtual boost::asio::awaitable<Result<std::vector<std::string>>> sessions(std::string after,
                                                                            std::size_t limit) = 0;

  /// Removes an object for good. kNotFound if there is none.
  virtual boost::asio::awaitable<Result<void>> remove(ObjectKey key) = 0;

  /// A cheap look whether the store can be used at all, for readiness probes. kUnavailable if not.
  virtual boost::asio::awaitable<Result<void>> check() = 0;

  /// The same store for work that belongs to `trace` (a W3C traceparent): a store that asks another process
  /// passes it on. Nothing where that makes no difference. The view must not outlive the store, but its
  /// readers and writers may outlive the view.
  virtual std::unique_ptr<ObjectStore> traced(std::string trace) {
    static_cast<void>(trace);
    return nullptr;
  }
};

}  // namespace codeapi
