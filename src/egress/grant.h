// What the gateway gives to a worker for one round of one execution: a grant, and handles in place of ids.
// All are sealed: a worker carries them and reads nothing in them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "egress/refusal.h"
#include "egress/sealer.h"

namespace codeapi {

/// Bytes of a sealed grant or handle; a longer text is refused unread.
inline constexpr std::size_t kMaxSealedGrant = 4096;
/// The same of a sealed callback token, which names tools.
inline constexpr std::size_t kMaxSealedCallback = 48u << 10;

/// What each kind is sealed for.
inline constexpr std::string_view kGrantLabel = "codeapi-egress-grant:v1";
inline constexpr std::string_view kHandleLabel = "codeapi-egress-handle:v1";
inline constexpr std::string_view kCallbackLabel = "codeapi-egress-callback:v1";

/// How far the clocks of gateways may differ.
inline constexpr std::chrono::seconds kGrantClockTolerance(30);

/// What one round of one execution may ask of the gateway. Ids have the shape of base/ids.h.
struct Grant {
  std::string grant_id, exec_id;
  std::uint32_t round = 1;
  std::string output_session_id;
  std::uint64_t max_upload_bytes = 0;  ///< of one file
  std::uint32_t max_output_files = 0, max_requests = 0, tool_calls = 0;
  std::int64_t iat = 0, exp = 0;  ///< seconds since 1970

  friend bool operator==(const Grant&, const Grant&) = default;

  std::string Seal(const Sealer& sealer) const;
  /// The grant, whatever its time. 400 `malformed` for a text that Seal() did not make.
  static Allowed<Grant> OpenAnyTime(const Sealer& sealer, std::string_view text);
  /// The grant if it is good at `now`; else also 401 `expired`.
  static Allowed<Grant> Open(const Sealer& sealer, std::string_view text,
                             std::chrono::system_clock::time_point now);
};

/// In place of an id, of one grant only.
struct Handle {
  enum class Kind : char { kReadSession = 'r', kWriteSession = 'w', kObject = 'o' };
  Kind kind = Kind::kObject;
  std::string grant_id;
  std::string session_id;
  std::string object_id;  ///< of objects only

  friend bool operator==(const Handle&, const Handle&) = default;

  std::string Seal(const Sealer& sealer) const;
  /// A handle of this kind and this grant. 400 `malformed`, 403 `wrong_type` or `scope_mismatch`.
  static Allowed<Handle> Open(const Sealer& sealer, std::string_view text, Kind kind, const Grant& grant);
};

/// In place of the token of a tool-call session.
struct CallbackToken {
  std::string grant_id, exec_id, session_id;
  std::string token;                              ///< the tool-call server's
  std::optional<std::vector<std::string>> tools;  ///< that may be called; none given: all
  std::int64_t iat = 0, exp = 0;

  friend bool operator==(const CallbackToken&, const CallbackToken&) = default;

  std::string Seal(const Sealer& sealer) const;
  static Allowed<CallbackToken> Open(const Sealer& sealer, std::string_view text,
                                     std::chrono::system_clock::time_point now);
};

inline constexpr Refusal kMalformedGrant{400, "malformed", "Egress grant is malformed"};
inline constexpr Refusal kExpiredGrant{401, "expired", "Egress grant is expired"};
inline constexpr Refusal kGrantOfLater{401, "not_yet_valid", "Egress grant is not valid yet"};
inline constexpr Refusal kMalformedHandle{400, "malformed", "Egress handle is malformed"};
inline constexpr Refusal kWrongHandle{403, "wrong_type", "Egress handle is of another kind"};
inline constexpr Refusal kForeignHandle{403, "scope_mismatch", "Egress handle does not belong to the grant"};

}  // namespace codeapi
