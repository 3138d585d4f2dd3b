#include "net/redis_link.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>

namespace codeapi {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;
using Unix = asio::local::stream_protocol;
using error_code = boost::system::error_code;

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);

bool StartsWithAny(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(words, [&](std::string_view word) { return text.starts_with(word); });
}

std::unexpected<Error> Away(const RedisOptions& options, std::string_view why) {
  return Fail(ErrorCode::kUnavailable, "Redis at " + options.where() + ": " + std::string(why));
}

}  // namespace

bool IsRedisElsewhere(std::string_view error) {
  return StartsWithAny(error, {"READONLY", "LOADING", "MASTERDOWN", "UNBLOCKED"});
}

Error RedisReplyError(const std::string& reply) {
  ErrorCode code = ErrorCode::kInternal;
  // Persistence or memory gone, a script in the way, another node in charge: all of it can pass.
  if (IsRedisElsewhere(reply) || StartsWithAny(reply, {"OOM", "MISCONF", "BUSY", "NOREPLICAS", "CLUSTERDOWN",
                                                       "TRYAGAIN", "NOAUTH", "ERR max number of clients"})) {
    code = ErrorCode::kUnavailable;
  } else if (StartsWithAny(reply, {"NOPERM", "WRONGPASS"})) {
    code = ErrorCode::kForbidden;
  }
  return {code, "Redis: " + reply.substr(0, 500)};
}

struct RedisTrust::Context {
  asio::ssl::context ssl{asio::ssl::context::tls_client};
};

Result<RedisTrust> RedisTrust::Make(const RedisOptions& options) {
  RedisTrust trust;
  if (!options.tls || !options.unix_path.empty()) return trust;
  trust.context_ = std::make_shared<Context>();
  asio::ssl::context& ssl = trust.context_->ssl;
  ssl.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                  asio::ssl::context::no_tlsv1_1);
  error_code error;
  if (!options.tls_verify) return trust;
  if (options.tls_ca_file.empty()) {
    ssl.set_default_verify_paths(error);
  } else {
    ssl.load_verify_file(options.tls_ca_file, error);
  }
  if (error) {
    return Fail(ErrorCode::kInvalid,
                "certificates for Redis, " + options.tls_ca_file + ": " + error.message());
  }
  ssl.set_verify_mode(asio::ssl::verify_peer, error);
  return trust;
}

namespace {

awaitable<error_code> ConnectTcp(tcp::resolver& resolver, tcp::socket& socket, const RedisOptions& options) {
  const auto [resolve_error, addresses] =
      co_await resolver.async_resolve(options.host, std::to_string(options.port), kToken);
  if (resolve_error) co_return resolve_error;
  const auto [error, endpoint] = co_await asio::async_connect(socket, addresses, kToken);
  if (error) co_return error;
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  if (options.keep_alive.count() > 0) {
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    const int seconds = std::max<int>(1, static_cast<int>(options.keep_alive.count() / 1000));
    using Idle = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPIDLE>;
    socket.set_option(Idle(seconds), ignored);
  }
  co_return error_code();
}

// What all kinds of streams have in common: reading and writing.
template <typename Stream>
class StreamLink : public RedisLink {
 public:
  template <typename... Args>
  explicit StreamLink(std::size_t max_reply_bytes, Args&&... args)
      : RedisLink(max_reply_bytes), stream_(std::forward<Args>(args)...) {}

  awaitable<error_code> write(std::span<const asio::const_buffer> buffers) override {
    const auto [error, size] = co_await asio::async_write(stream_, buffers, kToken);
    co_return error;
  }

  void close() override {
    error_code ignored;
    stream_.lowest_layer().close(ignored);
  }

 protected:
  awaitable<Got> readSome(asio::mutable_buffer into) override {
    const auto [error, size] = co_await stream_.async_read_some(into, kToken);
    co_return Got{error, size};
  }

  Stream stream_;
};

class UnixLink final : public StreamLink<Unix::socket> {
 public:
  using StreamLink::StreamLink;

 private:
  awaitable<error_code> connect(const RedisOptions& options) override {
    if (options.unix_path.size() > sizeof(sockaddr_un::sun_path) - 1) co_return asio::error::name_too_long;
    const auto [error] = co_await stream_.async_connect(Unix::endpoint(options.unix_path), kToken);
    co_return error;
  }
};

class TcpLink final : public StreamLink<tcp::socket> {
 public:
  TcpLink(std::size_t max_reply_bytes, const asio::any_io_executor& executor)
      : StreamLink(max_reply_bytes, executor), resolver_(executor) {}

  void close() override {
    resolver_.cancel();
    StreamLink::close();
  }

 private:
  awaitable<error_code> connect(const RedisOptions& options) override {
    return ConnectTcp(resolver_, stream_, options);
  }

  tcp::resolver resolver_;
};

class TlsLink final : public StreamLink<asio::ssl::stream<tcp::socket>> {
 public:
  TlsLink(std::size_t max_reply_bytes, const asio::any_io_executor& executor, RedisTrust trust)
      : StreamLink(max_reply_bytes, executor, trust.context()->ssl),
        trust_(std::move(trust)),
        resolver_(executor) {}

  void close() override {
    resolver_.cancel();
    StreamLink::close();
  }

 private:
  awaitable<error_code> connect(const RedisOptions& options) override {
    const error_code unreachable = co_await ConnectTcp(resolver_, stream_.next_layer(), options);
    if (unreachable) co_return unreachable;
    const std::string name = options.tls_server_name.empty() ? options.host : options.tls_server_name;
    error_code not_an_address;
    asio::ip::make_address(name, not_an_address);
    // An address is no server name in the sense of TLS.
    if (not_an_address) SSL_set_tlsext_host_name(stream_.native_handle(), name.c_str());
    if (options.tls_verify) stream_.set_verify_callback(asio::ssl::host_name_verification(name));
    const auto [error] = co_await stream_.async_handshake(asio::ssl::stream_base::client, kToken);
    co_return error;
  }

  RedisTrust trust_;
  tcp::resolver resolver_;
};

}  // namespace

awaitable<Result<std::shared_ptr<RedisLink>>> RedisLink::Open(asio::any_io_executor executor,
                                                              RedisOptions options, RedisTrust trust) {
  std::shared_ptr<RedisLink> link;
  if (!options.unix_path.empty()) {
    link = std::make_shared<UnixLink>(options.max_reply_bytes, executor);
  } else if (trust.context() != nullptr) {
    link = std::make_shared<TlsLink>(options.max_reply_bytes, executor, trust);
  } else {
    link = std::make_shared<TcpLink>(options.max_reply_bytes, executor);
  }
  const auto late = std::make_shared<bool>(false);
  asio::steady_timer timer(executor, options.connect_timeout);
  timer.async_wait([link, late](error_code error) {
    if (error) return;
    *late = true;
    link->close();
  });
  const error_code error = co_await link->connect(options);
  if (error && *late) co_return Away(options, "cannot be reached in time");
  if (error) co_return Away(options, error.message());
  const Result<void> greeted = co_await link->greet(options);
  timer.cancel();
  if (*late) co_return Away(options, "did not answer in time");
  if (!greeted) {
    link->close();
    co_return Away(options, greeted.error().message);
  }
  co_return link;
}

awaitable<Result<RedisValue>> RedisLink::read() {
  for (;;) {
    Result<std::optional<RedisValue>> next = reader_.next();
    if (!next) co_return std::unexpected(std::move(next.error()));
    if (*next) co_return std::move(**next);
    const Got got = co_await readSome(asio::buffer(buffer_));
    if (got.error) co_return Fail(ErrorCode::kUnavailable, "Redis: " + got.error.message());
    const Result<void> fed = reader_.feed({buffer_.data(), got.size});
    if (!fed) co_return std::unexpected(fed.error());
  }
}

awaitable<Result<RedisValue>> RedisLink::ask(std::vector<std::string_view> args) {
  const Result<RedisCommand> command = RedisCommand::Encode(args);
  if (!command) co_return std::unexpected(command.error());
  const std::array buffers{asio::buffer(command->bytes())};
  const error_code error = co_await write(buffers);
  if (error) co_return Fail(ErrorCode::kUnavailable, error.message());
  co_return co_await read();
}

awaitable<Result<void>> RedisLink::greet(const RedisOptions& options) {
  using Type = RedisValue::Type;
  const std::string db = std::to_string(options.db);
  std::vector<std::vector<std::string_view>> steps;
  if (!options.username.empty()) {
    steps.push_back({"AUTH", options.username, options.password});
  } else if (!options.password.empty()) {
    steps.push_back({"AUTH", options.password});
  }
  if (options.db != 0) steps.push_back({"SELECT", db});
  for (auto& step : steps) {
    const Result<RedisValue> reply = co_await ask(std::move(step));
    if (!reply) co_return std::unexpected(reply.error());
    if (reply->type == Type::kError) co_return std::unexpected(RedisReplyError(reply->text));
  }
  if (!options.client_name.empty()) {  // a convenience that an ACL may refuse
    const Result<RedisValue> reply = co_await ask({"CLIENT", "SETNAME", options.client_name});
    if (!reply) co_return std::unexpected(reply.error());
  }
  const Result<RedisValue> pong = co_await ask({"PING"});
  if (!pong) co_return std::unexpected(pong.error());
  if (pong->type == Type::kError && !pong->text.starts_with("NOPERM")) {
    co_return std::unexpected(RedisReplyError(pong->text));
  }
  co_return Result<void>();
}

}  // namespace codeapi
