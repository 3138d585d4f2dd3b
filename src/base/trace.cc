#include "base/trace.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstdlib>

namespace codeapi {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::size_t kTraceDigits = 32, kSpanDigits = 16;
constexpr std::size_t kHeaderLength = 2 + 1 + kTraceDigits + 1 + kSpanDigits + 1 + 2;

bool IsHex(std::string_view text) {
  return text.find_first_not_of(kHex) == std::string_view::npos;
}

bool IsHexId(std::string_view text) {
  return IsHex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

std::string RandomHex(std::size_t digits) {
  std::array<unsigned char, kTraceDigits> random{};
  while (::getrandom(random.data(), digits, 0) != static_cast<ssize_t>(digits)) {
    if (errno != EINTR) std::abort();  // see NewId()
  }
  std::string out(digits, '\0');
  for (std::size_t i = 0; i < digits; ++i) out[i] = kHex[random[i] & 15];
  out.back() = out.back() == '0' ? '1' : out.back();  // all zeros would be no id
  return out;
}

}  // namespace

std::string TraceContext::Header() const {
  if (trace_id.empty()) return {};
  return "00-" + trace_id + "-" + span_id + (sampled ? "-01" : "-00");
}

TraceContext NewTrace() {
  return {RandomHex(kTraceDigits), RandomHex(kSpanDigits), false};
}

std::optional<TraceContext> ContinueTrace(std::string_view header) {
  if (header.size() < kHeaderLength) return std::nullopt;
  const std::string_view version = header.substr(0, 2);
  const std::string_view trace = header.substr(3, kTraceDigits);
  const std::string_view span = header.substr(4 + kTraceDigits, kSpanDigits);
  const std::string_view flags = header.substr(5 + kTraceDigits + kSpanDigits, 2);
  const bool dashes =
      header[2] == '-' && header[3 + kTraceDigits] == '-' && header[4 + kTraceDigits + kSpanDigits] == '-';
  // A later version may have more behind another dash; version ff is forbidden.
  const bool end = header.size() == kHeaderLength || (version != "00" && header[kHeaderLength] == '-');
  if (!dashes || !end || !IsHex(version) || version == "ff" || !IsHexId(trace) || !IsHexId(span) ||
      !IsHex(flags)) {
    return std::nullopt;
  }
  const bool sampled = (kHex.find(flags[1]) & 1) != 0;
  return TraceContext{std::string(trace), RandomHex(kSpanDigits), sampled};
}

TraceContext TraceFrom(std::string_view traceparent) {
  auto continued = ContinueTrace(traceparent);
  return continued ? std::move(*continued) : NewTrace();
}

}  // namespace codeapi
