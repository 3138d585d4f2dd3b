// The jailer protocol: what a worker and its jailer say to each other over one byte stream.
//
// Theory of operation. The stream is a socketpair on one machine and a virtio-console port to a microVM, so
// it is nothing but bytes: frames of a header {u32 length, u8 type, u32 job}, little endian, and a payload.
// Control payloads are JSON objects, data payloads raw bytes. Jobs are numbered by the worker and never
// reused on one connection.
//
//   worker -> jailer   hello (settings), run, file-begin / file-data* / file-end (each file of the run),
//                      tool-result* (each answer), credit, cancel
//   jailer -> worker   hello (what this host can do), stdout, stderr, tool-call, tool-wait, file-begin /
//                      file-data* / file-end (each output), credit, and exactly one of verdict or error per
//                      run, which ends the job; pool-state, about no job, now and then
//
// A run starts when as many files have ended as its request announced. Flow control: each side may send
// kInitialCredit bytes of data (file-data, stdout, stderr, tool calls and results) per job and then as much
// as the other side grants by credit frames, so one job that nobody reads holds up no other and memory per
// job is bounded. The worker trusts nothing the jailer sends beyond what these bounds make harmless.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace codeapi {

enum class FrameType : std::uint8_t {
  kHello = 1,
  kRun = 2,
  kFileBegin = 3,
  kFileData = 4,
  kFileEnd = 5,
  kStdout = 6,
  kStderr = 7,
  kToolCall = 8,    ///< CellToolCall
  kToolResult = 9,  ///< CellToolResult
  kCancel = 10,
  kVerdict = 11,
  kError = 12,
  kCredit = 13,
  kToolWait = 14,   ///< CellToolWait: stdout and stderr that the program wrote before have been sent
  kPoolState = 15,  ///< of job 0: EncodePoolStates(); only where there is something new to say
};

inline constexpr std::size_t kFrameHeaderSize = 9;
/// Largest control payload: arguments, settings and the input of a tool call fit with room to spare.
inline constexpr std::uint32_t kMaxControlPayload = 4u << 20;
/// Largest data payload.
inline constexpr std::uint32_t kMaxDataPayload = 64u << 10;
/// Bytes of data either side may send per job before the first credit.
inline constexpr std::uint32_t kInitialCredit = 1u << 20;

struct Frame {
  FrameType type{};
  std::uint32_t job = 0;
  std::string payload;
};

constexpr bool IsDataFrame(FrameType type) {
  return type == FrameType::kFileData || type == FrameType::kStdout || type == FrameType::kStderr ||
         type == FrameType::kToolResult;
}

/// Whether a frame's payload uses up credit.
constexpr bool TakesCredit(FrameType type) {
  return IsDataFrame(type) || type == FrameType::kToolCall;
}

constexpr bool IsKnownFrame(std::uint8_t type) {
  return type >= 1 && type <= 15;
}

/// Header and payload as they go on the wire.
std::string EncodeFrame(FrameType type, std::uint32_t job, std::string_view payload);

/// The same at the end of `out`.
void AppendFrame(std::string& out, FrameType type, std::uint32_t job, std::string_view payload);

/// The payload of a credit frame.
std::string EncodeCredit(std::uint32_t bytes);
std::optional<std::uint32_t> DecodeCredit(std::string_view payload);

/// Cuts a byte stream into frames. Bounded: a header that announces more than its type may carry is an error
/// before anything is stored. Not thread-safe.
class FrameParser {
 public:
  /// Adds bytes from the stream.
  void Feed(std::string_view bytes) { buffer_.append(bytes); }

  /// The next whole frame, if there is one. After an error there is never another.
  std::optional<Frame> Next();

  /// Set once the peer broke the protocol: why.
  const std::string& error() const { return error_; }

 private:
  std::string buffer_;
  std::size_t offset_ = 0;
  std::string error_;
};

}  // namespace codeapi
