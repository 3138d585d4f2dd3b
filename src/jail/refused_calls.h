// The listener's end of the filter in logging mode: answers each refused call as the filters would have, and
// counts it. See filter_program.h.
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "jail/cell_messages.h"
#include "jail/lockdown.h"

struct seccomp_data;

namespace codeapi {

/// Not thread-safe. A program that floods it waits for each answer, so nothing piles up: there is a bounded
/// table of counts and at most one unanswered call per thread of the program.
class RefusedCalls {
 public:
  /// `deny` and `allow` are the compiled filters and must outlive this.
  RefusedCalls(const std::string& deny, const std::string& allow);

  /// The filter to load instead of both, with a listener. Empty: they do not fit into one.
  const std::string& filter() const { return joined_; }

  void Listen(UniqueFd listener) { listener_ = std::move(listener); }
  /// Readable when a call waits for its answer; -1 when nobody is left who could make one.
  int fd() const { return listener_.get(); }

  /// Answers what waits, a bounded number of calls, and never blocks. `events` is what poll said about fd().
  void Answer(short events);

  /// By call, in the order in which each was first refused.
  std::vector<RefusedCall> Take() { return std::move(counts_); }

 private:
  bool AnswerOne();
  int Refuse(const seccomp_data& call);

  FilterProgram deny_, allow_;
  std::string joined_;
  UniqueFd listener_;
  std::vector<RefusedCall> counts_;
};

/// Takes the descriptor that the lock-down sends (LockdownSpec::listening) from `socket`, once it is there.
/// Empty when something else came, which then still waits in the socket, or nothing.
UniqueFd ReceiveDescriptor(int socket);

}  // namespace codeapi
