// Why the gateway does not do what it was asked.
#pragma once

#include <expected>
#include <string_view>

#include "net/http_message.h"

namespace codeapi {

/// The header that tells programs, in one word, why a request was refused.
inline constexpr std::string_view kEgressErrorHeader = "X-CodeAPI-Egress-Error";

/// An answer other than success. Both texts live for ever.
struct Refusal {
  int status = 500;
  std::string_view code;     ///< one word, for programs and metrics: there are few
  std::string_view message;  ///< for people

  friend bool operator==(const Refusal&, const Refusal&) = default;
};

/// `T`, or why there is none.
template <typename T>
using Allowed = std::expected<T, Refusal>;

/// `return Refuse(kExpiredGrant)`
inline std::unexpected<Refusal> Refuse(const Refusal& refusal) {
  return std::unexpected(refusal);
}

/// `{"error":"<message>"}` with the code in a header; a 503 says when to try again.
inline Response RefusalResponse(const Refusal& refusal) {
  Response response = ErrorResponse(refusal.status, refusal.message);
  response.headers.add(std::string(kEgressErrorHeader), std::string(refusal.code));
  if (refusal.status == 503) response.headers.add("Retry-After", "1");
  return response;
}

}  // namespace codeapi
