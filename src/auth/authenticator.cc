#include "auth/authenticator.h"

#include <openssl/crypto.h>

#include <utility>

#include "base/text.h"
#include "store/sha256.h"

namespace codeapi {
namespace {

using boost::asio::awaitable;

constexpr std::size_t kMinSyntheticToken = 32;

std::unexpected<AuthFailure> Refuse(int status, const char* text, std::string_view reason) {
  return std::unexpected(AuthFailure{status, text, std::string(reason)});
}

std::unexpected<Error> Bad(std::string message) {
  return Fail(ErrorCode::kInvalid, std::move(message));
}

std::string Trimmed(const std::optional<std::string>& header) {
  constexpr const char* kSpaces = " \t";
  if (!header) return {};
  const std::size_t begin = header->find_first_not_of(kSpaces);
  if (begin == std::string::npos) return {};
  return header->substr(begin, header->find_last_not_of(kSpaces) - begin + 1);
}

// The token of `Bearer <token>`; empty for other schemes and without a token.
std::string BearerOf(const std::optional<std::string>& authorization) {
  const std::string value = Trimmed(authorization);
  const std::size_t space = value.find_first_of(" \t");
  if (space == std::string::npos || AsciiLower(value.substr(0, space)) != "bearer") return {};
  return Trimmed(value.substr(space));
}

std::string Sha256Hex(const std::string& text) {
  Sha256 hash;
  hash.update(text);
  return hash.finish();
}

// Of hashes, so that the time taken does not even tell the length.
bool SameSecret(const std::string& a, const std::string& b) {
  const std::string left = Sha256Hex(a);
  const std::string right = Sha256Hex(b);
  return CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

// Who vouches for callers, once `auto` has been resolved; nothing in local mode.
std::optional<AuthProvider> Provider(const Settings& settings) {
  if (settings.local_mode == LocalMode::kOn) return {};
  const bool named = settings.auth_provider != AuthProvider::kAuto || NamesJwtKeys(settings);
  if (settings.local_mode == LocalMode::kAuto && !named) return {};
  return settings.auth_provider == AuthProvider::kAuto ? AuthProvider::kLibreChatJwt : settings.auth_provider;
}

}  // namespace

Result<std::unique_ptr<Authenticator>> Authenticator::Make(const Settings& settings, StateStore& store,
                                                           Log& log, Clock now) {
  if (!now) now = [] { return std::chrono::system_clock::now(); };
  std::unique_ptr<Authenticator> out(new Authenticator(now));
  const auto provider = Provider(settings);
  if (!provider) {
    if (settings.auth_provider != AuthProvider::kAuto) {
      log.Write(Severity::kWarning, "CODEAPI_AUTH_PROVIDER is not used", {{"detail", "LOCAL_MODE is on"}});
    }
    return out;
  }
  if (*provider == AuthProvider::kNone) {
    if (settings.allow_auth_provider_none) return out;
    return Bad(
        "CODEAPI_AUTH_PROVIDER=none: serves everyone without asking; if that is meant, set "
        "CODEAPI_ALLOW_AUTH_PROVIDER_NONE=true");
  }
  if (*provider != AuthProvider::kApiKey) {
    if (auto made = out->ConfigureTokens(settings, log); !made) return std::unexpected(made.error());
  }
  if (*provider != AuthProvider::kLibreChatJwt) out->keys_.emplace(store, std::move(now));
  if (auto made = out->ConfigureSynthetic(settings); !made) return std::unexpected(made.error());
  return out;
}

Result<void> Authenticator::ConfigureTokens(const Settings& settings, Log& log) {
  auto allowed = AllowedAlgorithms(settings, log);
  if (!allowed) return std::unexpected(std::move(allowed.error()));
  auto keys = JwtKeys::Load(settings, *allowed, log);
  if (!keys) return std::unexpected(std::move(keys.error()));
  auto rules = JwtRules::Make(settings, std::move(*allowed));
  if (!rules) return std::unexpected(std::move(rules.error()));
  jwt_.emplace(std::move(*rules), std::move(*keys));
  return {};
}

Result<void> Authenticator::ConfigureSynthetic(const Settings& settings) {
  if (settings.synthetic_access_token.empty()) return {};
  if (settings.synthetic_access_token.size() < kMinSyntheticToken) {
    return Bad("CODEAPI_SYNTHETIC_ACCESS_TOKEN: has less than 32 bytes");
  }
  if (!IsPrincipalId(settings.synthetic_user_id)) {
    return Bad("CODEAPI_SYNTHETIC_USER_ID: cannot name a user");
  }
  if (!IsPrincipalId(settings.synthetic_tenant_id)) {
    return Bad("CODEAPI_SYNTHETIC_TENANT_ID: cannot name a tenant");
  }
  synthetic_token_ = settings.synthetic_access_token;
  synthetic_.user = settings.synthetic_user_id;
  synthetic_.tenant = settings.synthetic_tenant_id;
  synthetic_.source = PrincipalSource::kSynthetic;
  synthetic_.auth_context_hash = Sha256Hex("synthetic_test:" + synthetic_.tenant + ":" + synthetic_.user);
  return {};
}

awaitable<std::expected<Principal, AuthFailure>> Authenticator::Authenticate(Credentials credentials) {
  if (open()) co_return Principal::Local();
  if (credentials.repeated) co_return Refuse(400, "Ambiguous authentication headers", "repeated_header");
  const std::string bearer = BearerOf(credentials.authorization);
  const std::string key = Trimmed(credentials.api_key);
  const std::string synthetic = Trimmed(credentials.synthetic);
  if (!synthetic.empty()) {
    if (!bearer.empty() || !key.empty()) {
      co_return Refuse(400, "Ambiguous authentication headers", "several_credentials");
    }
    co_return CheckSynthetic(synthetic, credentials.is_exec);
  }
  if (jwt_ && !bearer.empty()) co_return CheckBearer(bearer);
  if (keys_ && !key.empty()) co_return co_await CheckKey(key);
  co_return Refuse(401, jwt_ ? "Bearer token is required" : "API key is required", "no_credentials");
}

Authenticator::Answer Authenticator::CheckSynthetic(const std::string& token, bool is_exec) const {
  if (!is_exec) return Refuse(403, "Synthetic auth is only allowed for CodeAPI exec", "synthetic_elsewhere");
  if (synthetic_token_.empty()) return Refuse(401, "Synthetic auth is not configured", "no_synthetic");
  if (!SameSecret(token, synthetic_token_)) {
    return Refuse(401, "Invalid synthetic token", "wrong_synthetic");
  }
  return synthetic_;
}

Authenticator::Answer Authenticator::CheckBearer(const std::string& token) const {
  auto principal = VerifyJwt(token, *jwt_->keys->current(), jwt_->rules, now_());
  if (!principal) return Refuse(401, "Invalid bearer token", ProblemName(principal.error()));
  return std::move(*principal);
}

awaitable<Authenticator::Answer> Authenticator::CheckKey(std::string key) {
  auto principal = co_await keys_->Verify(std::move(key));
  if (!principal) co_return Refuse(503, "Authentication is temporarily unavailable", "store_failed");
  if (!*principal) co_return Refuse(401, "Invalid API key", "wrong_api_key");
  co_return std::move(**principal);
}

std::string Authenticator::Describe() const {
  if (open()) return "no authentication: everyone is one user";
  std::string out;
  if (jwt_) {
    const std::size_t count = jwt_->keys->current()->size();
    out = "LibreChat tokens (" + std::to_string(count) + (count == 1 ? " key)" : " keys)");
  }
  if (keys_) out += jwt_ ? " and API keys" : "API keys";
  if (!synthetic_token_.empty()) out += ", and a synthetic token for exec";
  return out;
}

}  // namespace codeapi
