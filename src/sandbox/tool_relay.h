// The tool calls of one run, between a jailer, which is not trusted, and who answers them.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "sandbox/sandbox.h"

namespace codeapi {

/// Not thread-safe: everything on one strand. Errors are kSetupFailed for what no jailer says, and the
/// peer's.
class ToolRelay {
 public:
  /// `peer` must outlive this.
  ToolRelay(ToolPeer& peer, std::uint32_t most_calls) : peer_(peer), most_calls_(most_calls) {}

  /// Payload of a tool-call frame.
  boost::asio::awaitable<Result<void>> OnCall(std::string payload);
  /// Payload of a tool-wait frame. One that an answer has crossed on the way is out of date, and the peer is
  /// not told: another follows when the program has that answer.
  boost::asio::awaitable<Result<void>> OnWait(std::string payload);

  /// Asks the peer for answers: the payloads of the tool-result frames to send, in order.
  boost::asio::awaitable<std::vector<std::string>> NextParts();

 private:
  ToolPeer& peer_;
  const std::uint32_t most_calls_;
  std::uint32_t calls_ = 0, answers_ = 0;
  std::set<std::uint32_t> open_;
};

}  // namespace codeapi
