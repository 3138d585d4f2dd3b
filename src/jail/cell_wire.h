// What the jailer and a cell's init say to each other over the cell's control stream: small length-prefixed
// messages, packed without padding in host byte order (both ends are always the same machine and build).
//
//   jailer -> init   setup, prestart, begin, file-begin / file-data* / file-end (each file), go,
//   tool-result*, kill init -> jailer   ready, prestarted, compiled, tool-call*, tool-wait*, exited,
//   output-begin / output-data* /
//                    output-end (each file), summary, failed
//
// Prestart, after ready, is for some cells only; begin then comes after prestarted.
//
// A program that is compiled first needs two go: the first one starts the compiler, and the second one, which
// answers "compiled", the program. A kill in its place ends the run there. A compiler that fails, or is
// killed, is reported as the exit of the run.
//
// The jailer treats all that init sends as hostile: init walks a tree that a stranger's program has left
// behind.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace codeapi {

enum class CellMessage : std::uint8_t {
  kSetup = 1,    ///< CellSetup
  kBegin,        ///< CellBegin
  kFileBegin,    ///< CellFile; its bytes follow
  kFileData,     ///< raw bytes
  kFileEnd,      ///< empty
  kGo,           ///< empty: every file is there, start the compiler or the program
  kKill,         ///< empty: end the program now
  kToolResult,   ///< CellToolResult: a part of the answer to a call
  kPrestart,     ///< CellPrestart
  kReady = 64,   ///< step timings
  kExited,       ///< CellExit
  kOutputBegin,  ///< CellOutput; its bytes follow
  kOutputData,   ///< raw bytes
  kOutputEnd,    ///< u8: 1 when every byte was sent
  kSummary,      ///< HarvestSummary: the last message
  kFailed,       ///< CellFailure: the last message
  kCompiled,     ///< CellExit of a compiler that ended with 0; init waits for go or kill
  kToolCall,     ///< CellToolCall: the program calls a tool
  kToolWait,     ///< CellToolWait: all of the program waits for answers
  kPrestarted,   ///< u64: bytes of memory that the waiting interpreter has to itself; 0: not known
};

/// Largest payload of one message. Data messages carry at most kMaxCellData bytes.
inline constexpr std::uint32_t kMaxCellPayload = 4u << 20;
inline constexpr std::uint32_t kMaxCellData = 64u << 10;
inline constexpr std::size_t kCellHeaderSize = 5;

/// Appends fields to a message.
class WireWriter {
 public:
  WireWriter& U8(std::uint8_t v) { return Raw(&v, sizeof v); }
  WireWriter& U32(std::uint32_t v) { return Raw(&v, sizeof v); }
  WireWriter& U64(std::uint64_t v) { return Raw(&v, sizeof v); }
  WireWriter& Str(std::string_view v) {
    U32(static_cast<std::uint32_t>(v.size()));
    return Raw(v.data(), v.size());
  }
  /// The rest of a message: as it is, without a length.
  WireWriter& Rest(std::string_view v) { return Raw(v.data(), v.size()); }
  WireWriter& Strs(const std::vector<std::string>& list) {
    U32(static_cast<std::uint32_t>(list.size()));
    for (const std::string& item : list) Str(item);
    return *this;
  }
  WireWriter& U32s(const std::vector<std::uint32_t>& list) {
    U32(static_cast<std::uint32_t>(list.size()));
    for (const std::uint32_t item : list) U32(item);
    return *this;
  }

  /// The whole message with its header. The writer stays usable but holds the payload only.
  std::string Message(CellMessage type) const {
    const auto length = static_cast<std::uint32_t>(payload_.size());
    std::string out(kCellHeaderSize, '\0');
    std::memcpy(out.data(), &length, sizeof length);
    out[4] = static_cast<char>(type);
    return out + payload_;
  }
  const std::string& payload() const { return payload_; }

 private:
  WireWriter& Raw(const void* data, std::size_t size) {
    payload_.append(static_cast<const char*>(data), size);
    return *this;
  }
  std::string payload_;
};

/// Takes fields from a payload. Reading past the end gives zeroes and makes ok() false for good, so a caller
/// checks once, after the last field.
class WireReader {
 public:
  explicit WireReader(std::string_view payload) : rest_(payload) {}
  std::uint8_t U8() { return Number<std::uint8_t>(); }
  std::uint32_t U32() { return Number<std::uint32_t>(); }
  std::uint64_t U64() { return Number<std::uint64_t>(); }
  std::string_view Str() {
    const std::uint32_t size = U32();
    if (size > rest_.size()) return Bad();
    const std::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }
  /// All that is left.
  std::string_view Rest() { return std::exchange(rest_, {}); }
  std::vector<std::string> Strs() {
    const std::uint32_t count = U32();
    std::vector<std::string> out;
    for (std::uint32_t i = 0; i < count && ok_; ++i) out.emplace_back(Str());
    return out;
  }
  std::vector<std::uint32_t> U32s() {
    const std::uint32_t count = U32();
    std::vector<std::uint32_t> out;
    for (std::uint32_t i = 0; i < count && ok_; ++i) out.push_back(U32());
    return out;
  }
  bool ok() const { return ok_; }
  /// ok(), and nothing is left over.
  bool done() const { return ok_ && rest_.empty(); }

 private:
  template <typename T>
  T Number() {
    T v{};
    if (rest_.size() < sizeof v) {
      Bad();
      return v;
    }
    std::memcpy(&v, rest_.data(), sizeof v);
    rest_.remove_prefix(sizeof v);
    return v;
  }
  std::string_view Bad() {
    ok_ = false;
    rest_ = {};
    return {};
  }
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace codeapi
