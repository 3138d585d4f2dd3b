#include "net/redis_options.h"

#include <charconv>
#include <utility>

#include "base/text.h"

namespace codeapi {
namespace {

constexpr int kMaxDb = 65'535;

// Whether all of `text` is a number from `minimum` to `maximum`.
bool ReadNumber(std::string_view text, int minimum, int maximum, int& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc() && end == text.data() + text.size() && into >= minimum && into <= maximum;
}

std::unexpected<Error> Bad(std::string_view why) {
  return Fail(ErrorCode::kInvalid, "REDIS_URL " + std::string(why));
}

// Takes `user:password@` off the front of `rest`.
void TakeUser(std::string_view& rest, RedisOptions& options) {
  const std::size_t at = rest.substr(0, rest.find('/')).rfind('@');
  if (at == rest.npos) return;
  const std::string_view user = rest.substr(0, at);
  rest.remove_prefix(at + 1);
  const std::size_t colon = user.find(':');
  options.username = PercentDecode(user.substr(0, colon));
  if (colon != user.npos) options.password = PercentDecode(user.substr(colon + 1));
}

Result<RedisOptions> ParseUnix(std::string_view rest, RedisOptions options) {
  const std::size_t query = rest.find('?');
  options.unix_path = PercentDecode(rest.substr(0, query));
  if (!options.unix_path.starts_with('/')) return Bad("names no absolute path");
  if (query == rest.npos) return options;
  const std::string_view asked = rest.substr(query + 1);
  if (!asked.starts_with("db=") || !ReadNumber(asked.substr(3), 0, kMaxDb, options.db)) {
    return Bad("may end in ?db=<number> only");
  }
  return options;
}

}  // namespace

std::string RedisOptions::where() const {
  return unix_path.empty() ? host + ":" + std::to_string(port) : unix_path;
}

Result<RedisOptions> ParseRedisUrl(std::string_view url) {
  RedisOptions options;
  const std::size_t scheme_end = url.find("://");
  const std::string scheme = AsciiLower(url.substr(0, scheme_end));
  if (scheme_end == url.npos || (scheme != "redis" && scheme != "rediss" && scheme != "unix")) {
    return Bad("must begin with redis://, rediss:// or unix://");
  }
  std::string_view rest = url.substr(scheme_end + 3);
  options.tls = scheme == "rediss";
  TakeUser(rest, options);
  if (scheme == "unix") return ParseUnix(rest, std::move(options));

  const std::size_t slash = rest.find('/');
  std::string_view address = rest.substr(0, slash);
  std::string_view db = slash == rest.npos ? std::string_view() : rest.substr(slash + 1);
  if (!db.empty() && !ReadNumber(db, 0, kMaxDb, options.db)) return Bad("names no database after the host");
  std::size_t host_end = address.rfind(':');
  if (address.starts_with('[')) {
    const std::size_t closing = address.find(']');
    if (closing == address.npos) return Bad("has a [ without a ]");
    options.host = address.substr(1, closing - 1);
    host_end = closing + 1 == address.size() ? address.npos : closing + 1;
    if (host_end != address.npos && address[host_end] != ':') return Bad("has a bad address");
  } else {
    options.host = address.substr(0, host_end);
  }
  if (options.host.empty()) return Bad("names no host");
  if (host_end != address.npos) {
    int port = 0;
    if (!ReadNumber(address.substr(host_end + 1), 1, 65'535, port)) return Bad("has a bad port");
    options.port = static_cast<std::uint16_t>(port);
  }
  return options;
}

namespace {

void SetManner(RedisOptions& options, const Settings& settings) {
  options.tls_verify = settings.redis_tls_verify;
  options.tls_ca_file = settings.redis_tls_ca;
  options.tls_server_name = settings.redis_tls_server_name;
  options.connect_timeout = settings.redis_connect_timeout;
  options.command_timeout = settings.redis_command_timeout;
  options.keep_alive = settings.redis_keep_alive;
}

}  // namespace

Result<std::optional<RedisOptions>> RedisOptionsFrom(const Settings& settings) {
  if (settings.redis_url.empty() && settings.redis_host.empty()) return std::optional<RedisOptions>();
  RedisOptions options;
  if (!settings.redis_url.empty()) {
    auto parsed = ParseRedisUrl(settings.redis_url);
    if (!parsed) return std::unexpected(std::move(parsed.error()));
    options = std::move(*parsed);
  } else {
    options.host = settings.redis_host;
    options.port = settings.redis_port;
  }
  if (options.username.empty()) options.username = settings.redis_username;
  if (options.password.empty()) options.password = settings.redis_password;
  if (options.db == 0) options.db = settings.redis_db;
  options.tls = options.unix_path.empty() && (options.tls || settings.redis_tls);
  SetManner(options, settings);
  return std::optional<RedisOptions>(std::move(options));
}

Result<RedisOptions> RedisOptionsAt(std::string_view url, const Settings& settings) {
  auto options = ParseRedisUrl(url);
  if (options) SetManner(*options, settings);
  return options;
}

}  // namespace codeapi
