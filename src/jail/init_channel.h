// Init's end of the control stream: blocking, one message at a time.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "jail/cell_messages.h"
#include "jail/cell_wire.h"

namespace codeapi {

struct CellMessageIn {
  CellMessage type;
  std::string payload;
};

/// Not thread-safe. The stream's end and a protocol error look the same: there is nobody left to tell.
class InitChannel {
 public:
  explicit InitChannel(int fd) : fd_(fd) {}
  int fd() const { return fd_; }

  /// The next message, or nullopt when the jailer is gone.
  std::optional<CellMessageIn> Receive();
  /// False when the jailer is gone. What is queued goes first.
  bool Send(CellMessage type, std::string_view payload);

  /// For who must not wait for the jailer: keeps the message until Flush() finds room for it.
  void Queue(CellMessage type, std::string_view payload);
  /// Sends what there is room for. False when the jailer is gone.
  bool Flush();
  /// Bytes that wait for Flush().
  std::size_t queued() const { return queue_.size() - queue_at_; }
  /// Forgets what waits, but for the rest of a message of which a part is gone; Send() finishes that.
  void DropQueued();
  /// Sends kFailed with the current errno unless `error` is given.
  void SendFailure(const std::string& step, int error, bool input = false);

 private:
  bool FinishQueue();

  int fd_;
  std::string queue_;
  std::size_t queue_at_ = 0;     // what is gone
  std::size_t queue_whole_ = 0;  // where the first message that is not yet gone as a whole ends
};

}  // namespace codeapi
