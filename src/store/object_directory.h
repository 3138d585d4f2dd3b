// The files of a DirectoryObjectStore: everything that blocks, nothing that waits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "store/object_store.h"
#include "store/sha256.h"

namespace codeapi {

/// A directory tree of objects, held by one process at a time. Thread-safe; every call blocks on the file
/// system. Keys must have passed CheckObjectKey and metadata CheckObjectMeta. See the .cc for the theory of
/// operation.
class ObjectDirectory {
 public:
  /// One object on its way in. Not thread-safe; must not outlive the directory. Destroying it removes what is
  /// not committed.
  class Draft {
   public:
    ~Draft();
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;

    /// Appends to the data. kUnavailable when the disk is full.
    Result<void> append(std::span<const char> data);

    /// Ends the data and writes `meta`: then commit() may be called, and nothing else.
    Result<void> prepare(const ObjectMeta& meta);

   private:
    friend class ObjectDirectory;
    Draft(ObjectDirectory& directory, ObjectKey key) : directory_(directory), key_(std::move(key)) {}
    Result<void> sync();
    Result<void> rename();
    void keep() {
      data_name_.clear();
      meta_name_.clear();
    }

    ObjectDirectory& directory_;
    ObjectKey key_;
    UniqueFd session_;       // the session's directory
    UniqueFd data_, meta_;   // open on data_name_ and meta_name_
    std::string data_name_;  // what to remove unless committed; empty: nothing
    std::string meta_name_;
    Sha256 hash_;
    std::uint64_t size_ = 0;
    ObjectInfo info_;  // once prepared
  };

  struct Opened {
    ObjectInfo info;
    UniqueFd data;
  };

  /// See DirectoryObjectStore::Open. `on_step` may be empty.
  static Result<std::unique_ptr<ObjectDirectory>> Open(const std::string& root,
                                                       std::function<void(const char*)> on_step);

  Result<std::unique_ptr<Draft>> begin(ObjectKey key);

  /// Makes objects durable and visible, each whatever becomes of the others; see ObjectWriter::commit(). What
  /// has to wait for the disk waits for all of them together.
  std::vector<Result<ObjectInfo>> commit(std::span<Draft* const> drafts);

  Result<Opened> open(const ObjectKey& key);
  Result<ObjectInfo> stat(const ObjectKey& key);
  Result<std::vector<ObjectInfo>> list(const std::string& session);
  Result<std::vector<std::string>> sessions(const std::string& after, std::size_t limit);
  Result<void> remove(const ObjectKey& key);
  Result<void> check();

 private:
  ObjectDirectory() = default;
  Result<void> sweep();
  void sweepSession(const std::string& session);
  Result<UniqueFd> openSession(const std::string& session);
  void removeSessionIfEmpty(const std::string& session);
  std::mutex& mutexOf(const std::string& session);
  void noteNewSession(const std::string& session);
  void syncNames(std::span<Draft* const> drafts, std::span<Result<void>> results);
  void step(const char* name) {
    if (on_step_) on_step_(name);
  }

  std::function<void(const char*)> on_step_;
  UniqueFd lock_;     // flock()ed for as long as we live
  UniqueFd objects_;  // <root>/objects
  // Held while names appear in or go from a session's directory, and while the directory itself does; never
  // while data moves.
  std::array<std::mutex, 64> mutexes_;
  // Sessions whose directory may not be on the disk yet. Each has a number, since it may go and come again.
  std::mutex new_mutex_;
  std::map<std::string, std::uint64_t> new_sessions_;  // guarded by new_mutex_
  std::uint64_t last_new_ = 0;                         // guarded by new_mutex_
};

}  // namespace codeapi
