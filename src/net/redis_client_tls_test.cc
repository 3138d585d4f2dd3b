// Whom the Redis client trusts.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/certificate_fixture.h"
#include "net/redis_client_fixture.h"
#include "net/redis_test_server.h"

namespace codeapi {
namespace {

// A server that speaks nothing but TLS on its port (and plainly on its socket).
class TlsRedis {
 public:
  explicit TlsRedis(const Certificate& certificate)
      : port_(RedisTestServer::FreePort()),
        server_({"--port", "0", "--tls-port", std::to_string(port_), "--tls-cert-file", certificate.path(),
                 "--tls-key-file", certificate.key_path(), "--tls-auth-clients", "no", "--tls-ca-cert-file",
                 certificate.path()}) {}

  RedisOptions options(const std::string& ca) const {
    RedisOptions options;
    options.port = port_;
    options.tls = true;
    options.tls_ca_file = ca;
    options.max_backoff = std::chrono::milliseconds(50);
    return options;
  }

 private:
  std::uint16_t port_;
  RedisTestServer server_;
};

TEST(RedisClientTls, TrustsTheAuthorityItIsGivenForItsNamesOnly) {
  const Certificate certificate("IP:127.0.0.1,DNS:redis.example");
  TlsRedis server(certificate);
  RedisOptions options = server.options(certificate.path());
  TestRedis right(options);
  EXPECT_EQ(right.text({"PING"}), "PONG");
  const std::string large(5uz << 20, 'x');
  EXPECT_EQ(right.text({"SET", "a", large}), "OK");
  EXPECT_TRUE(right.text({"GET", "a"}) == large);
  options.tls_server_name = "redis.example";
  TestRedis named(options);
  EXPECT_EQ(named.text({"PING"}), "PONG");
  options.tls_server_name = "other.example";
  TestRedis misnamed(options);
  EXPECT_EQ(misnamed.command({"PING"}).error().code, ErrorCode::kUnavailable);
  options.tls_verify = false;
  TestRedis careless(options);
  EXPECT_EQ(careless.text({"PING"}), "PONG");
}

TEST(RedisClientTls, TrustsNobodyElse) {
  const Certificate certificate;
  const Certificate another;
  TlsRedis server(certificate);
  TestRedis misled(server.options(another.path()));
  EXPECT_EQ(misled.command({"PING"}).error().code, ErrorCode::kUnavailable);
  TestRedis system(server.options(""));
  EXPECT_EQ(system.command({"PING"}).error().code, ErrorCode::kUnavailable);
  RedisOptions plain = server.options("");
  plain.tls = false;
  TestRedis plainly(plain);
  EXPECT_EQ(plainly.command({"PING"}).error().code, ErrorCode::kUnavailable);
  boost::asio::io_context io;
  const auto lost = RedisClient::Make(io.get_executor(), server.options("/nonexistent/ca.pem"));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::kInvalid);
  EXPECT_NE(lost.error().message.find("/nonexistent/ca.pem"), std::string::npos);
}

}  // namespace
}  // namespace codeapi
