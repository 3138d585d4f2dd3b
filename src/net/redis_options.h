// Where a Redis is and how it is spoken to.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/settings.h"

namespace codeapi {

struct RedisOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 6379;
  std::string unix_path;  ///< of a Unix socket; then host, port and TLS do not count
  std::string username;   ///< of an ACL user; empty: the default user
  std::string password;   ///< empty: none
  int db = 0;
  bool tls = false;
  bool tls_verify = true;       ///< false: encrypts and trusts anybody
  std::string tls_ca_file;      ///< PEM; empty: the system's authorities
  std::string tls_server_name;  ///< in the server's certificate; empty: the host
  std::string client_name;      ///< what CLIENT LIST shows; no spaces; empty: nothing

  std::chrono::milliseconds connect_timeout{2'000};  ///< greeting included
  std::chrono::milliseconds command_timeout{2'000};  ///< waiting for a connection included
  std::chrono::milliseconds min_backoff{50};         ///< between attempts to connect, doubling
  std::chrono::milliseconds max_backoff{1'000};
  std::chrono::milliseconds keep_alive{0};  ///< idle time after which TCP probes; 0: never

  std::size_t max_reply_bytes = 256uz << 20;     ///< a larger one ends the connection
  std::size_t max_pending = 100'000;             ///< commands without a reply; one more is refused
  std::size_t max_pending_bytes = 1024uz << 20;  ///< of those commands

  /// `host:port` or the socket's path, for messages.
  std::string where() const;
};

/// `redis://[[user]:password@]host[:port][/db]`, `rediss://…` for TLS,
/// `unix://[[user]:password@]/path[?db=n]`. User and password may be percent-encoded; IPv6 addresses stand in
/// brackets. kInvalid, without showing the text, which may hold a password.
Result<RedisOptions> ParseRedisUrl(std::string_view url);

/// A Redis of its own, at `url`, reached as the settings say of TLS and times.
Result<RedisOptions> RedisOptionsAt(std::string_view url, const Settings& settings);

/// What the settings say; nothing if they name no Redis. kInvalid for a bad REDIS_URL.
Result<std::optional<RedisOptions>> RedisOptionsFrom(const Settings& settings);

}  // namespace codeapi
