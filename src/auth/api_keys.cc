#include "auth/api_keys.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <boost/json.hpp>

#include "auth/strict_json.h"
#include "store/sha256.h"

namespace codeapi {
namespace {

namespace json = boost::json;
using boost::asio::awaitable;
using std::chrono::milliseconds;
using std::chrono::system_clock;

constexpr std::string_view kPrefix = "capi_";
constexpr std::string_view kRecordPrefix = "apikey:";
constexpr std::string_view kAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::size_t kIdSize = 12;
constexpr std::size_t kSecretSize = 43;  // 62^43 is a little more than 2^256
constexpr std::size_t kMaxLabel = 256;

std::string RandomText(std::size_t size) {
  std::string out;
  while (out.size() < size) {
    unsigned char byte = 0;
    // Without a generator there is nothing sensible left to do.
    if (RAND_priv_bytes(&byte, 1) != 1) std::abort();
    // 248 is 4 * 62: above it, the first letters would be likelier than the others.
    if (byte < 248) out += kAlphabet[byte % kAlphabet.size()];
  }
  return out;
}

bool IsPlain(std::string_view text) {
  return text.find_first_not_of(kAlphabet) == std::string_view::npos;
}

bool IsApiKeyId(std::string_view id) {
  return id.size() == kIdSize && IsPlain(id);
}

std::string RecordKey(std::string_view id) {
  return std::string(kRecordPrefix) + std::string(id);
}

// Of the whole key, so that a hash belongs to one id.
std::string Hash(std::string_view key) {
  Sha256 hash;
  hash.update(key);
  return hash.finish();
}

std::int64_t ToMs(system_clock::time_point time) {
  return std::chrono::floor<milliseconds>(time.time_since_epoch()).count();
}

struct Record {
  ApiKeyInfo info;
  std::string hash;
};

std::string Encode(const Record& record) {
  json::object out{{"hash", record.hash},          {"user", record.info.user},
                   {"tenant", record.info.tenant}, {"plan", record.info.plan},
                   {"label", record.info.label},   {"created", ToMs(record.info.created)}};
  if (record.info.expires) out["expires"] = ToMs(*record.info.expires);
  return json::serialize(out);
}

Result<Record> Decode(std::string_view id, std::string_view text) {
  const auto broken = [&] {
    return Fail(ErrorCode::kInternal, "the record of API key " + std::string(id) + " cannot be read");
  };
  const auto in = ParseStrictObject(text);
  if (!in) return broken();
  const auto string = [&](std::string_view name, std::string& out) {
    const json::value* value = in->if_contains(name);
    if (value == nullptr || !value->is_string()) return false;
    out = value->get_string();
    return true;
  };
  Record out;
  out.info.id = id;
  const json::value* created = in->if_contains("created");
  if (!string("hash", out.hash) || !string("user", out.info.user) || !string("tenant", out.info.tenant) ||
      !string("plan", out.info.plan) || !string("label", out.info.label) || created == nullptr ||
      !created->is_int64()) {
    return broken();
  }
  out.info.created = system_clock::time_point(milliseconds(created->get_int64()));
  if (const json::value* expires = in->if_contains("expires")) {
    if (!expires->is_int64()) return broken();
    out.info.expires = system_clock::time_point(milliseconds(expires->get_int64()));
  }
  return out;
}

Result<void> CheckGrant(const ApiKeyGrant& grant) {
  const auto bad = [](const char* message) { return Fail(ErrorCode::kInvalid, message); };
  if (!IsPrincipalId(grant.user)) return bad("the user must be 1 to 256 bytes without control characters");
  if (!IsPrincipalId(grant.tenant)) {
    return bad("the tenant must be 1 to 256 bytes without control characters");
  }
  if (!grant.plan.empty() && !IsPrincipalId(grant.plan)) {
    return bad("the plan must be at most 256 bytes without control characters");
  }
  static_assert(kMaxLabel == kMaxPrincipalId);
  if (!grant.label.empty() && !IsPrincipalId(grant.label)) {
    return bad("the label must be at most 256 bytes without control characters");
  }
  if (grant.life && (*grant.life < std::chrono::seconds(1) || *grant.life > kMaxStateTtl)) {
    return bad("a key lives between one second and ten years");
  }
  return {};
}

}  // namespace

bool LooksLikeApiKey(std::string_view text) {
  return text.size() == kPrefix.size() + kIdSize + 1 + kSecretSize && text.starts_with(kPrefix) &&
         text[kPrefix.size() + kIdSize] == '_' && IsApiKeyId(text.substr(kPrefix.size(), kIdSize)) &&
         IsPlain(text.substr(text.size() - kSecretSize));
}

ApiKeys::ApiKeys(StateStore& store, Clock now)
    : store_(store), now_(now ? std::move(now) : [] { return system_clock::now(); }) {}

awaitable<Result<std::string>> ApiKeys::Create(ApiKeyGrant grant) {
  if (auto checked = CheckGrant(grant); !checked) co_return std::unexpected(checked.error());
  Record record;
  record.info.user = std::move(grant.user);
  record.info.tenant = std::move(grant.tenant);
  record.info.plan = std::move(grant.plan);
  record.info.label = std::move(grant.label);
  record.info.created = now_();
  if (grant.life) record.info.expires = record.info.created + *grant.life;
  // An id that is taken already would be a marvel; a loop without an end would be worse.
  for (int attempt = 0; attempt < 3; ++attempt) {
    const std::string id = RandomText(kIdSize);
    std::string key = fmt::format("{}{}_{}", kPrefix, id, RandomText(kSecretSize));
    record.hash = Hash(key);
    auto stored = co_await store_.put_if_absent(RecordKey(id), Encode(record), grant.life);
    if (!stored) co_return std::unexpected(std::move(stored.error()));
    if (*stored) co_return key;
  }
  co_return Fail(ErrorCode::kInternal, "no free id for an API key");
}

awaitable<Result<std::vector<ApiKeyInfo>>> ApiKeys::List() {
  std::vector<ApiKeyInfo> out;
  std::string after;
  while (true) {
    auto names = co_await store_.keys(std::string(kRecordPrefix), after, kMaxStateBatch);
    if (!names) co_return std::unexpected(std::move(names.error()));
    if (names->empty()) co_return out;
    after = names->back();
    auto records = co_await store_.get_many(*names);
    if (!records) co_return std::unexpected(std::move(records.error()));
    for (std::size_t i = 0; i < names->size(); ++i) {
      const auto& text = (*records)[i];
      if (!text) continue;  // revoked meanwhile
      auto record = Decode(std::string_view((*names)[i]).substr(kRecordPrefix.size()), *text);
      if (!record) co_return std::unexpected(std::move(record.error()));
      if (!record->info.expires || *record->info.expires > now_()) out.push_back(std::move(record->info));
    }
  }
}

awaitable<Result<bool>> ApiKeys::Revoke(std::string id) {
  if (!IsApiKeyId(id)) co_return false;
  co_return co_await store_.remove(RecordKey(id));
}

awaitable<Result<std::optional<Principal>>> ApiKeys::Verify(std::string key) {
  if (!LooksLikeApiKey(key)) co_return std::nullopt;
  const std::string id = key.substr(kPrefix.size(), kIdSize);
  auto text = co_await store_.get(RecordKey(id));
  if (!text) co_return std::unexpected(std::move(text.error()));
  if (!*text) co_return std::nullopt;
  auto record = Decode(id, **text);
  if (!record) co_return std::unexpected(std::move(record.error()));
  const std::string hash = Hash(key);
  if (hash.size() != record->hash.size() ||
      CRYPTO_memcmp(hash.data(), record->hash.data(), hash.size()) != 0) {
    co_return std::nullopt;
  }
  // The store drops expired records too, by its own clock; whichever is earlier counts.
  if (record->info.expires && *record->info.expires <= now_()) co_return std::nullopt;
  Principal out;
  out.auth_context_hash = Hash("api_key:" + record->info.tenant + ":" + record->info.user);
  out.tenant = std::move(record->info.tenant);
  out.user = std::move(record->info.user);
  out.plan = std::move(record->info.plan);
  out.source = PrincipalSource::kApiKey;
  out.key_id = id;
  co_return out;
}

}  // namespace codeapi
