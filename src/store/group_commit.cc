#include "store/group_commit.h"

#include <algorithm>

namespace codeapi {
namespace {

// One group is one transaction: a bound on how long the first of it waits for the last.
constexpr std::size_t kMaxGroup = 256;

}  // namespace

void GroupCommit::enqueue(std::unique_ptr<Operation> operation) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(operation));
    if (draining_) return;
    draining_ = true;
  }
  // Only a caller that breaks the rule of outliving its calls can find the pool stopped.
  pool_.post([this] { drain(); });
}

void GroupCommit::drain() {
  for (;;) {
    Group all;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) {
        draining_ = false;
        return;
      }
      all.swap(waiting_);
    }
    for (std::span<std::unique_ptr<Operation>> rest = all; !rest.empty();) {
      rest = rest.subspan(runReads(rest));
      rest = rest.subspan(runTransaction(rest.first(std::min(rest.size(), kMaxGroup))));
    }
  }
}

// Runs the reads at the front and answers each at once: they see only what is committed. Returns how many.
std::size_t GroupCommit::runReads(std::span<std::unique_ptr<Operation>> group) {
  std::size_t count = 0;
  for (; count < group.size() && group[count]->access == Access::kRead; ++count) {
    group[count]->execute();
    group[count]->finish();
  }
  return count;
}

// Runs all of the group, which begins with a write, in one transaction. Returns how many were answered: fewer
// than all if an operation's error ended the transaction early.
std::size_t GroupCommit::runTransaction(std::span<std::unique_ptr<Operation>> group) {
  if (group.empty()) return 0;
  std::size_t count = 0;
  std::optional<Error> error;
  if (auto begun = transactions_.begin(); !begun) {
    error = std::move(begun.error());
    count = group.size();
  }
  while (!error && count < group.size()) {
    Operation& operation = *group[count++];
    operation.execute();
    if (!transactions_.active()) error = operation.error();  // those before it were rolled back with it
  }
  if (!error) {
    if (auto committed = transactions_.commit(); !committed) error = std::move(committed.error());
  }
  for (std::unique_ptr<Operation>& operation : group.first(count)) {
    // What a read saw may have been rolled back; it can be had again. A write cannot.
    if (error && operation->access == Access::kRead) operation->execute();
    if (error && operation->access == Access::kWrite) operation->fail(*error);
    operation->finish();
  }
  return count;
}

}  // namespace codeapi
