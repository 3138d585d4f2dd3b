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
  /// False when the jailer is gone.
  bool Send(CellMessage type, std::string_view payload);
  /// Sends kFailed with the current errno unless `error` is given.
  void SendFailure(const std::string& step, int error, bool input = false);

 private:
  int fd_;
};

}  // namespace codeapi
