// What the fuzz targets (src/<room>/*_fuzz.cc, run by scripts/fuzz.sh) share. Nothing else includes this.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <boost/pfr.hpp>

namespace codeapi {

/// Ends the process with a report of `property` unless it holds; libFuzzer then keeps the input.
inline void Require(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "property does not hold: %s\n", property);
  std::abort();
}

/// Requires that what decodes as a `Message` survives encoding and decoding, field by field, and that its
/// encoding is stable. Fields are compared one by one because an encoder that forgets a field still gives the
/// same bytes twice. Returns what was decoded, for further properties; empty if `payload` does not decode.
template <typename Message>
auto RequireRoundTrip(std::string_view payload) {
  auto first = Message::Decode(payload);
  if (first) {
    const std::string encoded = first->Encode();
    const auto again = Message::Decode(encoded);
    Require(static_cast<bool>(again), "what was encoded decodes");
    Require(boost::pfr::eq_fields(*first, *again), "decode(encode(x)) == x");
    Require(again->Encode() == encoded, "encoding is stable");
  }
  return first;
}

}  // namespace codeapi
