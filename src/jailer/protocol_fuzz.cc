// Fuzzes what worker and jailer read from each other: the frame parser, fed in pieces, and every Decode of
// messages.h on the payloads of the frames. The first byte of the input says how the rest is used: its low
// bits choose the sizes of the pieces, the flags below add what an input of a few kilobytes does not reach.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fuzzing.h"
#include "jailer/messages.h"
#include "jailer/protocol.h"

namespace codeapi {

// For the comparison of messages that carry them; found by argument-dependent lookup.
bool operator==(const RefusedCallReport& a, const RefusedCallReport& b) {
  return boost::pfr::eq_fields(a, b);
}
bool operator==(const HarvestRules& a, const HarvestRules& b) {
  return boost::pfr::eq_fields(a, b);
}
bool operator==(const HarvestSummary& a, const HarvestSummary& b) {
  return boost::pfr::eq_fields(a, b);
}

namespace {

constexpr std::uint8_t kPieces = 0x1f;     // sizes of the pieces
constexpr std::uint8_t kMessage = 0x20;    // the rest is one control payload, not a stream
constexpr std::uint8_t kBacklog = 0xc0;    // both bits: the stream comes behind a backlog of full data frames
constexpr std::size_t kBacklogFrames = 5;  // more than the parser keeps before it moves its buffer

void FuzzMessages(std::string_view payload) {
  if (const auto settings = RequireRoundTrip<JailerSettings>(payload)) {
    Require(settings->uid_base != 0, "no program is root");
  }
  RequireRoundTrip<JailerInfo>(payload);
  RequireRoundTrip<RunRequest>(payload);
  if (const auto file = RequireRoundTrip<RunFile>(payload)) {
    Require(file->kind <= kLastCellFileKind, "a file is of a known kind");
  }
  RequireRoundTrip<RunOutput>(payload);
  if (const auto verdict = RequireRoundTrip<Verdict>(payload)) {
    Require(std::string_view(RunEndName(verdict->end)) != "unknown", "a run ends in a known way");
  }
  RequireRoundTrip<RunFailure>(payload);
  if (const auto credit = DecodeCredit(payload)) {
    Require(EncodeCredit(*credit) == payload, "a credit is encoded as it came");
  }
}

// What came out of a parser: its frames encoded again, one after the other, and its error.
struct Parsed {
  std::string bytes;
  std::string error;
  bool operator==(const Parsed&) const = default;
};

void TakeFrames(FrameParser& parser, Parsed& out, std::vector<Frame>* keep) {
  while (auto frame = parser.Next()) {
    Require(out.error.empty(), "after an error there is never another frame");
    Require(IsKnownFrame(static_cast<std::uint8_t>(frame->type)), "a frame is of a known type");
    Require(frame->payload.size() <= (IsDataFrame(frame->type) ? kMaxDataPayload : kMaxControlPayload),
            "no frame is beyond its bound");
    out.bytes += EncodeFrame(frame->type, frame->job, frame->payload);
    if (keep != nullptr) keep->push_back(std::move(*frame));
  }
  Require(out.error.empty() || out.error == parser.error(), "the first error stays");
  out.error = parser.error();
}

Parsed ParseInPieces(std::string_view stream, std::size_t first_piece) {
  FrameParser parser;
  Parsed out;
  for (std::size_t size = first_piece; !stream.empty(); size = size * 5 % 61 + 1) {
    const std::string_view piece = stream.substr(0, size);
    stream.remove_prefix(piece.size());
    parser.Feed(piece);
    TakeFrames(parser, out, nullptr);
  }
  return out;
}

void FuzzStream(std::string_view bytes, std::uint8_t how) {
  std::string stream;
  if ((how & kBacklog) == kBacklog) {
    const std::string full(kMaxDataPayload, 'x');
    for (std::size_t i = 0; i < kBacklogFrames; ++i) stream += EncodeFrame(FrameType::kStdout, 1, full);
  }
  const std::size_t backlog = stream.size();
  stream.append(bytes);

  FrameParser parser;
  Parsed whole;
  std::vector<Frame> frames;
  parser.Feed(stream);
  TakeFrames(parser, whole, &frames);
  Require(whole.bytes.size() >= backlog, "every frame of the backlog came out");
  Require(stream.starts_with(whole.bytes), "frames encoded again are the bytes they came from");
  // What is no longer parsed after an error may be any bytes; what is still waited for must be one frame.
  if (whole.error.empty()) {
    Require(stream.size() - whole.bytes.size() < kFrameHeaderSize + kMaxControlPayload,
            "what waits is less than a frame");
  }

  FrameParser pieces;
  Parsed cut;
  pieces.Feed(std::string_view(stream).substr(0, backlog));
  TakeFrames(pieces, cut, nullptr);
  Require(cut.error.empty(), "the backlog is well-formed");
  const Parsed rest = ParseInPieces(bytes, (how & kPieces) + 1);
  Require(cut.bytes + rest.bytes == whole.bytes && rest.error == whole.error,
          "how the stream is cut makes no difference");

  for (const Frame& frame : frames) {
    if (frame.payload.size() < kMaxDataPayload) FuzzMessages(frame.payload);
  }
}

}  // namespace
}  // namespace codeapi

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & codeapi::kMessage) != 0) {
    codeapi::FuzzMessages(rest);
  } else {
    codeapi::FuzzStream(rest, data[0]);
  }
  return 0;
}
