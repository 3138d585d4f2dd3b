// Fuzzes what the jailer and a cell's init read from each other: every Decode of cell_messages.h, and the
// reader below them driven by a script of field types. The first byte of the input is the number of script
// bytes, the script follows, the rest is the payload.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/fuzzing.h"
#include "jail/cell_messages.h"
#include "jail/cell_wire.h"

namespace codeapi {

// For the comparison of messages that carry it; found by argument-dependent lookup.
bool operator==(const RefusedCall& a, const RefusedCall& b) {
  return boost::pfr::eq_fields(a, b);
}
bool operator==(const HarvestRules& a, const HarvestRules& b) {
  return boost::pfr::eq_fields(a, b);
}

namespace {

// Reads one field and writes it again.
void CopyField(std::uint8_t kind, std::string_view payload, WireReader& in, WireWriter& out) {
  switch (kind % 5) {
    case 0:
      out.U8(in.U8());
      break;
    case 1:
      out.U32(in.U32());
      break;
    case 2:
      out.U64(in.U64());
      break;
    case 3: {
      const std::string_view text = in.Str();
      if (!text.empty()) {
        Require(text.data() >= payload.data() && text.end() <= payload.end(), "a string lies in the payload");
      }
      out.Str(text);
      break;
    }
    default:
      out.Strs(in.Strs());
  }
}

void FuzzReader(std::string_view script, std::string_view payload) {
  WireReader in(payload);
  WireWriter out;
  for (const char kind : script) {
    const bool was_ok = in.ok();
    CopyField(static_cast<std::uint8_t>(kind), payload, in, out);
    Require(was_ok || !in.ok(), "a reader that failed stays failed");
    if (!in.ok()) {
      Require(in.U64() == 0 && in.Str().empty() && in.Strs().empty(), "a failed reader gives nothing");
      Require(!in.done(), "a failed reader is not done");
      return;
    }
  }
  const std::string& copy = out.payload();
  Require(payload.starts_with(copy), "fields written again are the bytes they were read from");
  Require(in.done() == (copy.size() == payload.size()), "done means that nothing is left");
}

void FuzzDecoders(std::string_view payload) {
  RequireRoundTrip<HarvestRules>(payload);
  RequireRoundTrip<CellSetup>(payload);
  if (const auto begin = RequireRoundTrip<CellBegin>(payload)) {
    Require(!begin->argv.empty(), "there is a program to run");
  }
  if (const auto file = RequireRoundTrip<CellFile>(payload)) {
    Require(file->kind <= kLastCellFileKind, "a file is of a known kind");
  }
  RequireRoundTrip<CellExit>(payload);
  RequireRoundTrip<CellOutput>(payload);
  if (const auto summary = RequireRoundTrip<HarvestSummary>(payload)) {
    Require(summary->skipped.size() <= HarvestSummary::kMaxSkippedNames, "few names are listed");
    Require((summary->unchanged.size() + summary->deleted.size()) * sizeof(std::uint32_t) <= payload.size(),
            "a count does not outgrow its payload");
  }
  RequireRoundTrip<CellFailure>(payload);
  if (const auto call = RequireRoundTrip<CellToolCall>(payload)) {
    Require(call->tool < kMaxTools && call->input.size() <= kMaxToolInput, "a tool call is bounded");
  }
  if (const auto result = RequireRoundTrip<CellToolResult>(payload)) {
    Require(result->kind >= '0' && result->kind <= '2', "an answer is of a known kind");
  }
  RequireRoundTrip<CellToolWait>(payload);
}

}  // namespace
}  // namespace codeapi

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string_view script = rest.substr(0, std::min<std::size_t>(data[0], rest.size()));
  rest.remove_prefix(script.size());
  codeapi::FuzzReader(script, rest);
  codeapi::FuzzDecoders(rest);
  return 0;
}
