#include "store/object_commits.h"

#include <utility>

namespace codeapi {

void ObjectCommits::Add(ObjectDirectory::Draft& draft, Done done) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({&draft, std::move(done)});
    if (working_) return;
    working_ = true;
  }
  while (true) {
    std::vector<Waiting> group;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) {
        working_ = false;
        return;
      }
      group.swap(waiting_);
    }
    std::vector<ObjectDirectory::Draft*> drafts;
    drafts.reserve(group.size());
    for (const Waiting& one : group) drafts.push_back(one.draft);
    std::vector<Result<ObjectInfo>> results = directory_.commit(drafts);
    for (std::size_t i = 0; i < group.size(); ++i) group[i].done(std::move(results[i]));
  }
}

}  // namespace codeapi
