// Which client request a piece of work belongs to, across processes: W3C Trace Context.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace codeapi {

/// One hop of a trace: who did this, on whose behalf. Every process that takes part has a span of its own.
struct TraceContext {
  std::string trace_id;  ///< 32 lower-case hex digits, not all 0; empty: belongs to no trace
  std::string span_id;   ///< 16 lower-case hex digits, not all 0: this hop's own
  bool sampled = false;  ///< whether the one who began the trace records it

  /// The context's `traceparent` header, for whom this hop asks; empty without a trace.
  std::string Header() const;
};

/// A new trace with a first span. Thread-safe, as what follows.
TraceContext NewTrace();

/// The next hop of the trace that a `traceparent` header names, with a span of its own. Nothing unless the
/// header is exactly what version 00 of the standard allows, or begins so in a later version: it may come
/// from anybody.
std::optional<TraceContext> ContinueTrace(std::string_view traceparent);

/// The same, or a new trace.
TraceContext TraceFrom(std::string_view traceparent);

}  // namespace codeapi
