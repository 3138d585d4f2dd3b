// Commits of objects that come together share what they wait for.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "store/object_directory.h"

namespace codeapi {

/// Whoever comes while a group is being committed is part of the next one. Thread-safe.
class ObjectCommits {
 public:
  using Done = std::move_only_function<void(Result<ObjectInfo>)>;

  /// `directory` must outlive it.
  explicit ObjectCommits(ObjectDirectory& directory) : directory_(directory) {}

  /// Commits a draft that has been prepared, and calls `done` with what came of it, on this or another thread
  /// that is in here. Blocks while there are groups to commit and nobody else does it.
  void Add(ObjectDirectory::Draft& draft, Done done);

 private:
  struct Waiting {
    ObjectDirectory::Draft* draft;
    Done done;
  };

  ObjectDirectory& directory_;
  std::mutex mutex_;
  std::vector<Waiting> waiting_;  // guarded by mutex_
  bool working_ = false;          // guarded by mutex_: somebody commits
};

}  // namespace codeapi
