#include "egress/grant.h"

#include <limits>
#include <utility>

#include <boost/json.hpp>

#include "auth/strict_json.h"
#include "base/ids.h"

namespace codeapi {
namespace {

namespace json = boost::json;
using TimePoint = std::chrono::system_clock::time_point;

constexpr std::int64_t kLastSecond = 253'402'300'799;  // of the year 9999
constexpr std::uint64_t kMostBytes = 1ull << 50;

// Reads the members of what we have written ourselves. One that is missing or of another type spoils the
// whole.
class Members {
 public:
  explicit Members(const json::object& object) : object_(object) {}

  std::string Text(std::string_view name) {
    const json::value* value = Find(name);
    if (value == nullptr || !value->is_string()) return Spoil<std::string>();
    return std::string(value->get_string());
  }
  std::string Id(std::string_view name) {
    std::string text = Text(name);
    return IsId(text) ? text : Spoil<std::string>();
  }
  std::uint64_t Number(std::string_view name, std::uint64_t most) {
    const json::value* value = Find(name);
    boost::system::error_code bad;
    if (value == nullptr || value->is_double() || !value->is_number()) return Spoil<std::uint64_t>();
    const auto number = value->to_number<std::uint64_t>(bad);
    return bad || number > most ? Spoil<std::uint64_t>() : number;
  }
  std::uint32_t Count(std::string_view name) {
    return static_cast<std::uint32_t>(Number(name, std::numeric_limits<std::uint32_t>::max()));
  }
  std::int64_t Second(std::string_view name) { return static_cast<std::int64_t>(Number(name, kLastSecond)); }
  std::optional<std::vector<std::string>> Texts(std::string_view name) {
    const json::value* value = object_.if_contains(json::string_view(name.data(), name.size()));
    if (value == nullptr) return {};
    seen_++;
    if (!value->is_array()) return Spoil<std::vector<std::string>>();
    std::vector<std::string> out;
    for (const json::value& item : value->get_array()) {
      if (!item.is_string()) return Spoil<std::vector<std::string>>();
      out.emplace_back(item.get_string());
    }
    return out;
  }
  /// Whether all was there, and nothing else.
  bool whole() const { return whole_ && seen_ == object_.size(); }

 private:
  template <typename T>
  T Spoil() {
    whole_ = false;
    return T{};
  }
  const json::value* Find(std::string_view name) {
    seen_++;
    return object_.if_contains(json::string_view(name.data(), name.size()));
  }

  const json::object& object_;
  std::size_t seen_ = 0;
  bool whole_ = true;
};

std::optional<json::object> OpenObject(const Sealer& sealer, std::string_view label, std::string_view text) {
  const auto opened = sealer.Open(label, text);
  if (!opened) return {};
  auto object = ParseStrictObject(*opened);
  if (!object) return {};
  return std::move(*object);
}

std::int64_t Seconds(TimePoint at) {
  return std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
}

Allowed<void> CheckTimes(std::int64_t iat, std::int64_t exp, TimePoint now) {
  const std::int64_t at = Seconds(now);
  if (exp <= at - kGrantClockTolerance.count()) return Refuse(kExpiredGrant);
  if (iat > at + kGrantClockTolerance.count()) return Refuse(kGrantOfLater);
  return {};
}

}  // namespace

std::string Grant::Seal(const Sealer& sealer) const {
  return sealer.Seal(kGrantLabel, json::serialize(json::object{{"v", 1},
                                                               {"grant_id", grant_id},
                                                               {"exec_id", exec_id},
                                                               {"round", round},
                                                               {"output_session_id", output_session_id},
                                                               {"max_upload_bytes", max_upload_bytes},
                                                               {"max_output_files", max_output_files},
                                                               {"max_requests", max_requests},
                                                               {"tool_calls", tool_calls},
                                                               {"iat", iat},
                                                               {"exp", exp}}));
}

Allowed<Grant> Grant::OpenAnyTime(const Sealer& sealer, std::string_view text) {
  if (text.size() > kMaxSealedGrant) return Refuse(kMalformedGrant);
  const auto object = OpenObject(sealer, kGrantLabel, text);
  if (!object) return Refuse(kMalformedGrant);
  Members members(*object);
  const bool ours = members.Number("v", 1) == 1;
  Grant grant{.grant_id = members.Id("grant_id"),
              .exec_id = members.Id("exec_id"),
              .round = members.Count("round"),
              .output_session_id = members.Id("output_session_id"),
              .max_upload_bytes = members.Number("max_upload_bytes", kMostBytes),
              .max_output_files = members.Count("max_output_files"),
              .max_requests = members.Count("max_requests"),
              .tool_calls = members.Count("tool_calls"),
              .iat = members.Second("iat"),
              .exp = members.Second("exp")};
  if (!ours || !members.whole() || grant.round == 0) return Refuse(kMalformedGrant);
  return grant;
}

Allowed<Grant> Grant::Open(const Sealer& sealer, std::string_view text, TimePoint now) {
  auto grant = OpenAnyTime(sealer, text);
  if (!grant) return grant;
  if (auto good = CheckTimes(grant->iat, grant->exp, now); !good) return Refuse(good.error());
  return grant;
}

std::string Handle::Seal(const Sealer& sealer) const {
  return sealer.Seal(kHandleLabel,
                     std::string(1, static_cast<char>(kind)) + grant_id + session_id + object_id);
}

Allowed<Handle> Handle::Open(const Sealer& sealer, std::string_view text, Kind kind, const Grant& grant) {
  if (text.size() > kMaxSealedGrant) return Refuse(kMalformedHandle);
  const auto opened = sealer.Open(kHandleLabel, text);
  if (!opened || opened->empty()) return Refuse(kMalformedHandle);
  const bool object = opened->front() == static_cast<char>(Kind::kObject);
  if (opened->size() != 1 + kIdLength * (object ? 3 : 2)) return Refuse(kMalformedHandle);
  Handle handle{static_cast<Kind>(opened->front()), opened->substr(1, kIdLength),
                opened->substr(1 + kIdLength, kIdLength),
                object ? opened->substr(1 + 2 * kIdLength) : std::string()};
  if (!IsId(handle.grant_id) || !IsId(handle.session_id) || (object && !IsId(handle.object_id)))
    return Refuse(kMalformedHandle);
  if (handle.kind != kind) return Refuse(kWrongHandle);
  if (handle.grant_id != grant.grant_id) return Refuse(kForeignHandle);
  return handle;
}

std::string CallbackToken::Seal(const Sealer& sealer) const {
  json::object object{{"v", 1},
                      {"grant_id", grant_id},
                      {"exec_id", exec_id},
                      {"session_id", session_id},
                      {"callback_token", token},
                      {"iat", iat},
                      {"exp", exp}};
  if (tools) object["allowed_tool_names"] = json::array(tools->begin(), tools->end());
  return sealer.Seal(kCallbackLabel, json::serialize(object));
}

Allowed<CallbackToken> CallbackToken::Open(const Sealer& sealer, std::string_view text, TimePoint now) {
  if (text.size() > kMaxSealedCallback) return Refuse(kMalformedHandle);
  const auto object = OpenObject(sealer, kCallbackLabel, text);
  if (!object) return Refuse(kMalformedHandle);
  Members members(*object);
  const bool ours = members.Number("v", 1) == 1;
  CallbackToken out{.grant_id = members.Id("grant_id"),
                    .exec_id = members.Text("exec_id"),
                    .session_id = members.Text("session_id"),
                    .token = members.Text("callback_token"),
                    .tools = members.Texts("allowed_tool_names"),
                    .iat = members.Second("iat"),
                    .exp = members.Second("exp")};
  if (!ours || !members.whole()) return Refuse(kMalformedHandle);
  if (auto good = CheckTimes(out.iat, out.exp, now); !good) return Refuse(good.error());
  return out;
}

}  // namespace codeapi
