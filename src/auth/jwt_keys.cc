#include "auth/jwt_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include <boost/json.hpp>

#include "auth/strict_json.h"

namespace codeapi {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kMaxKeyFile = 65'536;
constexpr std::size_t kMaxKeys = 256;  // of one source
constexpr std::size_t kMaxKeyId = 255;
constexpr char kDirectorySetting[] = "CODEAPI_JWT_PUBLIC_KEYS_DIR";

std::unexpected<Error> Bad(std::string message) {
  return Fail(ErrorCode::kInvalid, std::move(message));
}

std::string_view Trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

// A PEM in an environment variable often has `\n` where its lines end. In a JWK that would be no JSON.
std::string UnescapeLineEnds(const std::string& text) {
  if (Trimmed(text).starts_with('{')) return text;
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == 'n') {
      out += '\n';
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

Result<std::string> ReadKeyFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxKeyFile + 1, '\0');
  if (!file) return Bad(std::string(kDirectorySetting) + ": " + path.string() + " cannot be read");
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (file.bad()) return Bad(std::string(kDirectorySetting) + ": " + path.string() + " cannot be read");
  if (text.size() > kMaxKeyFile) {
    return Bad(std::string(kDirectorySetting) + ": " + path.string() + " is too long for a key");
  }
  return text;
}

}  // namespace

Result<std::vector<JwtAlgorithm>> AllowedAlgorithms(const Settings& settings, Log& log) {
  std::vector<JwtAlgorithm> allowed;
  std::string_view rest = settings.jwt_allowed_algs;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    const std::string_view name = Trimmed(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    if (name.empty()) continue;
    const auto algorithm = FindAlgorithm(name);
    if (algorithm) {
      allowed.push_back(*algorithm);
    } else {
      log.Write(Severity::kWarning, "unknown algorithm left out",
                {{"setting", "CODEAPI_JWT_ALLOWED_ALGS"}, {"algorithm", name}});
    }
  }
  if (allowed.empty()) return Bad("CODEAPI_JWT_ALLOWED_ALGS: names none of EdDSA, RS256, HS256");
  return allowed;
}

bool NamesJwtKeys(const Settings& settings) {
  return !settings.jwt_jwks_json.empty() || !settings.jwt_public_keys_dir.empty() ||
         !settings.jwt_public_key.empty() || !settings.jwt_hs256_secret.empty();
}

bool IsKeyId(std::string_view kid) {
  return kid.size() <= kMaxKeyId && kid.find_first_not_of(' ') != std::string_view::npos &&
         std::ranges::none_of(kid, [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

Result<std::unique_ptr<JwtKeys>> JwtKeys::Load(const Settings& settings,
                                               const std::vector<JwtAlgorithm>& allowed, Log& log) {
  std::unique_ptr<JwtKeys> keys(new JwtKeys(settings, log));
  const bool hs256 = std::ranges::find(allowed, JwtAlgorithm::kHs256) != allowed.end();
  if (auto loaded = keys->LoadFixed(settings, hs256); !loaded) return std::unexpected(loaded.error());
  if (keys->directory_.empty()) {
    if (auto used = keys->Use({}); !used) return std::unexpected(std::move(used.error()));
  } else {
    auto files = keys->ReadDirectory();
    if (!files) return std::unexpected(std::move(files.error()));
    if (auto used = keys->Use(std::move(*files)); !used) return std::unexpected(std::move(used.error()));
  }
  if (keys->current_->empty()) {
    return Bad(
        "there is no key to check tokens with: set CODEAPI_JWT_PUBLIC_KEY (and CODEAPI_JWT_KID), "
        "CODEAPI_JWT_PUBLIC_KEYS_DIR or CODEAPI_JWT_JWKS_JSON");
  }
  if (!keys->directory_.empty()) {
    keys->watcher_ = std::jthread([it = keys.get(), interval = settings.jwt_key_cache_ttl](
                                      const std::stop_token& stop) { it->Watch(stop, interval); });
  }
  return keys;
}

Result<void> JwtKeys::LoadFixed(const Settings& settings, bool hs256) {
  if (!settings.jwt_jwks_json.empty()) {
    if (auto loaded = LoadJwks(settings.jwt_jwks_json); !loaded) return loaded;
  }
  if (!settings.jwt_public_key.empty()) {
    if (!IsKeyId(settings.jwt_kid)) return Bad("CODEAPI_JWT_KID: CODEAPI_JWT_PUBLIC_KEY needs a key id");
    auto key = JwtKey::FromPublicText(UnescapeLineEnds(settings.jwt_public_key));
    if (!key) return Bad("CODEAPI_JWT_PUBLIC_KEY: " + key.error().message);
    above_.insert_or_assign(settings.jwt_kid, std::move(*key));
  }
  if (settings.jwt_hs256_secret.empty()) return {};
  if (!hs256) {
    log_.Write(Severity::kWarning, "CODEAPI_JWT_HS256_SECRET is not used",
               {{"detail", "CODEAPI_JWT_ALLOWED_ALGS does not name HS256"}});
    return {};
  }
  auto key = JwtKey::FromSecret(settings.jwt_hs256_secret);
  if (!key) return Bad("CODEAPI_JWT_HS256_SECRET: " + key.error().message);
  const std::string kid = !settings.jwt_hs256_kid.empty() ? settings.jwt_hs256_kid
                          : !settings.jwt_kid.empty()     ? settings.jwt_kid
                                                          : "hs256-dev";
  if (!IsKeyId(kid)) return Bad("CODEAPI_JWT_HS256_KID: is not a key id");
  if (above_.contains(kid)) {
    log_.Write(Severity::kWarning, "token key replaced by one of the same id",
               {{"kid", kid}, {"by", "CODEAPI_JWT_HS256_SECRET"}});
  }
  above_.insert_or_assign(kid, std::move(*key));
  return {};
}

Result<void> JwtKeys::LoadJwks(const std::string& text) {
  const std::string setting = "CODEAPI_JWT_JWKS_JSON: ";
  auto set = ParseStrictObject(text);
  if (!set) return Bad(setting + set.error().message);
  const json::value* list = set->if_contains("keys");
  if (list == nullptr || !list->is_array()) return Bad(setting + "has no array of keys");
  if (list->as_array().size() > kMaxKeys) return Bad(setting + "has more than 256 keys");
  for (const json::value& item : list->as_array()) {
    if (!item.is_object()) return Bad(setting + "has a key that is not an object");
    const json::value* id = item.as_object().if_contains("kid");
    // A key without an id cannot be asked for.
    if (id == nullptr) continue;
    if (!id->is_string() || !IsKeyId(id->as_string())) return Bad(setting + "has a key with an unusable kid");
    const std::string kid(id->as_string());
    // An accident worth stopping for, where a kind we do not use is none.
    if (item.as_object().contains("d")) return Bad(fmt::format("{}has the private key of {}", setting, kid));
    auto key = JwtKey::FromJwk(item.as_object());
    if (key) {
      below_.insert_or_assign(kid, std::move(*key));
    } else {
      log_.Write(Severity::kWarning, "token key left out",
                 {{"setting", "CODEAPI_JWT_JWKS_JSON"}, {"kid", kid}, {"detail", key.error().message}});
    }
  }
  return {};
}

Result<JwtKeys::Files> JwtKeys::ReadDirectory() const {
  const std::string setting = std::string(kDirectorySetting) + ": ";
  Files files;
  std::error_code ec;
  fs::directory_iterator entry(directory_, ec);
  for (const fs::directory_iterator end; !ec && entry != end; entry.increment(ec)) {
    const fs::path& path = entry->path();
    // Mounted secrets of an orchestrator keep their versions in names with a dot, editors their copies.
    if (path.filename().native().starts_with('.')) continue;
    std::error_code gone;
    if (!fs::is_regular_file(path, gone)) continue;
    const std::string kid = path.stem();
    if (!IsKeyId(kid)) return Bad(setting + "has a file whose name is no key id");
    if (files.size() == kMaxKeys) return Bad(setting + directory_ + " has more than 256 files");
    auto text = ReadKeyFile(path);
    if (!text) return std::unexpected(std::move(text.error()));
    if (!files.emplace(kid, std::move(*text)).second) {
      return Bad(fmt::format("{}{} has two files for the key id {}", setting, directory_, kid));
    }
  }
  if (ec) return Bad(setting + directory_ + " cannot be read: " + ec.message());
  return files;
}

Result<void> JwtKeys::Use(Files files) {
  JwtKeySet merged = below_;
  for (const auto& [kid, text] : files) {
    auto key = JwtKey::FromPublicText(text);
    if (!key) {
      return Bad(std::string(kDirectorySetting) + ": the file of " + kid + " " + key.error().message);
    }
    merged.insert_or_assign(kid, std::move(*key));
  }
  for (const auto& [kid, key] : above_) merged.insert_or_assign(kid, key);
  if (merged.size() < below_.size() + files.size() + above_.size()) {
    log_.Write(Severity::kWarning, "token key replaced by one of the same id",
               {{"by", "a later of JWKS, directory, single key and secret"}});
  }
  files_ = std::move(files);
  auto next = std::make_shared<const JwtKeySet>(std::move(merged));
  const std::lock_guard lock(mutex_);
  current_ = std::move(next);
  return {};
}

std::shared_ptr<const JwtKeySet> JwtKeys::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

void JwtKeys::Reload() {
  if (directory_.empty()) return;
  const std::lock_guard lock(reload_mutex_);
  auto files = ReadDirectory();
  if (files && *files == files_) return;
  auto used = files ? Use(std::move(*files)) : std::unexpected(std::move(files.error()));
  if (!used) {
    log_.Write(Severity::kWarning, "token keys not read again, the old ones stay",
               {{"detail", used.error().message}});
    return;
  }
  log_.Write(Severity::kInfo, "token keys read again",
             {{"keys", static_cast<std::int64_t>(current()->size())}});
}

void JwtKeys::Watch(const std::stop_token& stop, std::chrono::milliseconds interval) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  while (!wake.wait_for(lock, stop, interval, [&] { return stop.stop_requested(); })) Reload();
}

}  // namespace codeapi
