// The keys that tokens are checked with, by key id, from all the settings that can name some.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "auth/jwt_key.h"
#include "base/log.h"
#include "base/result.h"
#include "base/settings.h"

namespace codeapi {

/// Keys by key id.
using JwtKeySet = std::map<std::string, JwtKey, std::less<>>;

/// The algorithms of CODEAPI_JWT_ALLOWED_ALGS, a list with commas. Names that nobody knows are logged and
/// left out; kInvalid, naming the setting, if none is left.
Result<std::vector<JwtAlgorithm>> AllowedAlgorithms(const Settings& settings, Log& log);

/// Whether any setting names a key or a secret for tokens.
bool NamesJwtKeys(const Settings& settings);

/// Whether `kid` can name a key: 1 to 255 bytes that are not all spaces, without control characters.
bool IsKeyId(std::string_view kid);

/// Four sources, of which a later one wins where two have one key id (this is logged):
///   1. CODEAPI_JWT_JWKS_JSON; keys without an id are left out, and so are, with a line in the log, keys of
///      kinds that are not used here (RFC 7517, section 5, asks for it);
///   2. CODEAPI_JWT_PUBLIC_KEYS_DIR: every regular file whose name does not begin with a dot, symbolic links
///      to such files included; its name without the last extension is the key id; PEM or JWK;
///   3. CODEAPI_JWT_PUBLIC_KEY with CODEAPI_JWT_KID;
///   4. CODEAPI_JWT_HS256_SECRET, when HS256 is allowed; else it is not used and that is logged.
/// A thread of its own reads the directory again every CODEAPI_JWT_KEY_CACHE_TTL_SECONDS, so no request waits
/// for a disk and a key that was removed is refused after that time. While the directory cannot be used, the
/// keys it had last stay. Thread-safe.
class JwtKeys {
 public:
  /// Reads all sources. kInvalid, with one line that names the setting, if one cannot be used or there is
  /// no key at all. `allowed` is what AllowedAlgorithms gave; `log` must outlive the object.
  static Result<std::unique_ptr<JwtKeys>> Load(const Settings& settings,
                                               const std::vector<JwtAlgorithm>& allowed, Log& log);

  ~JwtKeys() = default;
  JwtKeys(const JwtKeys&) = delete;
  JwtKeys& operator=(const JwtKeys&) = delete;

  /// The keys now. A set never changes, so a caller may keep it for the length of a request.
  std::shared_ptr<const JwtKeySet> current() const;

  /// Reads the directory, if there is one, at once; what is wrong goes to the log.
  void Reload();

 private:
  using Files = std::map<std::string, std::string>;  // key id to content

  JwtKeys(const Settings& settings, Log& log) : directory_(settings.jwt_public_keys_dir), log_(log) {}
  Result<void> LoadFixed(const Settings& settings, bool hs256);
  Result<void> LoadJwks(const std::string& text);
  Result<Files> ReadDirectory() const;
  Result<void> Use(Files files);
  void Watch(const std::stop_token& stop, std::chrono::milliseconds interval);

  const std::string directory_;
  Log& log_;
  JwtKeySet below_;  // what keys of the directory win over
  JwtKeySet above_;  // what wins over them
  std::mutex reload_mutex_;
  Files files_;  // as they were last used

  mutable std::mutex mutex_;
  std::shared_ptr<const JwtKeySet> current_;
  std::jthread watcher_;  // last: it uses the rest until it has ended
};

}  // namespace codeapi
